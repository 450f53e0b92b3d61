"""The findings of one bag, collected in bounded memory."""

from __future__ import annotations

from collections import Counter

from preservation.bags.codes import CODES
from preservation.bags.lenient import SOFTENED, Leniency
from preservation.model.finding import Finding, Severity

CAP = 1000  # findings of one code that are told one by one

UNCHECKED = "BAG-UNCHECKED"  # said of what we could not look at: no verdict on the bag
_OF_A_WHOLE = frozenset(
    {
        *("BAG-DECLARATION-MISSING", "BAG-PAYLOAD-FOLDER", "BAG-MANIFEST-MISSING"),
        *("BAG-MANIFEST-DIFFER", "BAG-TAGMANIFEST-PARTIAL", "BAG-FILE-MISSING"),
        *("BAG-FILE-UNLISTED", "BAG-TAG-UNLISTED", "BAG-FETCH-ABSENT", "BAG-FETCH-PATH"),
        *("BAG-OXUM", "BAG-OXUM-ABSENT"),
    }
)


class Findings:
    """Collects findings of one bag, in order; memory stays bounded whatever the bag holds.

    Attributes:
        legacy: the bag declares a version before 1.0.
        strict: warnings count as errors.
        lenient: what is only warned of although it is an error.
        unfinished: the bag's archive could not be read to its end, so what seems to be missing
            may be there: that is not told.
        used: those of ``lenient`` that were made use of.
    """

    def __init__(self, *, strict: bool = False, lenient: frozenset[Leniency] = frozenset()) -> None:
        self.legacy = False
        self.strict = strict
        self.lenient = lenient
        self.unfinished = False
        self.used: set[Leniency] = set()
        self._told: list[Finding] = []
        self._counts: Counter[str] = Counter()

    def add(self, code: str, subject: str, detail: str = "") -> None:
        """Record one. Beyond ``CAP`` of one code they are only counted.

        Args:
            code: one of ``CODES``.
            subject: what it is about, printable.
            detail: what exactly was found, no full stop; the table's meaning goes before it.
        """
        if self.unfinished and code in _OF_A_WHOLE:
            return
        self._counts[code] += 1
        leniency = SOFTENED.get(code)
        if leniency in self.lenient and self._by_version(code) is Severity.ERROR:
            self.used.add(leniency)
        if self._counts[code] <= CAP:
            entry = CODES[code]
            message = f"{entry.meaning} {detail}".rstrip()
            self._told.append(Finding(code, subject, message, entry.hint, self.severity(code)))

    def severity(self, code: str) -> Severity:
        """How much a code matters in this bag."""
        if SOFTENED.get(code) in self.lenient:
            return Severity.WARNING
        return Severity.ERROR if self.strict else self._by_version(code)

    def _by_version(self, code: str) -> Severity:
        entry = CODES[code]
        return entry.before_1_0 if self.legacy else entry.severity

    def count(self, severity: Severity) -> int:
        """How many there are, those beyond the cap with them."""
        counts = self._counts.items()
        return sum(count for code, count in counts if self.severity(code) is severity)

    @property
    def undecided(self) -> bool:
        """There are errors, and all of them say that something could not be looked at."""
        counts = self._counts.items()
        errors = {code for code, _ in counts if self.severity(code) is Severity.ERROR}
        return errors == {UNCHECKED}

    def all(self) -> tuple[Finding, ...]:
        """Every finding, and for each code beyond the cap one more that counts the rest."""
        rest = tuple(
            Finding(
                code,
                "the bag",
                f"{CODES[code].meaning} So do {count - CAP} more.",
                CODES[code].hint,
                self.severity(code),
            )
            for code, count in self._counts.items()
            if count > CAP
        )
        return (*self._told, *rest)
