"""Reads many small files: takes their digests, and copies them if asked. The one loop for it.

The engine's threads call it; helper processes run this file as a script, in isolated mode. It
imports nothing of ours, so that a helper is at work within some milliseconds. It does what is
plain and nothing else: a file that is large, odd, changing or in any trouble is left to the
asker, who knows what to say.

Arguments of the script: the open folder to read from, the open folder to copy to (-1 for none),
the most octets of a file, 1 to drop cached pages first, 1 if all files were listed, the file of the
extension that hashes several files at once (empty: OpenSSL, one after the other), 1 if copies will
be read again soon. A question is a length (4 octets, little endian) and, as ``marshal`` spells it,
the arguments of :meth:`Plain.take`; an answer is the same with what that gives. The arguments of
:meth:`Plain.move`, which are fewer, are spelled the same way and not answered.
"""

from __future__ import annotations

import fcntl
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
    from collections.abc import Iterator, Sequence
    from typing import Any

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER = _ROOT | os.O_NOFOLLOW
_WORTH_PASSING = 128 * 1024  # octets of a file that passes the page cache; as files.uncached
_PAGE = 4096
_ASKED = 32  # files that the medium is asked for before the first of them is waited for
_TOGETHER = 64 * 1024  # octets that are hashed together: they stay in a core's own cache
_ABREAST = 512 * 1024  # the same where lanes hash them, which need many at once
_FULL = 16  # files below which lanes stay empty
_FEW = 4  # buffers up to which one after the other is as fast as lanes

_MOVING = 3  # arguments of Plain.move; those of Plain.take are four

