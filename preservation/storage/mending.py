"""A folder replica mended where it lies: single files change places with good ones.

What a crash leaves, for each step in each of its folders:

1. good files moved into ``.quarantine``    the damaged replica; unused good copies in quarantine
2. each exchanged, or put where none was    so many files healed; the next run mends the rest
3. what is not of the bag moved there       the same

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


def mend(visible: Path, built: Path, aside: Path, strangers: Sequence[bytes]) -> None:
    """Put the files of a folder in the places of their namesakes in another one.

    Args:
        visible: the replica's folder.
        built: the good files, durable, at their paths in the bag; they are moved away.
        aside: gets the former files, at the same paths; made where there are any. Its folder
            is there, on the same file system.
        strangers: paths that the bag does not have: they are moved aside.

    Raises:
        OSError, NotNowError: the medium is in the way, or something else than a folder has the
            name of one; what was done already stays, and does no harm.
    """
    good = [entry.path for entry in walk(built) if entry.kind is Kind.FILE]
    with ExitStack() as ending:
        here, source = (_opened(path, ending) for path in (visible, built))
        for parent, names in _by_folder(good):
            _exchange(parent, names, here, source, aside)
        for parent, names in _by_folder(strangers):
            _set_aside(parent, names, here, aside)


def _exchange(parent: bytes, names: Sequence[bytes], here: int, source: int, aside: Path) -> None:
    """In one folder of the bag."""
    with _folder(source, parent) as good, _folder(here, parent, make=True) as visible:
        former = [name for name in names if _is_there(visible, name)]
        if former:
            with _aside(aside, parent) as kept:
                for name in former:
                    durable.rename_exclusive(_at(good, name), _at(kept, name))
                os.fsync(kept)
                for name in former:
                    durable.exchange(_at(kept, name), _at(visible, name))
                os.fsync(visible)
                os.fsync(kept)
        for name in sorted(set(names).difference(former)):
            durable.rename_exclusive(_at(good, name), _at(visible, name))
        os.fsync(visible)


def _set_aside(parent: bytes, names: Sequence[bytes], here: int, aside: Path) -> None:
    with suppress(FileNotFoundError), _folder(here, parent) as visible:
        there = [name for name in names if _is_there(visible, name)]
        if there:
            with _aside(aside, parent) as kept:
                for name in there:
                    durable.rename_exclusive(_at(visible, name), _at(kept, name))
                os.fsync(kept)
                os.fsync(visible)


def _by_folder(paths: Iterable[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    parted = sorted(path.rpartition(b"/")[::2] for path in paths)
    for parent, group in itertools.groupby(parted, key=lambda one: one[0]):
        yield parent, [name for _, name in group]


def _opened(path: Path, ending: ExitStack) -> int:
    fd = os.open(path, _FOLDER)
    ending.callback(os.close, fd)
    return fd


@contextmanager
def _aside(aside: Path, parent: bytes) -> Iterator[int]:
    with suppress(FileExistsError):
        os.mkdir(aside, 0o755)
    durable.fsync_dir(aside.parent)
    with ExitStack() as ending, _folder(_opened(aside, ending), parent, make=True) as kept:
        yield kept


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


def _is_there(folder: int, name: bytes) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
