"""A folder replica mended where it lies: single files change places with good ones.

What a crash leaves, for each step:

1. the good files moved into ``.quarantine``  the damaged replica; unused good copies in quarantine
2. each exchanged, or put where none was      so many files healed; the next run mends the rest
3. what is not of the bag moved there         the same

At each moment every name holds its former octets or the good ones; no file that is intact is
opened, moved or copied.

Source: ``docs/formats/tier.md``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from preservation.files import durable
from preservation.files.walk import Kind, open_below, walk

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def mend(visible: Path, aside: Path, strangers: Sequence[bytes]) -> None:
    """Let the files of a folder change places with their namesakes in another one.

    Args:
        visible: the replica's folder.
        aside: the good files, durable, at their paths in the bag; gets the former ones. On the
            same file system. Gone at the end if nothing is left in it.
        strangers: paths that the bag does not have: they are moved aside.

    Raises:
        OSError, NotNowError: the medium is in the way, or something else than a folder has the
            name of one; what was done already stays, and does no harm.
    """
    good = [entry.path for entry in walk(aside) if entry.kind is Kind.FILE]
    with ExitStack() as ending:
        here, kept = (_opened(path, ending) for path in (visible, aside))
        for parent, names in _by_folder(good):
            _exchange(parent, names, here, kept)
        for parent, names in _by_folder(strangers):
            _set_aside(parent, names, here, kept)
        came = [path for path in (*good, *strangers) if _is_folder(kept, path)]
    _prune(aside, came)


def _exchange(parent: bytes, names: Sequence[bytes], here: int, kept: int) -> None:
    """In one folder of the bag."""
    with _folder(kept, parent) as aside, _folder(here, parent, make=True) as visible:
        for name in names:
            if _is_there(visible, name):
                durable.exchange(_at(aside, name), _at(visible, name))
            else:
                durable.rename_exclusive(_at(aside, name), _at(visible, name))
        os.fsync(visible)
        os.fsync(aside)


def _set_aside(parent: bytes, names: Sequence[bytes], here: int, kept: int) -> None:
    with suppress(FileNotFoundError), _folder(here, parent) as visible:
        there = [name for name in names if _is_there(visible, name)]
        with _folder(kept, parent, make=True) as aside:
            for name in there:
                durable.rename_exclusive(_at(visible, name), _at(aside, name))
            os.fsync(aside)
            os.fsync(visible)


def _prune(aside: Path, came: Sequence[bytes]) -> None:
    """Remove the folders in which nothing is left, this one included.

    Args:
        came: folders that lay in the place of files: they stay, empty as they are.
    """
    folders = [entry.path for entry in walk(aside) if entry.kind is Kind.FOLDER]
    kept = tuple(path + b"/" for path in came)
    for path in (*sorted(folders, reverse=True), b""):
        if (path + b"/").startswith(kept):
            continue
        with suppress(OSError):  # something is left in it
            os.rmdir(os.path.join(os.fsencode(aside), path).rstrip(b"/"))
    durable.fsync_dir(aside.parent)


def _by_folder(paths: Iterable[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    parted = sorted(path.rpartition(b"/")[::2] for path in paths)
    for parent, group in itertools.groupby(parted, key=lambda one: one[0]):
        yield parent, [name for _, name in group]


def _opened(path: Path, ending: ExitStack) -> int:
    fd = os.open(path, _FOLDER)
    ending.callback(os.close, fd)
    return fd


@contextmanager
def _folder(root: int, path: bytes, *, make: bool = False) -> Iterator[int]:
    """A folder below another one, open; no part of the way may be a link.

    Args:
        make: durably, with those above it, if it is not there.
    """
    if make:
        with ExitStack() as ending:
            at = root
            for part in path.split(b"/") if path else ():
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=at)
                    os.fsync(at)
                at = os.open(part, _FOLDER, dir_fd=at)
                ending.callback(os.close, at)
    fd = open_below(root, path, _FOLDER) if path else os.dup(root)
    try:
        yield fd
    finally:
        os.close(fd)


def _at(folder: int, name: bytes) -> bytes:
    """A name in an open folder, as a path for who takes only paths: of any depth, without links."""
    return b"/proc/self/fd/%d/%s" % (folder, name)


def _is_folder(root: int, path: bytes) -> bool:
    with suppress(OSError):
        os.close(open_below(root, path, _FOLDER))
        return True
    return False


def _is_there(folder: int, name: bytes) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