Look = tuple[int, int, int, int, int]  # device, inode, octets, mtime_ns, ctime_ns
Octets = bytes | memoryview
Opened = tuple[int, int, bool] | OSError  # descriptor, octets, whether it stays in the cache
Taken = tuple[list[int], list[bytes]]


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
    """What changes when a file is written to; see ``preservation.fixity.fence``."""
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


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
        read_soon: copies will be read again soon, and stay in the page cache.
    """

    def __init__(
        self,
        root: int,
        copy_to: int,
        most: int,
        drop_cache: bool,
        listed: bool = False,
        lanes: Any = None,
        read_soon: bool = False,
    ) -> None:
        self._source, self._copy = _Folders(root), _Folders(copy_to)
        self._most, self._drop_cache, self._listed = most, drop_cache, listed
        self._lanes = lanes
        self._octets, self._files = (_TOGETHER, 1) if lanes is None else (_ABREAST, _FULL)
        self._passes = drop_cache or (copy_to >= 0 and not read_soon)
        self._room = _Room(most, self._files)
        self._aside = _Room(_WORTH_PASSING, 1)
        self._octet = bytearray(1)

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
        sizes: list[int] = []
        columns: list[list[bytes]] = [[] for _ in names]
        buffers: list[Octets] = []
        held = 0
        self._room.clear()
        for number, opened in enumerate(self._opened(paths)):
            try:
                size, data = self._read(opened, looks[number] if looks else None)
                if data is not None and kept:
                    self._write(kept[number], data)
            except OSError:
                size, data = 0, None
            if data is None:
                sizes.append(-1 - size)
                continue
            sizes.append(size)
            buffers.append(data)
            held += size
            if held >= self._octets and len(buffers) >= self._files:
                for name, column in zip(names, columns, strict=True):
                    column.append(hash_many(buffers, name, self._lanes))
                buffers, held = [], 0
                self._room.clear()
        for name, column in zip(names, columns, strict=True):
            column.append(hash_many(buffers, name, self._lanes))
        return sizes, [b"".join(column) for column in columns]

    def move(self, root: bytes, device: int, inode: int) -> None:
        """Read from another folder from now on; its asker has it open, and says which it is.

        Where another one is found at that path, or none, everything is left.
        """
        self._source.close()
        try:
            fd = os.open(root, _ROOT)
        except OSError:
            fd = -1
        else:
            seen = os.fstat(fd)
            if (seen.st_dev, seen.st_ino) != (device, inode):
                os.close(fd)
                fd = -1
        self._source = _Folders(fd)

    def close(self) -> None:
        """Let the kept folders go."""
        self._source.leave()
        self._copy.leave()

    def _opened(self, paths: Sequence[bytes]) -> Iterator[Opened]:
        """Each file, open, and its size; in its place what the system says of one that is not.

        Where octets come from the medium, it is asked for those of several small files before
        the first of them is waited for: it can put them in order, or fetch them at once, and
        less time is lost in between. What is read then was fetched after the cache was dropped.
        """
        several = _ASKED if self._drop_cache else 1
        for first in range(0, len(paths), several):
            yield from [self._open(path) for path in paths[first : first + several]]

    def _open(self, path: bytes) -> Opened:
        folder, fd, stays = self._source, -1, False
        cut = path.rfind(b"/") + 1
        try:
            if path[:cut] != folder.parent:
                folder.enter(path[:cut])
            fd = os.open(path[cut:], _READ, dir_fd=folder.at)
            size = self._size(fd)
            if self._drop_cache and 0 <= size <= self._most:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                if size < _WORTH_PASSING:
                    stays = self._stays(fd)
                    os.posix_fadvise(fd, 0, size, os.POSIX_FADV_WILLNEED)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            return error
        return fd, size, stays

    def _stays(self, fd: int) -> bool:
        """Whether a small file's pages stay in the cache though they were dropped, as those do that
        a program has mapped: of the medium they say nothing.
        """
        try:
            return os.preadv(fd, [self._octet], 0, os.RWF_NOWAIT) > 0
        except OSError:  # it has to be read; or nobody can say
            return False

    def _read(self, opened: Opened, expected: Look | None) -> tuple[int, Octets | None]:
        """Size and octets; None instead of them for what is not plain."""
        if isinstance(opened, OSError):
            raise opened
        fd, size, stays = opened
        try:
            if not 0 <= size <= self._most:
                return max(size, 0), None
            data = self._beside_cache(fd, size) if stays else self._octets_of(fd, size)
            # The change time never goes back, so one look after the last octet tells of all
            # that happened since the walk.
            if len(data) != size or (expected is not None and look(os.fstat(fd)) != expected):
                return size, None
            return size, data
        finally:
            os.close(fd)

    def _octets_of(self, fd: int, size: int) -> Octets:
        """All octets of an open file, and one more if it has grown."""
        slot = self._room.slot() if self._passes and size >= _WORTH_PASSING else None
        if slot is None:
            return os.pread(fd, size + 1, 0)
        if self._drop_cache:
            _pass_cache(fd)
        return slot[: os.preadv(fd, [slot[: _pages(size + 1)]], 0)]

    def _beside_cache(self, fd: int, size: int) -> Octets:
        """The same of a small file that stays in the cache, from the medium."""
        self._aside.clear()
        slot = self._aside.slot()
        if slot is None or not _pass_cache(fd):
            return os.pread(fd, size + 1, 0)
        return bytes(slot[: os.preadv(fd, [slot[: _pages(size + 1)]], 0)])

    def _size(self, fd: int) -> int:
        """Octets of an open file; -1 for what is no regular one.

        To be told of everything by ``fstat`` takes four times as long as to be told of an end.
        What took a listed file's place meanwhile has no end (a pipe), or none behind its
        beginning (a device), or cannot be read from (a folder).
        """
        if self._listed and (end := os.lseek(fd, 0, os.SEEK_END)) > 0:
            return end
        seen = os.fstat(fd)
        return seen.st_size if stat.S_ISREG(seen.st_mode) else -1

    def _write(self, path: bytes, data: Octets) -> None:
        folder = self._copy
        cut = path.rfind(b"/") + 1
        if path[:cut] != folder.parent:
            folder.enter(path[:cut])
        fd = os.open(path[cut:], _WRITE, 0o644, dir_fd=folder.at)
        try:
            whole = len(data) // _PAGE * _PAGE if isinstance(data, memoryview) else 0
            if whole and _pass_cache(fd):
                _write_all(fd, data[:whole])
                _pass_cache(fd, on=False)
                data = data[whole:]
            _write_all(fd, data)
        except OSError:
            os.unlink(path[cut:], dir_fd=folder.at)
            raise
        finally:
            os.close(fd)


class _Room:
    """Memory that begins at pages, as whoever passes the page cache must have it.

    Args:
        most: octets of a slot; one more may be read.
        slots: how many there are, until they are all cleared.
    """

    def __init__(self, most: int, slots: int) -> None:
        self._octets, self._slots = _pages(most + 1), slots
        self._memory: memoryview | None = None
        self._given = 0

    def slot(self) -> memoryview | None:
        """The next one; None if there is none."""
        if self._given == self._slots:
            return None
        if self._memory is None:
            self._memory = memoryview(mmap.mmap(-1, self._slots * self._octets))
        at = self._given * self._octets
        self._given += 1
        return self._memory[at : at + self._octets]

    def clear(self) -> None:
        """What was in them is not needed any more."""
        self._given = 0


def _pages(octets: int) -> int:
    """As many octets, and those up to the end of a page."""
    return -(-octets // _PAGE) * _PAGE


def _pass_cache(fd: int, *, on: bool = True) -> bool:
    """Read and write an open file past the page cache; False where the file system can't."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
    except OSError:
        return False
    return True


