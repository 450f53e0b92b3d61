"""A private folder beside a destination, which what is made in it becomes by one rename."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from preservation.errors import UsageError
from preservation.files import durable


def expect_absent(dest: Path) -> None:
    """Refuse a destination that is there.

    Raises:
        UsageError: it is.
        OSError: no such name can be (``ENAMETOOLONG``): better known before anything is read.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.lstat(dest)
        raise _there(dest)


def expect_outside(dest: Path, folder: Path, what: str) -> None:
    """Refuse a destination that lies in a folder that is only to be read.

    Args:
        folder: as it is, without links on the way.
        what: of the destination, for people.

    Raises:
        UsageError: it lies there, or its own folder is not there.
    """
    try:
        parent = dest.parent.resolve(strict=True)
    except OSError as error:
        raise UsageError(f"not there: {error.filename}", hint="look at the path") from error
    if parent.is_relative_to(folder):
        raise UsageError(
            f"{what} would lie in the folder that it is made from: {dest}",
            hint="name a destination outside of the source",
        )


def private_beside(dest: Path) -> Path:
    """Make the folder.

    Raises:
        UsageError: no folder can be made there.
        NotNowError: not permitted, no space, a medium that is read-only.
    """
    name = os.fsdecode(os.fsencode(dest.name)[:100])  # a name has 255 octets at most
    folder = dest.parent / f".{name}.{os.urandom(6).hex()}.partial"
    try:
        with durable.plain_errors(folder):
            os.mkdir(folder)
    except OSError as error:
        raise UsageError(
            f"no folder can be made in {os.fspath(dest.parent)!r}: {error.strerror}",
            hint="name a destination in a folder that can be written to",
        ) from error
    return folder


def appear(folder: Path, dest: Path) -> None:
    """Give a folder, which is whole, the name of its destination.

    Raises:
        UsageError: somebody was faster; theirs stays.
        NotNowError: not permitted, no space, a medium that is read-only.
    """
    durable.sync_tree(folder)
    try:
        durable.rename_exclusive(folder, dest)
    except FileExistsError as error:
        raise _there(dest) from error
    durable.fsync_dir(dest.parent)


def _there(dest: Path) -> UsageError:
    return UsageError(f"is there already: {dest}", hint="name a folder that is not there yet")
