"""A private folder beside a destination, which what is made in it becomes by one rename.

Who makes one keeps a lock on it (flock(2)), which ends with the process, killed or not. So what a
killed one left is known, and taken away by the next that makes something of the same name. Where a
file system has no such locks on folders (NFS), it stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import UsageError
from preservation.files import durable
from preservation.files.remove import remove_tree

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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


@contextmanager
def private_beside(dest: Path) -> Iterator[Path]:
    """Make the folder, and take away those that killed processes left of this destination.

    At the end it is taken away, too, unless it was given the destination's name.

    Raises:
        UsageError: no folder can be made there.
        NotNowError: not permitted, no space, a medium that is read-only.
    """
    _take_away_left(dest)
    try:
        with durable.plain_errors(dest.parent):
            folder, lock = _made(dest)
    except OSError as error:
        raise UsageError(
            f"no folder can be made in {os.fspath(dest.parent)!r}: {error.strerror}",
            hint="name a destination in a folder that can be written to",
        ) from error
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            remove_tree(folder)
        os.close(lock)


def _made(dest: Path) -> tuple[Path, int]:
    """A new folder that no other process takes for one that was left, and its descriptor."""
    while True:
        folder = dest.parent / f".{_start(dest)}.{os.urandom(6).hex()}.partial"
        os.mkdir(folder)
        with contextlib.suppress(FileNotFoundError):  # taken away before it was locked
            lock = os.open(folder, _FOLDER)
            if _is_ours(folder, lock):
                return folder, lock
            os.close(lock)


def _is_ours(folder: Path, lock: int) -> bool:
    """Lock a folder that was just made; false where another process was faster to take it away."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no such locks here, so nobody takes anything away
    return os.path.samestat(os.fstat(lock), os.lstat(folder))


def _take_away_left(dest: Path) -> None:
    """What cannot be, stays: it is in nobody's way."""
    left = re.compile(rf"\.{re.escape(_start(dest))}\.[0-9a-f]{{12}}\.partial")
    with contextlib.suppress(OSError), os.scandir(dest.parent) as entries:
        for name in [entry.name for entry in entries if left.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                _take_away(dest.parent / name)


def _take_away(folder: Path) -> None:
    lock = os.open(folder, _FOLDER)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # who makes it has this lock
        if os.fstat(lock).st_uid == os.geteuid():
            remove_tree(folder)
    finally:
        os.close(lock)


def _start(dest: Path) -> str:
    return os.fsdecode(os.fsencode(dest.name)[:100])  # a name has 255 octets at most


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
