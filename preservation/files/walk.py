"""What lies in a folder, without following, opening or trusting any of it.

Every folder is opened relative to its parent with ``O_NOFOLLOW``, so that a link never leads
the walk out of the root, not even one that takes a folder's place meanwhile. Only folders are
opened: a FIFO can't block, a device isn't touched. Depth is bounded by the disk alone, since
each step names one component; memory by the listings of the folders on the way down.

Source: openat(2), path_resolution(7).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from enum import Enum
from typing import NamedTuple, TypeVar

from preservation.files.durable import AnyPath, expect_means, means
from preservation.files.looks import LOOK, looks
from preservation.model.deferred import dataclass
from preservation.model.names import is_safe, parts

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
RUN = 256  # files that are looked at in one call
_OPEN_FOLDERS = 64  # descriptors that one walk holds at most; deeper down, parents are reopened


class Kind(Enum):
    """What an entry is, by ``lstat``."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    FIFO = "fifo"
    SOCKET = "socket"
    DEVICE = "device"
    UNREADABLE = "unreadable"  # a folder that can't be listed, or an entry that can't be looked at


class Entry(NamedTuple):
    """One name below the root, as ``lstat`` saw it.

    Attributes:
        path: relative to the root, ``/`` between the parts, never empty.
        octets: size; of a link, the length of its target.
        mode: permission bits, set-uid, set-gid and sticky included.
        link_target: of a link, else empty.
        error: why it is ``UNREADABLE``: ``EACCES: Permission denied``; else empty.
    """

    path: bytes
    kind: Kind
    octets: int
    mtime_ns: int
    ctime_ns: int
    mode: int
    ino: int
    dev: int
    nlink: int
    link_target: bytes
    error: str


class Run(NamedTuple):
    """Some regular files of one folder, one after the other.

    Attributes:
        paths: relative to the root.
        looks: at each, packed as :mod:`preservation.files.looks` does it.
    """

    paths: list[bytes]
    looks: bytes


KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.FOLDER,
    stat.S_IFLNK: Kind.LINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
    stat.S_IFBLK: Kind.DEVICE,
    stat.S_IFCHR: Kind.DEVICE,
}


