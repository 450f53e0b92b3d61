"""Files that a command was asked to write."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

from preservation.errors import UsageError
from preservation.files import durable


def write_out(path: Path, data: durable.Data) -> None:
    """Write a file whole, or leave the one that is there.

    Raises:
        UsageError: there is no such folder, or what has the name is no file: a folder, a link, a
            device, which would be gone for everybody (``FILE-NOT-WRITTEN``).
        NotNowError: the disk is in the way.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(path.lstat().st_mode):
                raise _not_written(path, "what is there is no regular file")
        durable.replace(path.absolute(), data)
    except OSError as error:
        raise _not_written(path, error.strerror or str(error)) from error


def expect_folder(path: Path) -> None:
    """Make a folder for what is written, if it is not there yet.

    Raises:
        UsageError: there can be none (``FILE-NOT-WRITTEN``).
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(path, error.strerror or str(error)) from error


def _not_written(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"{path} cannot be written: {reason}",
        hint="name a new place, in a folder that is there",
        code="FILE-NOT-WRITTEN",
    )
