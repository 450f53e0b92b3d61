"""Notices that a file changed while it was read.

A digest of a file that was written to meanwhile is a digest of nothing that ever existed. The
fence is what ``stat`` says before and after: device, inode, size, modification and change
time. The change time cannot be set back by a program without privileges.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from preservation.files.walk import Entry


class Fence(NamedTuple):
    """What a file looks like from outside; equal fences mean that it was left alone."""

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
        status = os.fstat(fd)
        return cls(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )

    @classmethod
    def seen(cls, entry: Entry) -> Fence:
        """The fence of a file as a walk saw it."""
        return cls(entry.dev, entry.ino, entry.octets, entry.mtime_ns, entry.ctime_ns)