def _write_all(fd: int, data: Octets) -> None:
    if data and os.write(fd, data) != len(data):
        raise OSError("written in part")


class _Folders:
    """The folder below a root that is open now; paths come folder by folder.

    Attributes:
        parent: its path, with a slash at its end; empty for the root.
        at: its descriptor.
    """

    def __init__(self, root: int) -> None:
        self._root = self.at = root
        self.parent = b""

    def enter(self, parent: bytes) -> None:
        """Open another folder, following no link on the way."""
        self.leave()
        try:
            for part in parent.split(b"/")[:-1]:
                deeper = os.open(part, _FOLDER, dir_fd=self.at)
                self.leave()
                self.at = deeper
        except OSError:
            self.leave()  # not halfway: the next path may begin at the root
            raise
        self.parent = parent

    def leave(self) -> None:
        """Close it."""
        if self.at != self._root:
            os.close(self.at)
        self.at, self.parent = self._root, b""

    def close(self) -> None:
        """Close the root, too."""
        self.leave()
        if self._root >= 0:
            os.close(self._root)
        self._root = self.at = -1


_EMPTY: dict[str, Any] = {}  # states by algorithm, into which nothing goes: they are copied


def _empty(name: str) -> Any:
    if name not in _EMPTY:
        # MD5 and SHA-1 are for what depositors bring, not for security: so they work in FIPS
        # mode too.
        how = {"usedforsecurity": False} if name in ("md5", "sha1") else {}
        _EMPTY[name] = getattr(hashlib, name)(**how)
    return _EMPTY[name]


def _extension(path: str) -> Any:
    """The extension in a file; None where it cannot be had: then OpenSSL does its work."""
    try:
        loader = ExtensionFileLoader("_sha2", path)
        lanes = loader.create_module(ModuleSpec("_sha2", loader, origin=path))
        loader.exec_module(lanes)
    except ImportError:
        return None
    return lanes if lanes.LANES else None


def _serve(plain: Plain) -> None:
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := questions.read(4):
        asked = marshal.loads(questions.read(int.from_bytes(head, "little")))  # noqa: S302 (our asker's)
        if len(asked) == _MOVING:
            plain.move(*asked)
            continue
        said = marshal.dumps(plain.take(*asked))
        answers.write(len(said).to_bytes(4, "little") + said)
        answers.flush()


if __name__ == "__main__":
    os.umask(0o022)  # copies have mode 0644, whatever the asker's umask
    _root, _copy_to, _most, _drop, _listed = map(int, sys.argv[1:6])
    _lanes = _extension(sys.argv[6]) if sys.argv[6] else None
    _soon = sys.argv[7] == "1"
    _serve(Plain(_root, _copy_to, _most, bool(_drop), bool(_listed), _lanes, _soon))
    os._exit(0)  # there is nothing to tidy up
