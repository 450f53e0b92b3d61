"""The result of verifying one sealed bag: an outcome, every count, and the bad files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from preservation.bags.trust import Trust
from preservation.fixity.reading import Reading
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Comparison, Digest
from preservation.model.names import display
from preservation.model.outcome import Outcome, worst

CAP = 10_000  # bad files that are told one by one

OUTCOMES = {
    Reading.MISSING: Outcome.MISSING,
    Reading.UNREADABLE: Outcome.UNREADABLE,
    Reading.UNCHECKED: Outcome.UNCHECKED,
    Reading.IRREGULAR: Outcome.ALTERED,  # something else stands in the file's place
}


@dataclass(frozen=True, slots=True)
class FileFinding:
    """One file that is not intact.

    Attributes:
        path: relative to the bag; empty for the replica as a whole.
        expected: None where nothing vouches for such a file.
        observed: None where it was not read to its end.
        octets: seen while reading; 0 where it was not.
        reason: for people.
    """

    path: bytes
    outcome: Outcome
    expected: Digest | None
    observed: Digest | None
    octets: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        """For result documents."""
        return {
            "path": display(self.path),
            "outcome": self.outcome.value,
            "expected": str(self.expected or ""),
            "observed": str(self.observed or ""),
            "bytes": self.octets,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """What one fixity check of a replica found.

    Attributes:
        outcome: the worst of all.
        counts: files by outcome; those that are intact too.
        files: the bad ones, ``CAP`` at most.
        more: bad ones beyond the cap.
        algorithms: those whose payload digests were really compared; empty if none were.
        cache_bypassed: the bytes came from the medium, as far as that can be had.
        all_digests: the bag has no payload manifest of any other algorithm.
    """

    outcome: Outcome
    counts: Mapping[Outcome, int]
    files: tuple[FileFinding, ...]
    more: int
    octets_read: int
    algorithms: tuple[Algorithm, ...]
    cache_bypassed: bool
    all_digests: bool = False

    def to_json(self) -> dict[str, Any]:
        """For result documents."""
        return {
            "outcome": self.outcome.value,
            "counts": {outcome.value: n for outcome, n in self.counts.items() if n},
            "files": [each.to_json() for each in self.files],
            "more": self.more,
            "bytes_read": self.octets_read,
            "algorithms": [algorithm.value for algorithm in self.algorithms],
            "cache_bypassed": self.cache_bypassed,
        }


class Tally:
    """Counts outcomes and keeps the bad files, up to a cap.

    Attributes:
        octets_read: of all files.
    """

    def __init__(self) -> None:
        self.octets_read = 0
        self._counts: Counter[Outcome] = Counter()
        self._files: list[FileFinding] = []

    def bad(
        self,
        path: bytes,
        outcome: Outcome,
        reason: str,
        *,
        expected: Digest | None = None,
        observed: Digest | None = None,
        octets: int = 0,
    ) -> None:
        """A file that is not intact."""
        self._counts[outcome] += 1
        if len(self._files) < CAP:
            found = FileFinding(path, outcome, expected, observed, octets, reason)
            self._files.append(found)

    def compare(
        self,
        path: bytes,
        octets: int,
        expected: Sequence[Digest],
        observed: Mapping[Algorithm, Digest],
    ) -> bool:
        """Weigh a file that was read to its end; True if it is intact."""
        for want in expected:
            got = observed.get(want.algorithm)
            if got is None or want.compare(got) is not Comparison.SAME:
                reason = "its bytes are not those that were sealed"
                self.bad(path, Outcome.ALTERED, reason, expected=want, observed=got, octets=octets)
                return False
        if not expected:
            self.bad(path, Outcome.ALTERED, "not listed in any sealed manifest", octets=octets)
            return False
        self._counts[Outcome.INTACT] += 1
        return True

    def intact(self, files: int) -> None:
        """Files that were compared elsewhere, and equal what was sealed."""
        if files:
            self._counts[Outcome.INTACT] += files

    def unchecked(self, files: int) -> None:
        """Files that could not be reached, and that are not worth a line each."""
        self._counts[Outcome.UNCHECKED] += files

    @property
    def is_intact(self) -> bool:
        """True if nothing bad was found so far."""
        return not (self._counts.keys() - {Outcome.INTACT})

    def result(self, trust: Trust, *, cache_bypassed: bool) -> Verification:
        """The whole, compared with what a seal vouches for."""
        counts = +self._counts
        bad = sum(count for outcome, count in counts.items() if outcome is not Outcome.INTACT)
        return Verification(
            worst(counts),
            dict(counts),
            tuple(self._files),
            bad - len(self._files),
            self.octets_read,
            trust.compared,
            cache_bypassed,
            trust.is_whole,
        )
