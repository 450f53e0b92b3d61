"""Tag files of a bag in an archive, kept for a second look: in one temporary file, with a cap."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from preservation.files.archives.errors import ArchiveError
from preservation.files.spool import Spool
from preservation.fixity.reading import BLOCK

MOST_FILES = 1024


class Kept:
    """Copies of small files and manifests. Goes with the object.

    Args:
        most: octets of all of them together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._spool = Spool()
        self._places: dict[bytes, tuple[int, int]] = {}  # offset and octets; below 0: unreadable
        self._reasons: dict[bytes, str] = {}

    def __contains__(self, path: bytes) -> bool:
        return path in self._places

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._places)

    def keep(self, path: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Give on every piece, keeping a copy; a file that is cut short is kept as unreadable.

        Raises:
            NotNowError: the temporary file cannot be written.
        """
        if len(self._places) >= MOST_FILES:
            yield from pieces
            return
        start = self._spool.octets
        self._places[path] = (start, -1)
        self._reasons[path] = "it could not be read to its end"
        too_large = False
        try:
            for piece in pieces:
                too_large = too_large or self._spool.octets + len(piece) > self._most
                if not too_large:
                    self._spool.append(piece)
                yield piece
        except ArchiveError as error:
            self._reasons[path] = error.message
            raise
        if too_large:
            self._reasons[path] = "it is too large to be looked into"
        else:
            self._places[path] = (start, self._spool.octets - start)

    def also(self, path: bytes, known: bytes) -> None:
        """Give the copy of one a further name; nothing if there is none."""
        if known in self._places:
            self._places[path] = self._places[known]
            self._reasons[path] = self._reasons.get(known, "")

    def blocks(self, path: bytes) -> Iterator[bytes]:
        """The bytes of one.

        Raises:
            OSError: it was not kept (``ENOENT``), or not to its end.
        """
        if path not in self._places:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        at, octets = self._places[path]
        if octets < 0:
            raise OSError(errno.EBADMSG, self._reasons[path])
        while octets:
            block = self._spool.read(at, min(BLOCK, octets))
            at, octets = at + len(block), octets - len(block)
            yield block
