"""Reads one file of a deposit behind the fence of ``preservation.bags.fenced``; only the words
for what is in the way are a deposit's own.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from preservation.bags import fenced as bags
from preservation.errors import NotNowError
from preservation.files.walk import Entry
from preservation.fixity.fence import Fence
from preservation.fixity.reading import reason_of
from preservation.model.finding import Finding
from preservation.model.names import display

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
        if error.errno in bags.GONE:
            raise Changed from error
        raise


class Fenced(bags.Fenced):
    """A file of a deposit, open for reading once.

    Raises:
        Changed: it is not the file that the walk saw.
        PermissionError: it may not be read.
        NotNowError: the medium is in the way (``DEP-READ``).
    """

    def told(self, error: OSError | None) -> Exception:
        if error is None or error.errno in bags.GONE:
            return Changed()
        if error.errno in _DENIED:
            return PermissionError(error.errno, error.strerror)
        return NotNowError(
            f"the deposit cannot be read: {display(self.path)}: {reason_of(error)}",
            hint="look for disk errors in the system log, then try again",
            code="DEP-READ",
        )


def fenced(root: int, entry: Entry) -> Fenced:
    """The file that a walk saw, open; see :class:`Fenced`."""
    return Fenced(root, entry.path, Fence.seen(entry))


def cannot_read(path: bytes, error: PermissionError) -> Finding:
    """What is told of a file that may not be read."""
    return Finding(
        "DEP-UNREADABLE",
        display(path),
        f"cannot be read: {reason_of(error)}",
        "give the archive's account the right to read it",
    )
