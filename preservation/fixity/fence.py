"""Notices that a file changed while it was read.

A digest of a file that was written to meanwhile is a digest of nothing that ever existed. The
fence is what ``stat`` says before and after: device, inode, size, modification and change
time. The change time cannot be set back by a program without privileges.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from preservation.files.looks import LOOK, MASK, look_of
from preservation.files.walk import Entry


class Fence(NamedTuple):
    """What a file looks like from outside; equal fences mean that it was left alone.

    Times are modulo 2^64, as :mod:`preservation.files.looks` has them.
    """

    dev: int
    ino: int
    octets: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, fd: int) -> Fence:
        """The fence of an open file.

        Raises:
            OSError: as the system says.
        """
        return cls(*look_of(os.fstat(fd)))

    @classmethod
    def seen(cls, entry: Entry) -> Fence:
        """The fence of a file as a walk saw it."""
        mtime, ctime = entry.mtime_ns & MASK, entry.ctime_ns & MASK
        return cls(entry.dev, entry.ino, entry.octets, mtime, ctime)


def looks_of(entries: Iterable[Entry]) -> bytes:
    """The fences of files as a walk saw them, packed as :mod:`preservation.files.looks` does it."""
    return b"".join([LOOK.pack(*Fence.seen(entry)) for entry in entries])
