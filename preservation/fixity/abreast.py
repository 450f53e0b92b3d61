"""Reads several files at once in one thread, block by block, so that lanes hash them together.

What is plain is read here. A file that cannot be opened, is none, grows without end or is in any
other trouble is left to the one who reads files one after the other, and knows what to say.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Generic, NamedTuple, TypeVar

from preservation.files import durable
from preservation.files.memory import SPARE
from preservation.fixity import reading, sha2
from preservation.fixity.lanes import Beside
from preservation.fixity.multihash import Hash, new_hash
from preservation.fixity.reading import Measured, Reader, Reading, filling, is_endless
from preservation.model.digest import Algorithm, Digest

_HELD = 1  # blocks of each file that a thread may have before it when it is given others
T = TypeVar("T")
_CROWDED = {errno.EMFILE, errno.ENFILE}  # as many files are open as may be


class Wanted(NamedTuple, Generic[T]):
    """A file to read.

    Attributes:
        asked: what its asker calls it.
        company: how many files are read abreast with it, itself included.
    """

    asked: T
    path: bytes
    algorithms: tuple[Algorithm, ...]
    company: int


class _File:
    """One that is open."""

    __slots__ = ("fd", "hashes", "octets", "read", "size", "slot", "streams", "wanted")

    def __init__(
        self,
        wanted: Wanted[Any],
        fd: int,
        read: Callable[[memoryview], int],
        size: int,
        slot: int,
    ) -> None:
        self.wanted, self.fd, self.read, self.size, self.slot = wanted, fd, read, size, slot
        self.octets = 0
        self.streams: dict[Algorithm, sha2.Stream] = {}
        self.hashes: dict[Algorithm, Hash] = {}
        for each in wanted.algorithms:
            name = each.hashlib_name
            if name in sha2.LANES and wanted.company >= sha2.PAYS[name]:
                self.streams[each] = sha2.stream(name)
            else:
                self.hashes[each] = new_hash(each)

    def close(self) -> bool:
        """Close it; false where a file system tells only then that something went wrong."""
        try:
            os.close(self.fd)
        except OSError:
            return False
        return True

    def measured(self) -> Measured:
        """Its result, once all its octets were hashed."""
        taken = self.streams | self.hashes
        digests = {each: Digest(each, taken[each].digest()) for each in self.wanted.algorithms}
        return Measured(
            self.wanted.path,
            Reading.READ,
            self.octets,
            digests,
            size=self.size,
            in_lanes=bool(self.streams),
        )


_Turn = Sequence[tuple[_File, memoryview]]


class _Column:
    """One digest of all files."""

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm

    def update(self, turn: _Turn) -> None:
        """Hash a block of each."""
        each = self._algorithm
        abreast = [(file.streams[each], block) for file, block in turn if each in file.streams]
        if abreast:
            streams, blocks = zip(*abreast, strict=True)
            sha2.update(streams, blocks)
        for file, block in turn:
            if each in file.hashes:
                file.hashes[each].update(block)


class Abreast:
    """Reads files of one root, several at once; for one thread. Use :meth:`end` at its end.

    Args:
        reader: of that root; reads what is left to it.
        idle: whether a core has nothing to do: then each digest but the first is taken by a
            thread of its own; and the first one, too, where reading waits for the medium.
        drop_cache: as of the reader.
    """

    def __init__(self, reader: Reader, idle: Callable[[], bool], *, drop_cache: bool) -> None:
        self._reader, self._idle, self._drop_cache = reader, idle, drop_cache
        self._columns: dict[Algorithm, _Column] = {}
        self._last: list[Algorithm] = []  # whose digests the last blocks went to
        self._behind: dict[Algorithm, Beside[_Turn]] = {}
        self._buffers: list[memoryview] = []
        self._at = 0
        self._crowded: list[Wanted[Any]] = []  # for which too many are open

    def read(
        self, more: Callable[[int], Sequence[Wanted[T]]]
    ) -> Generator[tuple[T, Measured], None, None]:
        """Read files until there are no more; results come with what their asker calls them.

        Args:
            more: gives further files, told how many are being read; none for none.

        Raises:
            StoppedError: cancelled.
        """
        files: list[_File] = []
        slots = list(range(max(sha2.LANES.values(), default=1)))
        try:
            while (wanted := [] if self._crowded else more(len(files))) or files or self._crowded:
                yield from self._begin(wanted, files, slots)
                if files:
                    yield from self._go_on(files, slots)
        finally:
            for file in files:
                file.close()

    def _begin(
        self, wanted: Sequence[Wanted[T]], files: list[_File], slots: list[int]
    ) -> Iterator[tuple[T, Measured]]:
        """Open files; results are of those that are left."""
        for each in wanted:
            file = self._open(each, slots)
            if isinstance(file, _File):
                files.append(file)
            elif file in _CROWDED and files:
                self._crowded.append(each)  # until those that are open were read
            else:
                yield self._left(each)
        if not files:
            yield from map(self._left, self._crowded)
            self._crowded.clear()

    def _go_on(self, files: list[_File], slots: list[int]) -> Iterator[tuple[Any, Measured]]:
        """Read and hash a block of each file; results are of those that ended."""
        ended, troubled = self._turn(files)
        if ended:
            self._catch_up()
            self._reader.tell()
        for file in (*ended, *troubled):
            files.remove(file)
            slots.append(file.slot)
            if file.close() and file in ended:
                yield file.wanted.asked, file.measured()
            else:
                yield self._left(file.wanted)

    def end(self) -> None:
        """End its threads, and give back what they read."""
        for each in self._behind.values():
            each.end()
        self._behind.clear()
        while self._buffers:
            SPARE.give_back(self._buffers.pop())

    def _left(self, wanted: Wanted[T]) -> tuple[T, Measured]:
        return wanted.asked, self._reader.measure(wanted.path, wanted.algorithms)

    def _open(self, wanted: Wanted[Any], slots: list[int]) -> _File | int | None:
        """Open a file; else the number of what is in the way, if it has one."""
        try:
            with ExitStack() as trouble:
                fd = self._reader.open(wanted.path)
                trouble.callback(os.close, fd)
                status = os.fstat(fd)
                if stat.S_ISREG(status.st_mode):
                    read = filling(fd, drop_cache=self._drop_cache)
                    trouble.pop_all()
                    return _File(wanted, fd, read, status.st_size, slots.pop())
        except OSError as error:
            return error.errno
        return None

    def _turn(self, files: Sequence[_File]) -> tuple[list[_File], list[_File]]:
        """Read a block of each file; those that ended, and those that are in trouble."""
        turn: list[tuple[_File, memoryview]] = []
        ended, troubled = [], []
        room = self._room()
        for file in files:
            view = room[file.slot * reading.BLOCK : (file.slot + 1) * reading.BLOCK]
            try:
                got = self._fill(file, view)
            except OSError:
                troubled.append(file)
                continue
            if got < len(view):
                ended.append(file)
            elif is_endless(file.octets, file.size):
                troubled.append(file)
            if got:
                turn.append((file, view[:got]))
        self._hash(turn)
        return ended, troubled

    def _fill(self, file: _File, view: memoryview) -> int:
        """Fill a view; less only at the end, so that no turn is spent on finding it."""
        got = 0
        while got < len(view):
            some = self._reader.fill(file.read, view[got:])
            if not some:
                break
            got += some
        file.octets += got
        return got

    def _hash(self, turn: _Turn) -> None:
        algorithms = [*dict.fromkeys(each for file, _ in turn for each in file.wanted.algorithms)]
        mine = 1 if len(algorithms) > 1 and not self._drop_cache else 0
        beside = algorithms[mine:] if self._idle() else []
        if not beside or algorithms != self._last:
            self._catch_up()
        self._last = algorithms
        for each in beside:
            if each not in self._behind:
                self._behind[each] = Beside(self._column(each))
            self._behind[each].finish(_HELD)
            self._behind[each].begin(turn)
        for each in algorithms[: len(algorithms) - len(beside)]:
            self._column(each).update(turn)

    def _column(self, algorithm: Algorithm) -> _Column:
        return self._columns.setdefault(algorithm, _Column(algorithm))

    def _catch_up(self) -> None:
        for each in self._behind.values():
            each.finish(0)

    def _room(self) -> memoryview:
        """Where the next blocks go; while threads hash others they keep what they were given."""
        number = self._at if self._behind else 0
        self._at = (number + 1) % (_HELD + 2)
        if number == len(self._buffers):
            slots = max(sha2.LANES.values(), default=1)
            with durable.means():
                self._buffers.append(SPARE.take(slots * reading.BLOCK))
        return self._buffers[number]
