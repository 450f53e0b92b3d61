"""Memory that is freed and wanted again a moment later; and memory for what passes the page cache.

The C library gives a freed piece of half a mebibyte back to the system, and the next one comes page
by page, each one zeroed: for streams that hold some such pieces at a time that is a fifth of all
processor time. Told to, it keeps some.

Past the page cache a medium reads and writes our memory itself. A request names each stretch of it,
and has room for some hundred, which pages of 4 KiB fill: in huge pages it takes half as long. The
system zeroes what it gives, which takes nearly as long as to read something into it: folder by
folder, a tenth of an audit's processor time. So such memory, too, is kept for a moment.

Source: mallopt(3), ``M_TRIM_THRESHOLD``, ``M_MMAP_THRESHOLD``; madvise(2), ``MADV_HUGEPAGE``,
``MADV_DONTFORK``; open(2), on ``O_DIRECT`` and fork.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from contextlib import suppress
from functools import cache

_TRIM, _MMAP = -1, -3  # glibc's malloc.h
KEPT = 64 << 20  # octets that stay with the process at most
SPARED = 128 << 20  # the same of what passes the page cache: an audit on two cores has 90 at a time
_PIECE = 4 << 20  # octets of a piece; larger ones are the system's as before
_HUGE = 2 << 20  # octets of a huge page


@cache
def keep_what_is_freed() -> bool:
    """Have the C library keep up to 64 MiB of what was freed, for all of this process, from now
    on; again is nothing. False where it can't be told: another C library.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_TRIM, KEPT) and mallopt(_MMAP, _PIECE))


def for_medium(octets: int, pieces: int = 1) -> list[memoryview]:
    """Memory to read into and write from past the page cache, in pieces that begin at a page.

    What all of them take is rounded up to 2 MiB: small ones are better asked for together. A
    child that is forked does not have it, and must not go on with it.

    Args:
        octets: of each, in whole pages.
        pieces: how many.

    Raises:
        OSError: there is no memory left.
    """
    # Private: what is shared has no huge pages, unless an administrator said so. And a fork would
    # let octets that are on their way arrive in the other process's copy.
    whole = -(-octets * pieces // _HUGE) * _HUGE
    memory = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTFORK)
    with suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    view = memoryview(memory)
    return [view[at : at + octets] for at in range(0, octets * pieces, octets)]


class Spare:
    """Memory of :func:`for_medium` that was used and will be wanted again; from any thread.

    It holds what somebody wrote there last. A child that is forked begins with none.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Have none; not from several threads."""
        self._lock = threading.Lock()
        self._octets = 0
        self._views: dict[int, list[memoryview]] = {}

    def take(self, octets: int) -> memoryview:
        """So many octets, in whole pages, for the taker alone.

        Raises:
            OSError: there is no memory left.
        """
        with self._lock:
            if same := self._views.get(octets):
                self._octets -= octets
                return same.pop()
        return for_medium(octets)[0]

    def give_back(self, view: memoryview) -> None:
        """What was taken and nobody uses any more, nor a part of it."""
        with self._lock:
            if self._octets + len(view) <= SPARED:
                self._octets += len(view)
                self._views.setdefault(len(view), []).append(view)


SPARE = Spare()
os.register_at_fork(after_in_child=SPARE.forget)