@dataclass(slots=True)
class Folder:
    """A folder on the way down; ``fd`` is -1 while it is closed to save descriptors."""

    path: bytes
    fd: int
    identity: tuple[int, int]

    def close(self) -> None:
        """Let its descriptor go."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


_OnTheWay = TypeVar("_OnTheWay", bound=Folder)
_Made = TypeVar("_Made")


@dataclass(slots=True)
class _Listed(Folder):
    names: list[bytes]
    at: int = 0  # the next one to visit


def walk(root: AnyPath) -> Iterator[Entry]:
    """Everything below a folder: each folder before what is in it, names in order of bytes.

    The root itself is not an entry. What can't be looked at is an entry of kind
    ``UNREADABLE``, and the walk goes on.

    Raises:
        OSError: the root can't be opened as a folder; a link is refused.
        NotNowError: this process ran out of open files or memory.
    """
    with means():
        yield from _walked(root, _entries)


def walk_runs(root: AnyPath) -> Iterator[Entry | Run]:
    """The same, with regular files told many at a time: much less work where there are very many.

    Raises:
        As :func:`walk`.
    """
    with means():
        yield from _walked(root, _runs)


def _walked(root: AnyPath, files: Callable[[_Listed], Iterator[_Made]]) -> Iterator[Entry | _Made]:
    """A walk in which ``files`` tells regular files, up to the next name that is something else."""
    root_fd = os.open(os.fsencode(root), FOLDER_FLAGS)
    stack: list[_Listed] = []
    try:
        stack.append(_listed(b"", os.dup(root_fd)))
        while stack:
            folder = stack[-1]
            if folder.at == len(folder.names):
                leave(stack, root_fd)
                continue
            if folder.fd >= 0:
                yield from files(folder)
                if folder.at == len(folder.names):
                    continue
            entry, inner = _visit(folder, folder.names[folder.at])
            folder.at += 1
            if inner is not None:
                stack.append(inner)
                spare(stack)
            yield entry
    finally:
        for folder in stack:
            folder.close()
        os.close(root_fd)


def open_below(root_fd: int, path: bytes, flags: int, mode: int = 0o600) -> int:
    """Open one entry below a folder; no component may be a link, and nothing blocks.

    Args:
        root_fd: the folder, open.
        path: relative, without ``.`` and ``..``; may be longer than ``PATH_MAX``.
        flags: ``O_NOFOLLOW``, ``O_NONBLOCK``, ``O_NOCTTY`` and ``O_CLOEXEC`` are added.
        mode: permissions of a file that is created.

    Raises:
        OSError: ``ELOOP`` or ``ENOTDIR`` where a component is a link, ``EINVAL`` for a path
            that could leave the folder, and what open(2) says.
    """
    if not is_safe(path):
        raise OSError(errno.EINVAL, "not a path below a folder", os.fsdecode(path))
    *folders, name = parts(path)
    at = root_fd
    try:
        for folder in folders:
            deeper = os.open(folder, FOLDER_FLAGS, dir_fd=at)
            if at != root_fd:
                os.close(at)
            at = deeper
        always = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(name, flags | always, mode, dir_fd=at)
    finally:
        if at != root_fd:
            os.close(at)


def _entries(folder: _Listed) -> Iterator[Entry]:
    """Regular files, which nearly all names are, up to the next that is something else."""
    start = folder.path + b"/" if folder.path else b""
    look, is_regular, names = os.stat, stat.S_ISREG, folder.names
    while folder.at < len(names):
        name = names[folder.at]
        try:
            seen = look(name, dir_fd=folder.fd, follow_symlinks=False)
        except OSError:
            return
        if not is_regular(seen.st_mode):
            return
        folder.at += 1
        yield _entry(start + name, Kind.FILE, seen)


def _runs(folder: _Listed) -> Iterator[Run]:
    """The same, many at a time."""
    start = folder.path + b"/" if folder.path else b""
    while names := folder.names[folder.at : folder.at + RUN]:
        seen = looks(folder.fd, names)
        files = len(seen) // LOOK.size
        if files:
            folder.at += files
            yield Run([start + name for name in names[:files]], seen)
        if files < len(names):
            return


def _visit(folder: _Listed, name: bytes) -> tuple[Entry, _Listed | None]:
    """Look at one name; list it, if it is a folder."""
    path = folder.path + b"/" + name if folder.path else name
    if folder.fd < 0:
        return _unseen(path, "ESTALE: the folder was moved away during the walk"), None
    try:
        seen = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
        kind = KINDS[stat.S_IFMT(seen.st_mode)]
        target = os.readlink(name, dir_fd=folder.fd) if kind is Kind.LINK else b""
    except OSError as error:
        return _unseen(path, why(error)), None
    if kind is not Kind.FOLDER:
        return _entry(path, kind, seen, target), None
    try:
        inner = _listed(path, os.open(name, FOLDER_FLAGS, dir_fd=folder.fd))
    except OSError as error:
        return _entry(path, Kind.UNREADABLE, seen, error=why(error)), None
    return _entry(path, kind, seen), inner


def _listed(path: bytes, fd: int) -> _Listed:
    """Take over an open folder and read its listing."""
    try:
        seen = os.fstat(fd)
        listed = os.listdir(fd)
        names = os.fsencode("\0".join(listed)).split(b"\0") if listed else []  # one call for all
        names.sort()
    except BaseException:
        os.close(fd)
        raise
    return _Listed(path, fd, (seen.st_dev, seen.st_ino), names)


def spare(stack: Sequence[Folder]) -> None:
    """Close the parent that is too far up to keep open."""
    if len(stack) > _OPEN_FOLDERS:
        stack[-1 - _OPEN_FOLDERS].close()


def leave(stack: MutableSequence[_OnTheWay], root_fd: int) -> None:
    """Close the folder that is done, with its parent open again."""
    done = stack.pop()
    try:
        if stack and stack[-1].fd < 0:
            stack[-1].fd = reopen(stack[-1].path, stack[-1].identity, done.fd, root_fd)
    finally:
        done.close()


def reopen(path: bytes, identity: tuple[int, int], child_fd: int, root_fd: int) -> int:
    """A folder once more, by the way up or by the way down; -1 if it isn't there.

    Args:
        path: of the folder, below the root.
        identity: its device and inode.
        child_fd: a folder in it, open.
    """
    ways = ((child_fd, b".."), (root_fd, path or b"."))
    for at, way in ways:
        try:
            if way in (b"..", b"."):
                fd = os.open(way, FOLDER_FLAGS, dir_fd=at)
            else:
                fd = open_below(at, way, FOLDER_FLAGS)
        except OSError:
            continue
        seen = os.fstat(fd)
        if (seen.st_dev, seen.st_ino) == identity:
            return fd
        os.close(fd)
    return -1


def _entry(
    path: bytes, kind: Kind, seen: os.stat_result, target: bytes = b"", error: str = ""
) -> Entry:
    return Entry(
        path,
        kind,
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
        stat.S_IMODE(seen.st_mode),
        seen.st_ino,
        seen.st_dev,
        seen.st_nlink,
        target,
        error,
    )


def _unseen(path: bytes, error: str) -> Entry:
    return Entry(path, Kind.UNREADABLE, 0, 0, 0, 0, 0, 0, 0, b"", error)


def why(error: OSError) -> str:
    """``EACCES: Permission denied``, for entries that are ``UNREADABLE``.

    Raises:
        NotNowError: it is not the entry's doing; see :func:`durable.expect_means`.
    """
    expect_means(error)
    name = errno.errorcode.get(error.errno or 0, "EIO")
    return f"{name}: {error.strerror}"


def number_of(told: str) -> tuple[int, str]:
    """What :func:`why` told, as the arguments of the error again."""
    name, _, words = told.partition(": ")
    return getattr(errno, name), words
