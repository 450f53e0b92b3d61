"""Writes past the page cache: octets go from our memory to the medium, and a sync finds them there.

Through the cache each page is first found room for, then copied into, and written out when the
sync comes; that takes the kernel three times as long. Past it (O_DIRECT) only whole pages go, from
memory that begins at one. So small files, the last octets of others, and all that a file system
does not take that way, go through the cache. Nothing is durable before the sync in any case:
the medium has a cache of its own, and names and sizes are the file system's.

Source: open(2), O_DIRECT.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress

from preservation.files import durable
from preservation.files.durable import Octets
from preservation.files.memory import for_medium

WORTH = 128 << 10  # octets of a file; below, there is little to save, and slow disks like it less
ROOM = 512 << 10  # octets that are collected, then written at once
TOGETHER = 4  # rooms that fill a huge page
_PAGE = 4096


def rooms() -> list[memoryview]:
    """Memory to write from, for several files at a time, each for one after the other."""
    return for_medium(ROOM, TOGETHER)


def large_room() -> memoryview:
    """The same for one file, and what is as large as all of them."""
    return for_medium(ROOM * TOGETHER)[0]


class Uncached:
    """Writes one new file in order; for one thread.

    Args:
        fd: of a regular file, where nothing was written yet.
        room: one of :func:`rooms`, or a large one; nobody else's meanwhile.
    """

    def __init__(self, fd: int, room: memoryview) -> None:
        self._fd, self._room = fd, room
        self._held = 0
        self._passes: bool | None = None  # not tried yet

    def write(self, data: Octets) -> None:
        """Write some octets, now or with those that follow.

        Raises:
            OSError: as the system says.
        """
        rest = memoryview(data).cast("B")
        while rest:
            some = rest[: len(self._room) - self._held]
            self._room[self._held : self._held + len(some)] = some
            self._held += len(some)
            rest = rest[len(some) :]
            if self._held == len(self._room):
                self._pass_on(self._held)
                self._held = 0

    def finish(self) -> None:
        """Write what is left; the file is whole then, and not durable.

        Raises:
            OSError: as the system says.
        """
        whole = self._held // _PAGE * _PAGE
        if whole and (self._passes or self._held >= WORTH):
            self._pass_on(whole)
        else:
            whole = 0
        self._through_cache()
        durable.write_all(self._fd, self._room[whole : self._held])
        self._held = 0

    def _pass_on(self, octets: int) -> None:
        """Write whole pages, past the cache where that is possible."""
        if self._passes is None:
            self._passes = self._switch(on=True)
        rest = self._room[:octets]
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except OSError as error:
                if error.errno != errno.EINVAL or not self._passes:
                    raise
                self._through_cache()  # of another alignment, or a short write went before

    def _through_cache(self) -> None:
        if self._passes:
            self._switch(on=False)
            self._passes = False

    def _switch(self, *, on: bool) -> bool:
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        with suppress(OSError):  # the file system can't
            fcntl.fcntl(
                self._fd, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT
            )
            return True
        return False
