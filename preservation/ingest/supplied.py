"""Digests that came along, held against what was read: for each file one word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field

from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Comparison, Digest
from preservation.model.finding import Finding, Severity
from preservation.model.names import display

_SHOWN = 3  # names of files without a digest


@dataclass(frozen=True, slots=True)
class Supplied:
    """What came along.

    Attributes:
        digests: by payload path.
        exhaustive: whether a file that has no supplied digest is an error (a bag's manifests)
            or only counted (a checksum list).
        lists: payload files that are lists of digests themselves: nobody expects one of them.
    """

    digests: Mapping[bytes, tuple[Digest, ...]]
    exhaustive: bool
    lists: frozenset[bytes] = frozenset()

    @property
    def algorithms(self) -> set[Algorithm]:
        """What is needed to verify them."""
        return {digest.algorithm for digests in self.digests.values() for digest in digests}


@dataclass(slots=True)
class Comparing:
    """Compares file by file, and counts."""

    supplied: Supplied
    matched: int = 0
    differs: int = 0
    unlisted: int = 0
    absent: int = 0
    _met: set[bytes] = field(default_factory=set)  # files that a supplied digest was met for
    _without: list[bytes] = field(default_factory=list)  # the first files without one

    @property
    def counts(self) -> dict[str, int]:
        """How the digests that came along fared; empty if none came."""
        if not (self.matched or self.differs or self.absent):
            return {}
        return {
            "matched": self.matched,
            "differs": self.differs,
            "absent": self.absent,
            "unlisted": self.unlisted,
        }

    def compare(
        self, path: bytes, seen: Mapping[Algorithm, Digest], again: Callable[[], None]
    ) -> Iterator[Finding]:
        """Hold one payload file's digests against those that came along for it.

        Args:
            again: called before one is told to differ; what it raises stands in its place.
        """
        expected = self.supplied.digests.get(path)
        if not expected:  # a listed name whose digest says nothing is not listed
            yield from self._has_none(path)
            return
        self._met.add(path)
        wrong = [
            digest
            for digest in expected
            if digest.compare(seen[digest.algorithm]) is not Comparison.SAME
        ]
        if not wrong:
            self.matched += 1
            return
        again()
        self.differs += 1
        yield Finding(
            "DEP-DIGEST-DIFFERS",
            display(path),
            f"the depositor's digest is {wrong[0]}, the file's is {seen[wrong[0].algorithm]}",
            "send the file again, or mend the list of digests",
        )

    def _has_none(self, path: bytes) -> Iterator[Finding]:
        if path in self.supplied.lists:
            return
        self.unlisted += 1
        if self.supplied.exhaustive:
            yield Finding(
                "DEP-NOT-LISTED",
                display(path),
                "lies in the payload, but in none of the bag's manifests",
                "add it to the manifests, or take it out",
            )
        elif len(self._without) < _SHOWN:
            self._without.append(path)

    def missing(self) -> Iterator[Finding]:
        """After the last file: what was listed and did not come, and how many came unlisted."""
        for path, digests in self.supplied.digests.items():
            if digests and path not in self._met:
                self.absent += 1
                yield Finding(
                    "DEP-ABSENT",
                    display(path),
                    "a digest came along for it, but the file did not",
                    "send the file, or take it off the list",
                    # A bag's manifest is a promise; a list may speak of more than was sent.
                    Severity.ERROR if self.supplied.exhaustive else Severity.WARNING,
                )
        if self.counts and self.unlisted and not self.supplied.exhaustive:
            yield self._partial()

    def _partial(self) -> Finding:
        listed = self.matched + self.differs
        shown = ", ".join(display(path) for path in self._without)
        more = ", …" if self.unlisted > len(self._without) else ""
        return Finding(
            "DEP-LIST-PARTIAL",
            "",
            f"{self.unlisted} of {listed + self.unlisted} files have no digest in the lists that "
            f"came along: {shown}{more}",
            "nobody can tell whether these came as they were sent: list them too",
            Severity.WARNING,
        )
