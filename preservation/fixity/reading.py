"""How the reading of one file ended, and the reading itself.

A file is opened below a root without following any link, and without waiting: a FIFO, a device
or a socket in the place of a file is recognised before a byte is read from it.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from enum import Enum
from functools import partial

from preservation.errors import NotNowError
from preservation.files import durable, walk
from preservation.fixity.direct import Direct
from preservation.fixity.lanes import Lanes, buffers
from preservation.fixity.multihash import MultiHash
from preservation.fixity.rate import RateLimit
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.names import is_safe
from preservation.model.progress import Progress

BLOCK = 512 * 1024  # less, and handing over to lanes costs more than it gains
WORTH = 4 * 1024 * 1024  # octets of a file below which lanes are not worth their start
ATTEMPTS = 3
_PAUSE = 0.05  # seconds before the second attempt; ten times that before the third
_GROWTH = 64 * 1024 * 1024  # octets beyond twice its size: then a file will never end
_REPORT = 1024 * 1024  # progress is told about this often

_MEDIUM = {errno.EIO, errno.ENODATA, errno.EBADMSG, errno.EUCLEAN, errno.EREMOTEIO}
_ABSENT = {errno.ENOENT, errno.ENAMETOOLONG}
_IRREGULAR = {errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENODEV, errno.EMLINK}
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NOTHING: Mapping[Algorithm, Digest] = {}


class StoppedError(NotNowError):
    """Reading was cancelled before its end."""

    default_code = "FIX-STOPPED"


class Reading(Enum):
    """How the reading of one file ended. Only ``READ`` carries digests."""

    READ = "read"
    MISSING = "missing"
    UNREADABLE = "unreadable"  # the medium failed at every attempt
    UNCHECKED = "unchecked"  # refused or disturbed: nothing is known
    IRREGULAR = "irregular"  # a link, FIFO, device, socket or folder where a file should be


@dataclass(frozen=True, slots=True)
class Measured:
    """One file, read.

    Attributes:
        octets: how many were read, to the end or until the trouble came.
        digests: one for each algorithm asked for, empty unless ``READ``.
        reason: for people; empty when ``READ``.
        size: octets that the system says it has; 0 where it could not be looked at.
        in_lanes: a digest may have been taken where several files are hashed at once; before one
            is told to differ, it is taken again.
    """

    path: bytes
    reading: Reading
    octets: int = 0
    digests: Mapping[Algorithm, Digest] = field(default_factory=dict)
    reason: str = ""
    size: int = 0
    in_lanes: bool = field(default=False, compare=False)


class Folders:
    """Opens files below a root, keeping the last folder open: paths come folder by folder.

    One per thread.

    Args:
        drop_cache: ask the system to forget each file's cached pages first.
    """

    def __init__(self, root: int, *, drop_cache: bool = False) -> None:
        self._root = root
        self.drop_cache = drop_cache
        self._parent = b""
        self._fd = -1

    def open(self, path: bytes) -> int:
        """Open a file for reading; no part of its path may be a link.

        Raises:
            OSError: as the system says.
        """
        parent, slash, name = path.rpartition(b"/")
        if not slash:
            return os.open(name, _OPEN, dir_fd=self._root)
        if self._fd < 0 or parent != self._parent:
            self.close()
            self._fd = walk.open_below(self._root, parent, os.O_RDONLY | os.O_DIRECTORY)
            self._parent = parent
        return os.open(name, _OPEN, dir_fd=self._fd)

    def close(self) -> None:
        """Let the kept folder go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_regular(folders: Folders, path: bytes, *, drop_cache: bool = False) -> int:
    """Open a file that has to be a regular one.

    Raises:
        OSError: it is not (``ELOOP``), or as the system says.
    """
    fd = folders.open(path)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.ELOOP, "not a regular file")
        if drop_cache or folders.drop_cache:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        os.close(fd)
        raise
    return fd


