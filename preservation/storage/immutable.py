"""The immutable flag of a file system: while it is on, not even root writes, renames or removes.

It protects from a slip of the hand and from most programs, not from whoever means it: who may
set it may take it off.

Source: ioctl_iflags(2); chattr(1), ``i``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from preservation.files.walk import Kind, walk
from preservation.storage.steps import is_there

_GETFLAGS = 0x8008_6601  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS on 64-bit machines
_SETFLAGS = 0x4008_6602
_IMMUTABLE = 0x10
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NONE = {errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


def set_immutable(path: Path) -> None:
    """Set the flag on a file, or on a folder with everything in it.

    Raises:
        OSError: the file system has none, or we may not.
    """
    for one in _within(path):
        _change(one, on=True)


def clear_immutable(path: Path) -> None:
    """Take it off again; nothing there, or no such flag on this file system, is no error."""
    if not is_there(path) or path.is_symlink():
        return
    for one in _within(path):
        try:
            _change(one, on=False)
        except OSError as error:
            if error.errno not in _NONE:
                raise


def is_immutable(path: Path) -> bool:
    """Whether it is set on all of it. What isn't there is not protected."""
    if not is_there(path):
        return False
    try:
        return all(_flags(one) & _IMMUTABLE for one in _within(path))
    except OSError as error:
        if error.errno in _NONE:
            return False
        raise


def _within(path: Path) -> Iterator[bytes]:
    """Everything at a path: what is in a folder before the folder."""
    top = os.fsencode(path)
    if path.is_dir() and not path.is_symlink():
        for entry in walk(path):
            if entry.kind in (Kind.FILE, Kind.FOLDER):
                yield os.path.join(top, entry.path)
    yield top


def _flags(path: bytes) -> int:
    fd = os.open(path, _OPEN)
    try:
        return _read(fd)
    finally:
        os.close(fd)


def _read(fd: int) -> int:
    said = fcntl.ioctl(fd, _GETFLAGS, bytes(8))
    return int(struct.unpack_from("i", said)[0])


def _change(path: bytes, *, on: bool) -> None:
    fd = os.open(path, _OPEN)
    try:
        before = _read(fd)
        after = before | _IMMUTABLE if on else before & ~_IMMUTABLE
        if after != before:
            fcntl.ioctl(fd, _SETFLAGS, struct.pack("i4x", after))
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fsdecode(path)) from error
    finally:
        os.close(fd)
