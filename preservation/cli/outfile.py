"""Files that a command was asked to write."""

from __future__ import annotations

from pathlib import Path

from preservation.errors import UsageError
from preservation.files import durable


def write_out(path: Path, data: bytes) -> None:
    """Write a file whole, or leave the one that is there.

    Raises:
        UsageError: there is no such folder, or a folder has the name (``FILE-NOT-WRITTEN``).
        NotNowError: the disk is in the way.
    """
    try:
        durable.replace(path, data)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}",
            hint="name a file in a folder that is there",
            code="FILE-NOT-WRITTEN",
        ) from error
