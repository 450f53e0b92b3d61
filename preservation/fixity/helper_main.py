"""Reads many small files: takes their digests, and copies them if asked. The one loop for it.

The engine's threads call it; helper processes run this file as a script, in isolated mode. It
imports nothing of ours, so that a helper is at work within some milliseconds. It does what is
plain and nothing else: a file that is large, odd, changing or in any trouble is left to the
asker, who knows what to say.

Arguments of the script: the open folder to read from, the open folder to copy to (-1 for none),
the most octets of a file, 1 to drop cached pages first, 1 if all files were listed, 1 if copies
will be read again soon, and the files of two extensions: of the one that hashes several files at
once (empty: OpenSSL, one after the other), of the one that reads many in a call (empty: Python, one
after the other). A question is a length (4 octets, little endian) and, as ``marshal`` spells it,
the arguments of :meth:`Plain.take`; an answer is the same with what that gives.
"""

from __future__ import annotations

import hashlib
import marshal
import mmap
import os
import stat
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader  # importlib itself takes 0.5 ms more

TYPE_CHECKING = False  # the module typing would take longer to import than all the others
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WORTH_PASSING = 128 * 1024  # octets of a file that passes the page cache; as files.uncached
_PAGE = 4096
_HUGE = 2 << 20  # octets of a huge page
_ASKED = 32  # files that the medium is asked for before the first of them is waited for
_TOGETHER = 64 * 1024  # octets that are hashed together: they stay in a core's own cache
_ABREAST = 512 * 1024  # the same where lanes hash them, which need many at once
_FULL = 16  # files below which lanes stay empty
_SOME = 256  # files of a call at most
_FEW = 4  # buffers up to which one after the other is as fast as lanes
_MASK = (1 << 64) - 1  # of times: in looks they are modulo 2^64

Look = tuple[int, int, int, int, int]  # device, inode, octets, mtime_ns, ctime_ns
Octets = bytes | memoryview
Taken = tuple[list[int], list[bytes]]
Filled = tuple[list[int], list[Octets]]
How = tuple[int, int, int, bool, bool, bool]  # most, enough, least, listed, drop_cache, passes


def hash_many(buffers: Sequence[Octets], name: str, lanes: Any = None) -> bytes:
    """The digests of some small buffers, joined.

    Args:
        lanes: hashes several at once, if it can: ``preservation.fixity.sha2`` or its extension.
    """
    if lanes is not None and len(buffers) > _FEW and name in lanes.LANES:
        digests: bytes = lanes.digests(name, buffers)
        return digests
    return _one_by_one(buffers, name)


def _one_by_one(buffers: Sequence[Octets], name: str) -> bytes:
    # A copy of an empty state costs half as much as a new one, for which OpenSSL is searched.
    new = _empty(name).copy
    digests: list[bytes] = []
    for buffer in buffers:
        state = new()
        state.update(buffer)
        digests.append(state.digest())
    return b"".join(digests)


def look(seen: os.stat_result) -> Look:
    """What changes when a file is written to, as ``preservation.files.looks.look_of``."""
    mtime, ctime = seen.st_mtime_ns & _MASK, seen.st_ctime_ns & _MASK
    return seen.st_dev, seen.st_ino, seen.st_size, mtime, ctime