class Reader:
    """Reads files of one root, one after the other; one per thread.

    Args:
        idle: whether a core has nothing to do, so that a huge file's digests may be taken side
            by side.
    """

    def __init__(
        self,
        root: int,
        *,
        drop_cache: bool,
        rate: RateLimit | None,
        progress: Progress,
        cancelled: Callable[[], bool],
        idle: Callable[[], bool],
    ) -> None:
        self._folders = Folders(root)
        self._drop_cache = drop_cache
        self._rate = rate
        self._progress = progress
        self._cancelled = cancelled
        self._idle = idle
        self._views: list[memoryview] = []  # made for the first file: mostly there is none
        self._untold = self._size = self._read = 0

    def measure(self, path: bytes, algorithms: tuple[Algorithm, ...]) -> Measured:
        """Read one file to its end.

        Args:
            path: relative to the root.

        Raises:
            StoppedError: cancelled.
        """
        if not is_safe(path):
            return Measured(path, Reading.UNCHECKED, reason="not a path below a folder")
        attempt = 0
        while True:
            self._size = self._read = 0
            try:
                return self._once(path, algorithms)
            except OSError as error:
                attempt += 1
                if error.errno not in _MEDIUM or attempt == ATTEMPTS:
                    reading, reason = reading_of(error), reason_of(error)
                    return Measured(path, reading, self._read, {}, reason, self._size)
                time.sleep(_PAUSE * 10 ** (attempt - 1))

    def open(self, path: bytes) -> int:
        """Open a file for reading, whatever it is; no part of its path may be a link.

        Raises:
            OSError: as the system says; or it is not a path below a folder.
        """
        if not is_safe(path):
            raise OSError(errno.EINVAL, "not a path below a folder")
        return self._folders.open(path)

    def fill(self, read: Callable[[memoryview], int], view: memoryview) -> int:
        """Read a block when the budget allows; 0 at the end.

        Raises:
            StoppedError: cancelled.
            OSError: as the system says.
        """
        if self._rate is not None:
            self._rate.take(len(view), self._cancelled)
        if self._cancelled():
            raise StoppedError("reading was cancelled")
        got = read(view)
        self._untold += got
        if self._untold >= _REPORT:
            self.tell()
        return got

    def close(self) -> None:
        """Tell the rest of the progress, and let go of what is open."""
        self.tell()
        self._folders.close()

    def tell(self) -> None:
        """Tell progress about what was read and not told yet."""
        if self._untold:
            self._progress.advance(self._untold)
            self._untold = 0

    def _once(self, path: bytes, algorithms: tuple[Algorithm, ...]) -> Measured:
        fd = self._folders.open(path)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                reason = f"not a regular file but {_KINDS.get(stat.S_IFMT(status.st_mode), 'odd')}"
                return Measured(path, Reading.IRREGULAR, reason=reason)
            self._size = status.st_size
            huge = self._size > WORTH
            with Lanes(algorithms, self._idle) if huge else MultiHash(algorithms) as hashes:
                for block in self._blocks(fd):
                    hashes.update(block)
                    if is_endless(hashes.octets, self._size):
                        raise OSError(errno.ETXTBSY, "it grows while it is read")
                digests = hashes.digests()
                return Measured(path, Reading.READ, hashes.octets, digests, size=self._size)
        finally:
            os.close(fd)

    def _blocks(self, fd: int) -> Iterator[memoryview]:
        self._views = self._views or buffers(BLOCK)  # lanes hash some while the next one is read
        read = filling(fd, drop_cache=self._drop_cache)
        for view in itertools.cycle(self._views):
            got = self.fill(read, view)
            if not got:
                return
            self._read += got
            yield view[:got]


def filling(fd: int, *, drop_cache: bool) -> Callable[[memoryview], int]:
    """What fills a view with the next octets of an open file; 0 at its end."""
    return Direct(fd).into if drop_cache else partial(_into, fd)


def _into(fd: int, view: memoryview) -> int:
    return os.readv(fd, [view])


def is_endless(octets: int, size: int) -> bool:
    """Whether so much was read of a file of that size that it will never end."""
    return octets > 2 * size + _GROWTH


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
}


def reading_of(error: OSError) -> Reading:
    """What an error while opening or reading says about the file.

    Raises:
        NotNowError: nothing, since it is about us; see :func:`durable.expect_means`.
    """
    durable.expect_means(error)
    if error.errno in _ABSENT:
        return Reading.MISSING
    if error.errno in _MEDIUM:
        return Reading.UNREADABLE
    return Reading.IRREGULAR if error.errno in _IRREGULAR else Reading.UNCHECKED


def reason_of(error: OSError) -> str:
    """The same for people.

    Raises:
        NotNowError: as :func:`reading_of`.
    """
    durable.expect_means(error)
    if error.errno in _IRREGULAR:
        return "a link or something else that is no file stands in its path"
    return error.strerror or os.strerror(error.errno or 0)
