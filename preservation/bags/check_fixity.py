"""Reads every listed file of a bag once and compares it with every manifest that lists it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from preservation.bags.contents import Listing
from preservation.bags.findings import Findings
from preservation.fixity.engine import EngineSettings, measure
from preservation.fixity.reading import Measured, Reading
from preservation.model.digest import Algorithm
from preservation.model.names import display
from preservation.model.progress import Progress

_CODES = {
    Reading.MISSING: "BAG-FILE-MISSING",
    Reading.IRREGULAR: "BAG-FILE-IRREGULAR",
    Reading.UNREADABLE: "BAG-FILE-UNREADABLE",
    Reading.UNCHECKED: "BAG-FILE-UNREADABLE",
}


def algorithms_of(listings: Iterable[Listing]) -> tuple[Algorithm, ...]:
    """Every algorithm that we can compute, of any of the manifests."""
    found = (listing.name.algorithm for listing in listings)
    return tuple(dict.fromkeys(algorithm for algorithm in found if algorithm is not None))


class FixityCheck:
    """Compares files with manifests.

    Args:
        base: the bag.
        findings: where to tell what differs.
        settings: how hard to work.
        progress: hears of every octet.
        cancelled: asked now and then.
    """

    def __init__(
        self,
        base: Path,
        findings: Findings,
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> None:
        self._base, self._findings = base, findings
        self._settings, self._progress, self._cancelled = settings, progress, cancelled

    def run(
        self,
        present: Iterable[bytes],
        listings: Sequence[Listing],
        renamed: Mapping[bytes, bytes] | None = None,
    ) -> bool:
        """Read files and compare them.

        Args:
            present: the files to read, by their paths on disk; others are passed over.
            listings: what they should be.
            renamed: path on disk by the listed one, where they differ.

        Returns:
            True if every one of the files was read to its end.
        """
        names = {on_disk: path for path, on_disk in (renamed or {}).items()}
        results = measure(
            self._base,
            present,
            algorithms_of(listings),
            self._settings,
            self._progress,
            self._cancelled,
        )
        all_read = True
        for result in results:
            if result.reading is Reading.READ:
                self._compare(result, names.get(result.path, result.path), listings)
            else:
                all_read = False
                code, reason = _CODES[result.reading], f"{result.reason}."
                self._findings.add(code, display(result.path), reason)
        return all_read

    def _compare(self, result: Measured, listed: bytes, listings: Sequence[Listing]) -> None:
        for listing in listings:
            wanted, algorithm = listing.entries.get(listed), listing.name.algorithm
            if not wanted or algorithm is None:
                continue  # not in this one, or already told as impossible to use
            if result.digests[algorithm].value != wanted:
                self._findings.add(
                    "BAG-FILE-DIFFERS",
                    display(result.path),
                    f"{display(listing.name.name)} says {wanted.hex()}, "
                    f"the bytes give {result.digests[algorithm].hex}.",
                )
