"""Open the files that are asked about: below their root, following no link, nothing but files."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from typing import Self

from preservation.files.walk import FOLDER_FLAGS, open_below

_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Folders:
    """Opens files; keeps the folder of the last one open, since its neighbours mostly come next.

    Nothing stays open when the context ends: no tier is held by a worker that waits.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._key: tuple[bytes, bytes] | None = None
        self._fd = -1

    def open(self, root: bytes, path: bytes) -> tuple[int, int]:
        """A file, open for reading, and its size.

        It is opened as a place first, so that a device or a pipe is never opened for reading.

        Raises:
            OSError: it is no regular file, or can't be had.
        """
        folder, _, name = path.rpartition(b"/")
        if self._key != (root, folder):
            self._turn_to(root, folder)
        place = open_below(self._fd, name, os.O_PATH)
        try:
            seen = os.fstat(place)
            if not stat.S_ISREG(seen.st_mode):
                raise OSError("not a regular file")
            return os.open(f"/proc/self/fd/{place}", _FILE), seen.st_size
        finally:
            os.close(place)

    def _turn_to(self, root: bytes, folder: bytes) -> None:
        self._leave()
        fd = os.open(root, FOLDER_FLAGS & ~os.O_NOFOLLOW)
        if folder:
            top = fd
            try:
                fd = open_below(top, folder, FOLDER_FLAGS)
            finally:
                os.close(top)
        self._fd = fd
        self._stack.callback(os.close, fd)
        self._key = root, folder

    def _leave(self) -> None:
        self._key = None
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
