"""Reads past the page cache: what was cached is dropped, and nothing new is put there.

A read that the medium answers right into the reader's memory (O_DIRECT) costs a quarter of one
that goes through the cache. It needs memory at the beginning of a page, and begins at whole
blocks; where a file system or a place in a file does not allow it, reading goes on through the
cache, from which the file was dropped before.

Source: open(2), O_DIRECT; posix_fadvise(2); preadv2(2), RWF_NOWAIT.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import suppress

_STRIDE = 1 << 20


def stays_cached(fd: int, octets: int) -> bool:
    """Whether pages of a file stayed in the page cache though they were dropped, as those do that
    a program has mapped. One of each MiB is looked for.
    """
    octet = bytearray(1)
    for at in (*range(0, octets, _STRIDE), max(0, octets - 1)):
        with suppress(OSError):  # it has to be read, or nobody can say
            if os.preadv(fd, [octet], at, os.RWF_NOWAIT):
                return True
    return False


class Direct:
    """Reads one open file to its end, in order.

    Args:
        fd: of a regular file, where nothing was read yet.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._passes = False
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        with suppress(OSError):  # the file system can't
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_DIRECT)
            self._passes = True

    def into(self, view: memoryview) -> int:
        """Fill a view, as :func:`os.readv` does; 0 at the end.

        Raises:
            OSError: as the system says.
        """
        if not self._passes:
            return os.readv(self._fd, [view])
        try:
            got = os.readv(self._fd, [view])
        except OSError as error:
            if error.errno != errno.EINVAL:  # of another alignment than this one
                raise
            self.stop()
            return os.readv(self._fd, [view])
        if got < len(view):  # the end, mostly: from here no whole block begins
            self.stop()
        return got

    def stop(self) -> None:
        """Go on through the cache."""
        self._passes = False
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, flags & ~os.O_DIRECT)


def past_cache(fd: int, block: int) -> Iterator[bytes]:
    """An open file's octets, so many at a time, past the page cache: for what stays there.

    Raises:
        OSError: as the system says.
    """
    with mmap.mmap(-1, block) as memory, memoryview(memory) as view:
        read = Direct(fd).into
        while octets := read(view):
            yield bytes(view[:octets])
