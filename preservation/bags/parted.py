"""Parts of a very large sealed bag: each is verified by itself, and all of them are the whole.

Where the parts are cut follows from what is under the seal alone: the payload manifest says which
files there are, the inventory how large each is. So every reader cuts at the same places, on any
day, whatever the replica holds by then. A part is a stretch of the payload in the order of paths;
the first one has the tag files, too.

Source: ``docs/formats/check.md``, "Parts".
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain

from preservation.bags.expectations import Payload
from preservation.bags.trust import Trust
from preservation.bags.verification import Verification
from preservation.files.sorting import Sorter
from preservation.fixity.compare import Expected
from preservation.fixity.multihash import MultiHash
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.names import unescaped

INVENTORY = b"metadata/inventory.csv"
_WIDTH = 8  # octets of a size in a sorter


class UndividedError(Exception):
    """The replica does not say where to cut it: it has to be read as a whole."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts of a bag; the first is number 1."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class PartSeen:
    """What reading one part came to.

    Attributes:
        mark: what the part's files looked like from outside before they were read.
    """

    verified: Verification
    mark: str


class Cut:
    """Where a bag is cut.

    Args:
        payload: from a manifest under the seal.
        sizes: each payload file's, from the inventory under the seal.
    """

    def __init__(self, payload: Payload, sizes: Sizes, of: int) -> None:
        self._payload, self._sizes, self._of = payload, sizes, of
        if len(payload) != len(sizes):
            raise UndividedError("the inventory and the manifest name other files")

    def stretches(self) -> Iterator[tuple[int, Expected, list[int]]]:
        """All payload files in order: the number of their part, what they must be, their sizes.

        Raises:
            UndividedError: the inventory does not fit the manifest.
        """
        before, total, sized = 0, max(1, self._sizes.total), self._sizes.in_order()
        for batch in self._payload.batches():
            numbers, sizes = list[int](), list[int]()
            for path in batch.paths:
                name, octets = next(sized)
                if name != path:
                    raise UndividedError("the inventory and the manifest name other files")
                numbers.append(min(self._of, 1 + before * self._of // total))
                sizes.append(octets)
                before += octets
            start = 0
            while start < len(numbers):  # numbers only grow: runs of equal ones
                end = start + numbers.count(numbers[start])
                yield numbers[start], _some(batch, start, end), sizes[start:end]
                start = end


class Sizes:
    """The sizes of payload files, read from an inventory; they wait on disk where they are many.

    Attributes:
        total: of all.
        observed: the inventory's SHA-256, once it was read.
    """

    def __init__(self) -> None:
        self._sorter = Sorter(_WIDTH)
        self.total = 0
        self.observed: Digest | None = None

    def __len__(self) -> int:
        return len(self._sorter)

    def read(self, blocks: Iterable[bytes]) -> Digest:
        """Take in an inventory's octets, all of them in any case; returns their SHA-256."""
        hashes, left = MultiHash([Algorithm.SHA256]), iter(blocks)
        try:
            self._read(_hashed(left, hashes))
        except (csv.Error, KeyError, ValueError, IndexError):
            self._sorter, self.total = Sorter(_WIDTH), 0  # then it fits no manifest
        for _ in _hashed(left, hashes):
            pass
        self.observed = hashes.digests()[Algorithm.SHA256]
        return self.observed

    def believed(self, trust: Trust) -> None:
        """Raises:
        UndividedError: it was not there, or is not the inventory under the seal.
        """
        if self.observed is None or self.observed not in trust.expected(INVENTORY):
            raise UndividedError(
                "there is no intact inventory in it, which says how large files are"
            )

    def in_order(self) -> Iterator[tuple[bytes, int]]:
        """Path and size of each file."""
        for piece in self._sorter.slices():
            for number, path in enumerate(piece.paths):
                yield path, int.from_bytes(piece.value(number), "big")

    def _read(self, blocks: Iterable[bytes]) -> None:
        rows = csv.reader(_lines(blocks))
        header = next(rows, [])
        path, octets = header.index("path"), header.index("bytes")
        for row in rows:
            size = int(row[octets])
            self._sorter.add(unescaped(row[path]), size.to_bytes(_WIDTH, "big"))
            self.total += size


def _hashed(blocks: Iterable[bytes], hashes: MultiHash) -> Iterator[bytes]:
    for block in blocks:
        hashes.update(block)
        yield block


def _lines(blocks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for block in chain(blocks, [b""]):
        *whole, rest = (rest + block).split(b"\n")
        yield from (f"{line.decode()}\n" for line in whole)
    if rest:
        yield rest.decode()


def _some(batch: Expected, start: int, end: int) -> Expected:
    columns = zip(batch.algorithms, batch.digests, strict=True)
    digests = tuple(column[start * each.octets : end * each.octets] for each, column in columns)
    return Expected(batch.paths[start:end], batch.algorithms, digests)
