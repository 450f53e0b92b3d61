"""Reads one file of a living folder: never through a link, never beyond its end, and only as
long as nobody else touches it.
"""

from __future__ import annotations

import errno
import os
from types import TracebackType
from typing import Self

from preservation.errors import NotNowError
from preservation.fixity.fence import Fence
from preservation.fixity.reading import Folders, open_regular, reason_of
from preservation.model.names import display

GONE = {errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ESTALE, errno.ENXIO}


class SourceChangedError(NotNowError):
    """A file changed while it was read; its bytes at no moment are known."""

    default_code = "BAG-SOURCE-CHANGED"


class Fenced:
    """A file, open for reading once. What is in the way is raised as :meth:`told` words it.

    Args:
        root: the source's folder, open.
        path: below it; no part of it may be a link.
        fence: as a walk saw the file; it must be so from open to close.

    Raises:
        SourceChangedError: it is not the file that the walk saw.
        NotNowError: it cannot be read (``BAG-SOURCE-UNREADABLE``).
    """

    def __init__(self, root: int, path: bytes, fence: Fence) -> None:
        self.path = path
        self._fence = fence
        self._left = fence.octets + 1  # a file that grows as fast as it is read has no end
        self._fd = -1
        folders = Folders(root)
        try:
            self._fd = open_regular(folders, path)
            self._expect_unchanged()
        except OSError as error:
            self.close()
            raise self.told(error) from error
        finally:
            folders.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, size: int) -> bytes:
        """Up to ``size`` octets; none at the end of the file as the walk saw it."""
        try:
            data = os.read(self._fd, min(size, self._left))
        except OSError as error:
            raise self.told(error) from error
        self._left -= len(data)
        return data

    def read_to(self, room: memoryview) -> memoryview:
        """The same, read to a place that is used again."""
        try:
            got = os.readv(self._fd, [room[: self._left]])
        except OSError as error:
            raise self.told(error) from error
        self._left -= got
        return room[:got]

    def still(self) -> None:
        """Call after the last octet: raises unless the file was left alone."""
        if self._left != 1:
            raise self.told(None)
        self._expect_unchanged()

    def told(self, error: OSError | None) -> Exception:
        """What to raise for an error of the system; None: the file changed."""
        if error is None or error.errno in GONE:
            return SourceChangedError(
                f"changes while it is read: {display(self.path)}",
                hint="wait until whatever writes to it has finished, then try again",
            )
        return NotNowError(
            f"cannot be read: {display(self.path)}: {reason_of(error)}",
            hint="check permissions and the disk",
            code="BAG-SOURCE-UNREADABLE",
        )

    def _expect_unchanged(self) -> None:
        if Fence.of(self._fd) != self._fence:
            self.close()
            raise self.told(None)
