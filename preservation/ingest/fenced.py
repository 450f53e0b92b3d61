"""Reads one file of a deposit: never through a link, never beyond its end, and only as long as
nobody else touches it.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from preservation.errors import NotNowError
from preservation.files.walk import Entry
from preservation.fixity.fence import Fence
from preservation.fixity.multihash import MultiHash
from preservation.fixity.reading import Folders, open_regular, reason_of
from preservation.model.finding import Finding
from preservation.model.names import display

_GONE = {errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ESTALE, errno.ENXIO}
_DENIED = {errno.EACCES, errno.EPERM}


class Changed(Exception):  # noqa: N818 (leads to another try, not to an error)
    """The deposit changed while it was read."""


def open_root(folder: Path) -> int:
    """Open a deposit's folder; a link is not followed.

    Raises:
        Changed: it is not there any more, or is something else now.
        OSError: as the system says.
    """
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _GONE:
            raise Changed from error
        raise


class Fenced:
    """A file of a deposit, open for reading once.

    Args:
        root: the deposit's folder, open.
        entry: as the walk saw it; the file must be as it was then, from open to close.
        also: hears of every octet.

    Raises:
        Changed: it is not the file that the walk saw.
        PermissionError: it may not be read.
        NotNowError: the medium is in the way (``DEP-READ``).
    """

    def __init__(self, root: int, entry: Entry, also: MultiHash | None = None) -> None:
        self._entry = entry
        self._also = also
        self._left = entry.octets + 1  # a file that grows as fast as it is read has no end
        self._fd = -1
        folders = Folders(root)
        try:
            self._fd = open_regular(folders, entry.path)
            self._expect_unchanged()
        except OSError as error:
            raise self._told(error) from error
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
        """Up to ``size`` octets; none at the end of the file as the walk saw it.

        Raises:
            NotNowError: the medium is in the way (``DEP-READ``).
        """
        try:
            data = os.read(self._fd, min(size, self._left))
        except OSError as error:
            raise self._told(error) from error
        self._left -= len(data)
        if self._also is not None:
            self._also.update(data)
        return data

    def still(self) -> None:
        """Call after the last octet: raises ``Changed`` unless the file was left alone."""
        if self._left != 1:
            raise Changed
        self._expect_unchanged()

    def _expect_unchanged(self) -> None:
        if Fence.of(self._fd) != Fence.seen(self._entry):
            self.close()
            raise Changed

    def _told(self, error: OSError) -> Exception:
        self.close()
        if error.errno in _GONE:
            return Changed()
        if error.errno in _DENIED:
            return PermissionError(error.errno, error.strerror)
        return NotNowError(
            f"the deposit cannot be read: {display(self._entry.path)}: {reason_of(error)}",
            hint="look for disk errors in the system log, then try again",
            code="DEP-READ",
        )


def cannot_read(path: bytes, error: PermissionError) -> Finding:
    """What is told of a file that may not be read."""
    return Finding(
        "DEP-UNREADABLE",
        display(path),
        f"cannot be read: {reason_of(error)}",
        "give the archive's account the right to read it",
    )
