"""Reads every listed file of a bag once and compares it with every manifest that lists it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from preservation.bags.contents import Listing
from preservation.bags.findings import UNCHECKED, Findings
from preservation.bags.origin import Origin
from preservation.files.sorting import Slice, Sorter, aligned, distinct
from preservation.fixity.compare import Expected, Unequal
from preservation.fixity.reading import Reading
from preservation.model.digest import Algorithm
from preservation.model.names import display

_CODES = {
    Reading.MISSING: "BAG-FILE-MISSING",
    Reading.IRREGULAR: "BAG-FILE-IRREGULAR",
    Reading.UNREADABLE: "BAG-FILE-UNREADABLE",
    Reading.UNCHECKED: UNCHECKED,
}


def algorithms_of(listings: Iterable[Listing]) -> tuple[Algorithm, ...]:
    """Every algorithm that we can compute, of any of the manifests."""
    found = (listing.name.algorithm for listing in listings)
    return tuple(dict.fromkeys(algorithm for algorithm in found if algorithm is not None))


class FixityCheck:
    """Compares files with manifests.

    Args:
        origin: where the bag's bytes come from.
        findings: where to tell what differs.

    Attributes:
        octets: that were read.
        complete: every one of the files was read to its end and compared.
    """

    def __init__(self, origin: Origin, findings: Findings) -> None:
        self._origin, self._findings = origin, findings
        self.octets = 0
        self.complete = True

    def run(
        self, present: Sorter, listings: Sequence[Listing], renamed: Sorter | None = None
    ) -> None:
        """Read files and compare them; those that no manifest lists are passed over.

        Args:
            present: files that are there, by their paths on disk.
            listings: what they should be.
            renamed: listed path, NUL, path on disk, where they differ.
        """
        for round_ in _rounds(listings):
            batches = _Batches(present, list(round_.values()), renamed)
            for done in self._origin.compare(iter(batches), tuple(round_)):
                self.octets += done.octets
                for unequal in done.unequal:
                    self._tell(unequal, round_)
            self.complete = self.complete and not batches.unusable

    def _tell(self, unequal: Unequal, listings: Mapping[Algorithm, Listing]) -> None:
        seen = unequal.seen
        if seen.reading is not Reading.READ:
            self.complete = False
            self._findings.add(_CODES[seen.reading], display(seen.path), f"{seen.reason}.")
            return
        for wanted in unequal.expected:
            found = seen.digests[wanted.algorithm]
            if found != wanted:
                name = display(listings[wanted.algorithm].name.name)
                detail = f"{name} says {wanted.hex}, the bytes give {found.hex}."
                self._findings.add("BAG-FILE-DIFFERS", display(seen.path), detail)


def _rounds(listings: Iterable[Listing]) -> Iterator[dict[Algorithm, Listing]]:
    """Manifests by algorithm; where several are of one, in more than one round."""
    left = list(listings)
    while left:
        found: dict[Algorithm, Listing] = {}
        again = []
        for listing in left:
            algorithm = listing.name.algorithm
            if algorithm is not None and found.setdefault(algorithm, listing) is not listing:
                again.append(listing)
        if found:
            yield found
        left = again


class _Batches:
    """What is to be compared with what, some files at a time.

    Attributes:
        unusable: a file is listed with a digest that is none.
    """

    def __init__(
        self, present: Sorter, listings: Sequence[Listing], renamed: Sorter | None
    ) -> None:
        self._present, self._listings, self._renamed = present, listings, renamed
        self._algorithms = algorithms_of(listings)
        self._on_disk: dict[bytes, bytes] = {}  # by listed path, of the slice that is at work
        self.unusable = False

    def __iter__(self) -> Iterator[Expected]:
        streams = [distinct(self._present.slices()), self._listed_renamed()]
        streams += [listing.slices() for listing in self._listings]
        streams += [distinct(listing.unusable.slices()) for listing in self._listings]
        count = len(self._listings)
        for present, renamed, *rest in aligned(streams):
            lists, unusable = rest[:count], rest[count:]
            odd = bool(renamed.paths) or any(each.paths for each in unusable)
            if not odd and all(each.paths == present.paths for each in lists):
                columns = tuple(each.values for each in lists)
                yield Expected(present.paths, self._algorithms, columns)
            else:
                yield from self._one_by_one(present, renamed.paths, lists, unusable)

    def _one_by_one(
        self,
        present: Slice,
        renamed: Sequence[bytes],
        lists: Sequence[Slice],
        unusable: Sequence[Slice],
    ) -> Iterator[Expected]:
        """Files that are not in all manifests alike: a batch for each choice of manifests."""
        on_disk = {path: path for path in present.paths}
        on_disk |= {path: self._on_disk.pop(path) for path in renamed}
        chosen: dict[bytes, list[tuple[Algorithm, bytes]]] = {}
        for algorithm, listed, bad in zip(self._algorithms, lists, unusable, strict=True):
            without = set(bad.paths)
            self.unusable = self.unusable or bool(without)
            for number, path in enumerate(listed.paths):
                if path in on_disk and path not in without:
                    chosen.setdefault(path, []).append((algorithm, listed.value(number)))
        alike: dict[tuple[Algorithm, ...], list[bytes]] = {}
        for path in sorted(chosen):
            alike.setdefault(tuple(each for each, _ in chosen[path]), []).append(path)
        for algorithms, paths in alike.items():
            digests = ([chosen[path][n][1] for path in paths] for n in range(len(algorithms)))
            columns = tuple(map(b"".join, digests))
            yield Expected([on_disk[path] for path in paths], algorithms, columns)

    def _listed_renamed(self) -> Iterator[Slice]:
        """The listed names of what is on disk under others."""
        for piece in () if self._renamed is None else self._renamed.slices():
            both = [pair.partition(b"\0") for pair in piece.paths]
            self._on_disk |= {listed: on_disk for listed, _, on_disk in both}
            yield Slice([listed for listed, _, _ in both], b"")
