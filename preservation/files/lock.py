"""Locks between processes that end with whoever has them, killed or not.

Source: flock(2).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import BusyError
from preservation.files import durable


@contextmanager
def alone(path: Path, busy: BusyError) -> Iterator[None]:
    """Be the only process in this block.

    Args:
        path: a file that is nothing but this lock; made if it is not there.
        busy: raised where another process is in it: nobody waits.

    Raises:
        NotNowError: the disk is in the way.
        FileNotFoundError: there is no such folder.
    """
    with durable.plain_errors(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(fd)
