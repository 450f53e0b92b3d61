"""What the system says of files from outside, for many files at a time.

Asked one by one from Python that takes twice as long as the system itself; so it is done in C
(``native/``), without the GIL, where a compiler was, and here where none was.

A look is five numbers, each modulo 2^64, in the order of ``preservation.fixity.fence.Fence``:
device, inode, octets, and the times of the last modification and change in nanoseconds. A time
may lie far beyond what 64 bits hold; that it changes is seen all the same.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator, Sequence

try:
    from preservation.files import _looks
except ImportError:
    _in_c = None
else:
    _in_c = _looks.looks

LOOK = struct.Struct("<5Q")
MASK = (1 << 64) - 1


def looks(folder: int, names: Sequence[bytes]) -> bytes:
    """Look at regular files by ``lstat``, up to the first name that is none, or can't be looked at.

    Args:
        folder: open.
        names: of entries in it.

    Returns:
        The looks of the first of them, packed one after the other.
    """
    return _one_by_one(folder, names) if _in_c is None else _in_c(folder, names)


def _one_by_one(folder: int, names: Sequence[bytes]) -> bytes:
    look, is_regular = os.stat, stat.S_ISREG
    found: list[int] = []
    for name in names:
        try:
            seen = look(name, dir_fd=folder, follow_symlinks=False)
        except OSError:  # told where names are visited one by one
            break
        if not is_regular(seen.st_mode):
            break
        found += look_of(seen)
    return struct.pack(f"<{len(found)}Q", *found)


def look_of(seen: os.stat_result) -> tuple[int, int, int, int, int]:
    """The five numbers of one entry."""
    return (
        seen.st_dev,
        seen.st_ino,
        seen.st_size,
        seen.st_mtime_ns & MASK,
        seen.st_ctime_ns & MASK,
    )


def sizes(packed: bytes) -> list[int]:
    """The octets of all files that packed looks are of."""
    return list(memoryview(packed).cast("Q")[2::5])


def unpacked(packed: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Looks, one by one."""
    return LOOK.iter_unpack(packed)
