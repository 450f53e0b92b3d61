"""Takes files of a living folder into a bag, and notices when they change meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import FileIO
from typing import BinaryIO, cast

from preservation.bags.write import BagWriter, Written
from preservation.errors import NotNowError
from preservation.fixity.fence import Fence
from preservation.fixity.reading import Folders, open_regular, reason_of
from preservation.model.digest import Algorithm
from preservation.model.names import display
from preservation.model.progress import Progress

ATTEMPTS = 2


class SourceChangedError(NotNowError):
    """A file changed whenever it was read; its bytes at no moment are known."""

    default_code = "BAG-SOURCE-CHANGED"


class _ChangedError(Exception):
    """A file changed while it was read this time."""


def add_fenced(
    writer: BagWriter,
    path: bytes,
    root: int,
    source: bytes,
    progress: Progress,
    also: Iterable[Algorithm] = (),
    *,
    apart: bool = False,
) -> Written:
    """Add one payload file; if it changes while it is read, read it once more.

    Args:
        writer: of the bag; safe from several threads.
        path: below ``data/``.
        root: the source's folder, open.
        source: the file, relative to ``root``; no part of its path may be a link.
        progress: hears of every octet, of a second attempt too.
        also: further digests to take in the same read.
        apart: see :meth:`BagWriter.add`.

    Raises:
        SourceChangedError: it changed at every attempt.
        NotNowError: it cannot be read (``BAG-SOURCE-UNREADABLE``), or the bag's medium is in
            the way.
        MalformedError: as :meth:`BagWriter.add`.
    """
    also = tuple(also)
    for _ in range(ATTEMPTS):
        try:
            return _add(writer, path, root, source, progress, also, apart=apart)
        except _ChangedError:
            continue
        except OSError as error:
            raise NotNowError(
                f"cannot be read: {display(source)}: {reason_of(error)}",
                hint="check permissions and the disk",
                code="BAG-SOURCE-UNREADABLE",
            ) from error
    raise SourceChangedError(
        f"changes while it is read: {display(source)}",
        hint="wait until whatever writes to it has finished, then try again",
    )


def _add(
    writer: BagWriter,
    path: bytes,
    root: int,
    source: bytes,
    progress: Progress,
    also: tuple[Algorithm, ...],
    *,
    apart: bool,
) -> Written:
    folders = Folders(root)
    try:
        fd = open_regular(folders, source)
    finally:
        folders.close()
    with os.fdopen(fd, "rb", buffering=0) as file:
        before = Fence.of(fd)
        bounded = _Bounded(file, before.octets + 1)

        def still() -> None:
            if Fence.of(fd) != before or bounded.left != 1:
                raise _ChangedError

        return writer.add(path, cast("BinaryIO", bounded), progress, still, also, apart=apart)


class _Bounded:
    """A file that ends where it should: one that grows as fast as it is read never would."""

    def __init__(self, file: FileIO, octets: int) -> None:
        self._file = file
        self.left = octets

    def read(self, octets: int) -> bytes:
        """As ``FileIO.read``."""
        data = self._file.read(min(octets, self.left)) or b""
        self.left -= len(data)
        return data