class Plain:
    """Reads small files below a root, and copies them below another; for one thread.

    Copies that are not tiny are written past the page cache, and read past it where cached pages
    are to be dropped: that takes the kernel a fraction of the time.

    Args:
        root: the folder to read from, open.
        copy_to: the folder to copy to, open; -1 for none.
        most: octets; larger files are left.
        drop_cache: ask the system to forget each file's cached pages first.
        listed: a listing of its folder called each file a regular one.
        lanes: as of :func:`hash_many`.
        small: the extension that reads; None where there is none.
        read_soon: copies will be read again soon, and stay in the page cache.
        memory: gives so many octets to read into, when they are needed.
    """

    def __init__(
        self,
        root: int,
        copy_to: int,
        most: int,
        drop_cache: bool,
        listed: bool = False,
        lanes: Any = None,
        small: Any = None,
        read_soon: bool = False,
        memory: Callable[[int], memoryview] | None = None,
    ) -> None:
        self._root, self._copy_to, self._lanes = root, copy_to, lanes
        self._memory = memory or _memory
        octets, files = (_TOGETHER, 1) if lanes is None else (_ABREAST, _FULL)
        passes = drop_cache or (copy_to >= 0 and not read_soon)
        self._how: How = most, octets, files, listed, drop_cache, passes
        self._octets = files * (most + _PAGE) + octets  # of the room; what is not used takes none
        self._room: memoryview | None = None
        self._fill = _fill if small is None else small.fill

    def take(
        self,
        names: Sequence[str],
        paths: Sequence[bytes],
        looks: Sequence[Look] = (),
        kept: Sequence[bytes] = (),
    ) -> Taken:
        """Read some files.

        Args:
            names: of the digests to take.
            paths: relative to the root, safe.
            looks: what each file must look like after it was read, as it did when a walk met
                it; else it is left.
            kept: where each is copied to, safe; nowhere if there are none.

        Returns:
            For each path its octets, or -1 - octets of one that was left. For each name the
            digests of those that were read, joined: one that was left has none.
        """
        if self._room is None:
            self._room = self._memory(self._octets)
        sizes: list[int] = []
        columns: list[list[bytes]] = [[] for _ in names]
        while (at := len(sizes)) < len(paths):
            after = at + _SOME
            gone, buffers = self._fill(
                self._root,
                self._copy_to,
                paths[at:after],
                kept[at:after],
                looks[at:after],
                self._room,
                self._how,
            )
            sizes += gone
            for name, column in zip(names, columns, strict=True):
                column.append(hash_many(buffers, name, self._lanes))
        return sizes, [b"".join(column) for column in columns]


def _memory(octets: int) -> memoryview:
    """Memory for what passes the page cache: as ``preservation.files.memory.for_medium``."""
    whole = -(-octets // _HUGE) * _HUGE
    memory = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTFORK)
    try:  # noqa: SIM105 (contextlib takes 3 ms to import)
        memory.madvise(mmap.MADV_HUGEPAGE)
    except OSError:  # a kernel without them
        pass
    return memoryview(memory)


def _fill(
    root: int,
    copy_to: int,
    paths: Sequence[bytes],
    kept: Sequence[bytes],
    looks: Sequence[Look],
    _room: memoryview,
    how: How,
) -> Filled:
    """Read files until there are enough of them; what the extension does, where there is none.

    Nothing is read or written past the page cache: what has to be is left, too.

    Args:
        root, copy_to, paths, kept, looks: as of :class:`Plain`.
        how: ``most``, ``listed``, ``drop_cache`` as of :class:`Plain`; octets, and files, that
            are enough to be hashed; and whether to write past the page cache.

    Returns:
        Of the paths that were gone through, the sizes as :meth:`Plain.take` gives them, and the
        octets of the files that were read.
    """
    most, enough, least, listed, drop_cache, _ = how
    source, copy = _Folders(root), _Folders(copy_to)
    several = _ASKED if drop_cache else 1
    sizes: list[int] = []
    buffers: list[Octets] = []
    held = 0
    try:
        while len(sizes) < len(paths) and not (held >= enough and len(buffers) >= least):
            # The medium is asked for several files before the first of them is waited for: it can
            # put them in order, or fetch them at once.
            next_ones = paths[len(sizes) : len(sizes) + several]
            for fd, size in [_open(source, each, most, listed, drop_cache) for each in next_ones]:
                number = len(sizes)
                data = None if fd < 0 else _read(fd, size, looks[number] if looks else None)
                if data is None or (kept and not copy.write(kept[number], data)):
                    sizes.append(-1 - size)
                    continue
                sizes.append(size)
                buffers.append(data)
                held += size
    finally:
        source.leave()
        copy.leave()
    return sizes, buffers


def _open(
    folders: _Folders, path: bytes, most: int, listed: bool, drop_cache: bool
) -> tuple[int, int]:
    """A file's descriptor and octets; -1 for the descriptor of one that is left."""
    fd, size = -1, 0
    try:
        fd = folders.open(path, _READ)
        size = _size(fd, listed)
        if 0 <= size <= most and not (drop_cache and _stays(fd, size)):
            return fd, size
    except OSError:
        pass
    if fd >= 0:
        os.close(fd)
    return -1, max(size, 0)


