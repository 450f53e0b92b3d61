"""Sorts paths, each with a value of fixed size, in flat memory.

Manifests and folders hold any number of names in any order, and what is asked of them (what is
here and not there, what is there twice) is answered by reading them side by side in the order
of their octets. What is more than a lot waits in a temporary file without a name, in sorted
runs; a list that comes sorted is one run.

Everything is done slice by slice, so that sorting, comparing and cutting are single calls.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import eq, gt
from typing import NamedTuple

from preservation.errors import MalformedError
from preservation.files.spool import Spool
from preservation.model.deferred import dataclass

LOT = 65_536  # records that are sorted at a time
LOT_OCTETS = 8 << 20  # and octets of their paths: a path can be as long as a line
_FAN = 128  # runs that are read side by side
_BLOCK = 256 << 10  # octets that are read of one run at a time, if it is the only one
_ALL_BLOCKS = 4 << 20  # of all runs together
_END = b"\0\0"  # of a path in the file


class Slice(NamedTuple):
    """Some records, in order.

    Attributes:
        paths: sorted by their octets.
        values: of all of them, one after the other.
    """

    paths: list[bytes]
    values: bytes

    @property
    def width(self) -> int:
        """Octets of one value."""
        return len(self.values) // len(self.paths) if self.paths else 0

    def value(self, number: int) -> bytes:
        """The value that belongs to the path of that number."""
        width = self.width
        return self.values[number * width : (number + 1) * width]

    def part(self, start: int, end: int) -> Slice:
        """Some of these records."""
        if start == 0 and end == len(self.paths):
            return self
        width = self.width
        return Slice(self.paths[start:end], self.values[start * width : end * width])


EMPTY = Slice([], b"")


@dataclass(slots=True)
class _Run:
    """Sorted records in the file: where their paths and values begin and end, and the last."""

    start: int
    end: int
    first: int
    last: bytes


class Sorter:
    """Records go in in any order and come out sorted; equal paths in the order they came.

    Args:
        width: octets of each value.
    """

    def __init__(self, width: int = 0) -> None:
        self.width = width
        self._count = 0
        self._paths: list[bytes] = []
        self._values = bytearray()
        self._octets = 0
        self._is_read = False
        self._lot: Slice | None = None  # all of it, sorted, while it is in memory
        self._spool: _Runs | None = None

    def __len__(self) -> int:
        return self._count

    def add(self, path: bytes, value: bytes = b"") -> None:
        """Take in one record; a path is not empty and holds no NUL, but one between two names."""
        self.extend([path], value)

    def extend(self, paths: Sequence[bytes], values: bytes = b"") -> None:
        """Take in some records.

        Raises:
            MalformedError: they were read already.
            NotNowError: the temporary file cannot be written.
        """
        if self._is_read:
            raise MalformedError("a sorter that was read takes in nothing more")
        self._paths += paths
        self._values += values
        self._count += len(paths)
        self._octets += sum(map(len, paths))
        if len(self._paths) >= LOT or self._octets >= LOT_OCTETS:
            self._spill()

    def slices(self) -> Iterator[Slice]:
        """All records in order; may be asked again, and after it nothing more goes in."""
        self._is_read = True
        if self._spool is None:
            if self._lot is None:
                self._lot = self._sorted_lot()
                self._paths, self._values = [], bytearray()
            if self._lot.paths:
                yield self._lot
            return
        if self._paths:
            self._spill()
        yield from self._spool.slices()

    def _sorted_lot(self) -> Slice:
        return _in_order(self._paths, bytes(self._values), self.width)

    def _spill(self) -> None:
        if self._spool is None:
            self._spool = _Runs(self.width)
        self._spool.write(self._sorted_lot())
        self._paths, self._values, self._octets = [], bytearray(), 0


class _Runs:
    """Sorted runs in temporary files."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._files = _Files(width)
        self._runs: list[_Run] = []

    def write(self, lot: Slice) -> None:
        """Append a sorted lot, to the last run if it goes on there."""
        start, first = self._files.append(lot)
        if self._runs and self._runs[-1].last <= lot.paths[0]:
            self._runs[-1].end = self._files.octets
            self._runs[-1].last = lot.paths[-1]
        else:
            self._runs.append(_Run(start, self._files.octets, first, lot.paths[-1]))

    def slices(self) -> Iterator[Slice]:
        while len(self._runs) > _FAN:
            self._merge()
        yield from self._read(self._runs)

    def _read(self, runs: list[_Run]) -> Iterator[Slice]:
        block = max(8 << 10, min(_BLOCK, _ALL_BLOCKS // len(runs)))
        readers = [_Reader(self._files.slices(run, block)) for run in runs]
        return _merged(readers, self._width)

    def _merge(self) -> None:
        """Make one run of each ``_FAN`` neighbours, in other files."""
        merged = _Runs(self._width)
        for start in range(0, len(self._runs), _FAN):
            for number, lot in enumerate(self._read(self._runs[start : start + _FAN])):
                if number == 0:
                    at, first = merged._files.append(lot)
                else:
                    merged._files.append(lot)
                last = lot.paths[-1]
            merged._runs.append(_Run(at, merged._files.octets, first, last))
        self._files, self._runs = merged._files, merged._runs


class _Files:
    """Paths with two NULs after each in one temporary file, values in another.

    A path may be two names with one NUL between them: such pairs sort as pairs do.
    """

    def __init__(self, width: int) -> None:
        self._paths, self._values = Spool(), Spool()
        self._width, self._count = width, 0

    @property
    def octets(self) -> int:
        """Where the next paths will begin."""
        return self._paths.octets

    def append(self, lot: Slice) -> tuple[int, int]:
        """Write records; returns where their paths begin and the number of the first."""
        before = self.octets, self._count
        self._paths.append(_END.join(lot.paths) + _END)
        self._values.append(lot.values)
        self._count += len(lot.paths)
        return before

    def slices(self, run: _Run, block: int) -> Iterator[Slice]:
        at, number, most = run.start, run.first, block
        while at < run.end:
            data = self._paths.read(at, min(most, run.end - at))
            cut = data.rfind(_END) + len(_END)
            if cut < len(_END):  # one path is longer than a block
                most *= 2
                continue
            paths = data[: cut - len(_END)].split(_END)
            values = b""
            if self._width:
                start, octets = number * self._width, len(paths) * self._width
                values = self._values.read(start, octets)
            yield Slice(paths, values)
            at, number, most = at + cut, number + len(paths), block


class _Reader:
    """One sorted stream, of which parts are taken."""

    def __init__(self, slices: Iterator[Slice]) -> None:
        self._slices = slices
        self._held, self._at = EMPTY, 0

    def fill(self) -> bool:
        """Hold something; False at the end."""
        while self._at == len(self._held.paths):
            following = next(self._slices, None)
            if following is None:
                self._held, self._at = EMPTY, 0
                return False
            self._held, self._at = following, 0
        return True

    @property
    def last(self) -> bytes:
        """The last path that is held."""
        return self._held.paths[-1]

    def take(self, bound: bytes) -> Slice:
        """What is held up to a path, that path with it."""
        start, self._at = self._at, bisect_right(self._held.paths, bound, self._at)
        return self._held.part(start, self._at)


def _merged(readers: list[_Reader], width: int) -> Iterator[Slice]:
    """Sorted streams as one."""
    while readers := [reader for reader in readers if reader.fill()]:
        bound = min(reader.last for reader in readers)
        parts = [part for reader in readers if (part := reader.take(bound)).paths]
        if len(parts) == 1:
            yield parts[0]
            continue
        paths = [path for part in parts for path in part.paths]
        yield _in_order(paths, b"".join(part.values for part in parts), width)


def aligned(streams: Sequence[Iterable[Slice]]) -> Iterator[tuple[Slice, ...]]:
    """Several sorted streams side by side: each tuple holds the same stretch of names of all.

    A stream in which a path stands twice has to go through :func:`distinct` before.
    """
    readers = [_Reader(iter(stream)) for stream in streams]
    while True:
        bounds = [reader.last for reader in readers if reader.fill()]
        if not bounds:
            return
        bound = min(bounds)
        yield tuple(reader.take(bound) for reader in readers)


def distinct(
    slices: Iterable[Slice], tell: Callable[[bytes, bool], None] | None = None
) -> Iterator[Slice]:
    """A sorted stream with the first record of each path only.

    Args:
        tell: hears of each record that is left out: its path, and whether its value is the
            same as the first one's.
    """
    path, value = b"", b""
    for piece in slices:
        paths = piece.paths
        if paths[0] == path or any(map(eq, paths, islice(paths, 1, None))):
            kept, values = [], []
            for number, each in enumerate(paths):
                if each != path:
                    path, value = each, piece.value(number)
                    kept.append(path)
                    values.append(value)
                elif tell is not None:
                    tell(path, piece.value(number) == value)
            if kept:
                yield Slice(kept, b"".join(values))
        else:
            path, value = paths[-1], piece.value(len(paths) - 1)
            yield piece


def _in_order(paths: list[bytes], values: bytes, width: int) -> Slice:
    if not any(map(gt, paths, islice(paths, 1, None))):
        return Slice(paths, values)
    if not width:
        return Slice(sorted(paths), b"")
    order = sorted(range(len(paths)), key=paths.__getitem__)
    return Slice(
        [paths[number] for number in order],
        b"".join([values[number * width : (number + 1) * width] for number in order]),
    )
