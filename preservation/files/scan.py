"""The names below a folder, as fast as the system tells them, in memory that is flat.

:func:`preservation.files.walk.walk` looks at every entry and sorts every folder; this does
neither: kinds come with the names, sizes only if wanted, and a folder of ten million files is
read a lot at a time. No link is followed, and nothing but folders is opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import NamedTuple

from preservation.files.durable import means
from preservation.files.walk import FOLDER_FLAGS, KINDS, Folder, Kind, leave, spare, why
from preservation.model.deferred import dataclass

_LOT = 4096  # names told at a time
_SORTED = 65_536  # subfolders of one folder that are visited in order


class Names(NamedTuple):
    """Regular files of one folder.

    Attributes:
        paths: relative to the root.
        octets: of all of them together; 0 where sizes were not wanted.
    """

    paths: list[bytes]
    octets: int


class Other(NamedTuple):
    """What is no regular file; an ``UNREADABLE`` one says why, as a walk does."""

    path: bytes
    kind: Kind
    error: str


@dataclass(slots=True)
class _Told(Folder):
    """A folder whose files were told."""

    inner: bytes = b""  # names of subfolders that are still to visit, a NUL after each
    at: int = 0

    def next_inner(self) -> bytes:
        """The next subfolder's name; empty at the end."""
        end = self.inner.find(b"\0", self.at)
        if end < 0:
            return b""
        name, self.at = self.inner[self.at : end], end + 1
        return name


@dataclass(slots=True)
class _Met:
    """What one listing has told so far."""

    files: list[str] = field(default_factory=list)
    octets: int = 0
    inner: list[str] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)


def scan(root: Path, *, sizes: bool = True) -> Iterator[Names | Other]:
    """Everything below a folder, folder by folder, in no order within one.

    The root itself is not told.

    Args:
        root: opened without following a link in its last part.
        sizes: whether to ask for them.

    Raises:
        OSError: the root cannot be opened or listed.
        NotNowError: this process ran out of open files or memory.
    """
    with means():
        yield from _scanned(root, sizes)


def _scanned(root: Path, sizes: bool) -> Iterator[Names | Other]:
    root_fd = os.open(root, FOLDER_FLAGS)
    stack: list[_Told] = []
    try:
        stack.append(_entered(b"", os.dup(root_fd)))
        yield from _list(stack[-1], sizes)
        while stack:
            name = stack[-1].next_inner()
            if not name:
                leave(stack, root_fd)
                continue
            path = _join(stack[-1].path, name)
            try:
                stack.append(_entered(path, _open(stack[-1], name)))
                spare(stack)
                yield from _list(stack[-1], sizes)
            except OSError as error:
                yield Other(path, Kind.UNREADABLE, why(error))
    finally:
        for folder in stack:
            folder.close()
        os.close(root_fd)


def _list(folder: _Told, sizes: bool) -> Iterator[Names | Other]:
    inner: list[str] = []
    with os.scandir(folder.fd) as entries:
        while met := _take(entries, folder, sizes):
            inner += met.inner
            if met.files:
                yield Names(_paths(folder.path, met.files), met.octets)
            yield from met.others
    if len(inner) <= _SORTED:
        inner.sort()  # then files come nearly in the order of their paths
    folder.inner = b"".join(os.fsencode(name) + b"\0" for name in inner)


def _take(entries: Iterator[os.DirEntry[str]], folder: _Told, sizes: bool) -> _Met | None:
    """Some more of a listing; None at its end."""
    met, taken = _Met(), 0
    for entry in entries:
        taken += 1
        try:
            if entry.is_file(follow_symlinks=False):
                if sizes:
                    met.octets += entry.stat(follow_symlinks=False).st_size
                met.files.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                met.inner.append(entry.name)
                met.others.append(Other(_path(folder, entry), Kind.FOLDER, ""))
            else:
                met.others.append(Other(_path(folder, entry), _kind(entry), ""))
        except OSError as error:
            met.others.append(Other(_path(folder, entry), Kind.UNREADABLE, why(error)))
        if taken == _LOT:
            break
    return met if taken else None


def _kind(entry: os.DirEntry[str]) -> Kind:
    return KINDS[entry.stat(follow_symlinks=False).st_mode & 0o170000]


def _paths(folder: bytes, names: list[str]) -> list[bytes]:
    found = os.fsencode("\0".join(names)).split(b"\0")  # one call for all
    return [folder + b"/" + name for name in found] if folder else found


def _path(folder: _Told, entry: os.DirEntry[str]) -> bytes:
    return _join(folder.path, os.fsencode(entry.name))


def _join(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name


def _entered(path: bytes, fd: int) -> _Told:
    seen = os.fstat(fd)
    return _Told(path, fd, (seen.st_dev, seen.st_ino))


def _open(parent: _Told, name: bytes) -> int:
    if parent.fd < 0:
        raise OSError(errno.ESTALE, "the folder was moved away meanwhile")
    return os.open(name, FOLDER_FLAGS, dir_fd=parent.fd)