def _size(fd: int, listed: bool) -> int:
    """Octets of an open file; -1 for what is no regular one.

    To be told of everything by ``fstat`` takes four times as long as to be told of an end.
    What took a listed file's place meanwhile has no end (a pipe), or none behind its
    beginning (a device), or cannot be read from (a folder).
    """
    if listed and (end := os.lseek(fd, 0, os.SEEK_END)) > 0:
        return end
    seen = os.fstat(fd)
    return seen.st_size if stat.S_ISREG(seen.st_mode) else -1


def _stays(fd: int, size: int) -> bool:
    """Drop what is cached of an open file; whether it has to be read past the cache nevertheless:
    it is not small, or pages stay that a program has mapped. The medium is asked for others.
    """
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    if size >= _WORTH_PASSING:
        return True
    try:
        if os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT) > 0:
            return True
    except OSError:  # it has to be read; or nobody can say
        pass
    os.posix_fadvise(fd, 0, size, os.POSIX_FADV_WILLNEED)
    return False


def _read(fd: int, size: int, expected: Look | None) -> bytes | None:
    """All octets of an open file, which is closed then; None if it changes, or is in trouble."""
    try:
        try:
            data = os.pread(fd, size + 1, 0)
            # The change time never goes back, so one look after the last octet tells of all
            # that happened since the walk.
            as_seen = expected is None or look(os.fstat(fd)) == expected
        finally:
            os.close(fd)
    except OSError:
        return None
    return data if len(data) == size and as_seen else None


class _Folders:
    """The folder below a root that is open now; paths come folder by folder."""

    def __init__(self, root: int) -> None:
        self._root = self._at = root
        self._parent = b""

    def open(self, path: bytes, flags: int) -> int:
        """Open a file; no part of its path may be a link."""
        cut = path.rfind(b"/") + 1
        if path[:cut] != self._parent:
            self._enter(path[:cut])
        return os.open(path[cut:], flags, 0o644, dir_fd=self._at)

    def write(self, path: bytes, data: Octets) -> bool:
        """Make a file; or none, where anything is in the way."""
        try:
            fd = self.open(path, _WRITE)
        except OSError:
            return False
        try:
            try:
                whole = not data or os.write(fd, data) == len(data)
            finally:
                os.close(fd)
        except OSError:
            whole = False
        if not whole:
            os.unlink(path[path.rfind(b"/") + 1 :], dir_fd=self._at)
        return whole

    def _enter(self, parent: bytes) -> None:
        """Open another folder, following no link on the way."""
        self.leave()
        try:
            for part in parent.split(b"/")[:-1]:
                deeper = os.open(part, _FOLDER, dir_fd=self._at)
                self.leave()
                self._at = deeper
        except OSError:
            self.leave()  # not halfway: the next path may begin at the root
            raise
        self._parent = parent

    def leave(self) -> None:
        """Close it."""
        if self._at != self._root:
            os.close(self._at)
        self._at, self._parent = self._root, b""


_EMPTY: dict[str, Any] = {}  # states by algorithm, into which nothing goes: they are copied


def _empty(name: str) -> Any:
    if name not in _EMPTY:
        # MD5 and SHA-1 are for what depositors bring, not for security: so they work in FIPS
        # mode too.
        how = {"usedforsecurity": False} if name in ("md5", "sha1") else {}
        _EMPTY[name] = getattr(hashlib, name)(**how)
    return _EMPTY[name]


def _extension(name: str, path: str) -> Any:
    """The extension in a file; None where it cannot be had: then Python does its work."""
    try:
        loader = ExtensionFileLoader(name, path)
        module = loader.create_module(ModuleSpec(name, loader, origin=path))
        loader.exec_module(module)
    except ImportError:
        return None
    return module


def _serve(plain: Plain) -> None:
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := questions.read(4):
        asked = marshal.loads(questions.read(int.from_bytes(head, "little")))  # noqa: S302 (our asker's)
        said = marshal.dumps(plain.take(*asked))
        answers.write(len(said).to_bytes(4, "little") + said)
        answers.flush()


if __name__ == "__main__":
    os.umask(0o022)  # copies have mode 0644, whatever the asker's umask
    _root, _copy_to, _most, _drop, _listed, _soon = map(int, sys.argv[1:7])
    _lanes, _small = map(_extension, ("_sha2", "_small"), sys.argv[7:9])
    _how = bool(_drop), bool(_listed), _lanes, _small, bool(_soon)
    _serve(Plain(_root, _copy_to, _most, *_how))
    os._exit(0)  # there is nothing to tidy up
