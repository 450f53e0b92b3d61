"""Open the files that are asked about: below their root, following no link, nothing but files."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from typing import Self

from preservation.files.walk import FOLDER_FLAGS, open_below
from preservation.model.names import is_safe

_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_OPENAT2 = 437  # the same on every architecture
_LIBC = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    """``struct open_how`` of openat2(2)."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_BENEATH = 0x08 | 0x04 | 0x02  # RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS
_PLACE = _How(os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, 0, _BENEATH)


class Folders:
    """Opens files; keeps the root of the last one open, since its neighbours mostly come next.

    Nothing stays open when the context ends: no tier is held by a worker that waits.
    """

    def __init__(self) -> None:
        self._root: bytes | None = None
        self._fd = -1

    def open(self, root: bytes, path: bytes) -> tuple[int, int]:
        """A file, open for reading, and its size.

        It is opened as a place first, so that a device or a pipe is never opened for reading.

        Raises:
            OSError: it is no regular file, or can't be had.
        """
        if self._root != root:
            self._leave()
            self._fd = os.open(root, FOLDER_FLAGS & ~os.O_NOFOLLOW)
            self._root = root
        place = _place(self._fd, path)
        try:
            seen = os.fstat(place)
            if not stat.S_ISREG(seen.st_mode):
                raise OSError("not a regular file")
            return os.open(f"/proc/self/fd/{place}", _FILE), seen.st_size
        finally:
            os.close(place)

    def _leave(self) -> None:
        if self._root is not None:
            os.close(self._fd)
        self._root = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()


def _place(root: int, path: bytes) -> int:
    """Where a file is; by one call where the kernel has it and the path is not too long for it.

    Raises:
        OSError: what :func:`open_below` raises.

    Source: openat2(2), Linux 5.6.
    """
    if not is_safe(path):
        raise OSError(errno.EINVAL, "not a path below a folder")
    asked = ctypes.c_char_p(path), ctypes.byref(_PLACE), ctypes.c_size_t(ctypes.sizeof(_PLACE))
    place = int(_LIBC.syscall(_OPENAT2, root, *asked))
    return place if place >= 0 else open_below(root, path, os.O_PATH)
