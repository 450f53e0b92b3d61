"""Reads small files that a person named, whatever it is that has the name."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read(path: Path, most: int) -> bytes:
    """The octets of a regular file, so many at most. Never waits for a pipe or a device.

    Raises:
        OSError: it can't be read, or is something else; ``strerror`` says what is wrong.
    """
    fd = os.open(path, _OPEN)
    with os.fdopen(fd, "rb") as file:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            wrong = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
            told = "it is a folder" if stat.S_ISDIR(mode) else "it is a pipe or a device, no file"
            raise OSError(wrong, told, str(path))
        return file.read(most)
