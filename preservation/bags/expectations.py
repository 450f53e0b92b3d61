"""What the payload of a sealed bag must be: sorted lists that wait on disk where they are long.

No trust is decided here: see :mod:`preservation.bags.trust`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from preservation.files.sorting import Slice, Sorter, aligned
from preservation.fixity.compare import Expected
from preservation.model.digest import Algorithm, Digest

Missing = Callable[[bytes, Digest], None]


class Payload:
    """Payload files and the digests that they must have.

    Attributes:
        algorithms: of the manifests that were taken in.
    """

    def __init__(self) -> None:
        self.algorithms: tuple[Algorithm, ...] = ()
        self._lists: list[Sorter] = []

    def __len__(self) -> int:
        return len(self._lists[0]) if self._lists else 0

    def accept(self, algorithm: Algorithm, records: Sorter) -> bool:
        """Take in one manifest's paths and raw digests; False if it names other files."""
        if any(before.paths != new.paths for before, new in self._beside(records)):
            return False
        self._lists.append(records)
        self.algorithms += (algorithm,)
        return True

    def batches(self) -> Iterator[Expected]:
        """All of it, in the order of paths."""
        for pieces in self._pieces():
            columns = tuple(piece.values for piece in pieces)
            yield Expected(pieces[0].paths, self.algorithms, columns)

    def names(self) -> Iterator[Slice]:
        """Paths alone, sorted."""
        return iter(()) if not self._lists else self._lists[0].slices()

    def in_order(self) -> PayloadInOrder:
        """For files that come in the order of their paths."""
        return PayloadInOrder(self._pieces(), self.algorithms)

    def _pieces(self) -> Iterator[tuple[Slice, ...]]:
        return aligned([records.slices() for records in self._lists])

    def _beside(self, records: Sorter) -> Iterator[tuple[Slice, ...]]:
        return aligned([self._lists[0].slices(), records.slices()]) if self._lists else iter(())


class PayloadInOrder:
    """Finds what each file must be, and what was passed over.

    Attributes:
        reached: files that were found or passed over.
    """

    def __init__(
        self, pieces: Iterator[tuple[Slice, ...]], algorithms: tuple[Algorithm, ...]
    ) -> None:
        self._pieces, self._algorithms = pieces, algorithms
        self._held: tuple[Slice, ...] = ()
        self._at = 0
        self.reached = 0

    def find(self, path: bytes, missing: Missing) -> tuple[Digest, ...]:
        """The digests of a path that comes after all those asked for before.

        Args:
            missing: hears of each file that stands before it and was not asked for.

        Returns:
            Nothing if the path is not listed, or not in order.
        """
        while (listed := self._next()) is not None and listed <= path:
            digests = self._take()
            if listed == path:
                return digests
            missing(listed, digests[0])
        return ()

    def rest(self, missing: Missing) -> None:
        """All that was not asked for."""
        while (listed := self._next()) is not None:
            missing(listed, self._take()[0])

    def _next(self) -> bytes | None:
        while not self._held or self._at == len(self._held[0].paths):
            following = next(self._pieces, None)
            if following is None:
                return None
            self._held, self._at = following, 0
        return self._held[0].paths[self._at]

    def _take(self) -> tuple[Digest, ...]:
        at, self._at = self._at, self._at + 1
        self.reached += 1
        return tuple(
            Digest(algorithm, piece.value(at))
            for algorithm, piece in zip(self._algorithms, self._held, strict=True)
        )
