"""What a helper process runs: reads small files, takes their digests, and copies them if asked.

Started by ``preservation.fixity.helpers`` as a script, in isolated mode. It imports nothing of
ours, so that it is at work within some milliseconds. It does what is plain and nothing else: a
file that is large, odd, changing or in any trouble is left to the asker, who knows what to say.

Arguments: the open folder to read from, the open folder to copy to (-1 for none), the most
octets of a file, names for ``hashlib``. Each question is a length (4 octets, little endian)
and paths with NUL between them; each answer a length and one record for each path: a signed
number in 8 octets, and room for every digest. Below zero, the file was left: its size is what
comes after -1.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable
from functools import partial

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Folders:
    """Opens files below a root without following a link, keeping the last folder open."""

    def __init__(self, root: int) -> None:
        self._root = self._at = root
        self._parent = b""

    def open(self, path: bytes, flags: int) -> int:
        parent, _, name = path.rpartition(b"/")
        if parent != self._parent:
            self._enter(parent)
        return os.open(name, flags, 0o644, dir_fd=self._at)

    def unlink(self, path: bytes) -> None:
        """Take back what ``open`` just made."""
        os.unlink(path.rpartition(b"/")[2], dir_fd=self._at)

    def _enter(self, parent: bytes) -> None:
        self._leave()
        for part in parent.split(b"/") if parent else ():
            deeper = os.open(part, _FOLDER, dir_fd=self._at)
            self._leave()
            self._at = deeper
        self._parent = parent

    def _leave(self) -> None:
        if self._at != self._root:
            os.close(self._at)
        self._at, self._parent = self._root, b""


class _Helper:
    def __init__(self, root: int, copy_to: int, most: int, names: list[str]) -> None:
        self._source = _Folders(root)
        self._copy = _Folders(copy_to) if copy_to >= 0 else None
        self._most = most
        self._hashes = [partial(getattr(hashlib, name), usedforsecurity=False) for name in names]
        self._no_digests = bytes(sum(new().digest_size for new in self._hashes))

    def one(self, path: bytes) -> bytes:
        """The record of one file."""
        try:
            size, data = self._read(path)
            if data is not None and self._copy is not None:
                self._write(self._copy, path, data)
        except OSError:
            size, data = 0, None
        if data is None:
            return (-1 - size).to_bytes(8, "little", signed=True) + self._no_digests
        digests = [new(data).digest() for new in self._hashes]
        return len(data).to_bytes(8, "little") + b"".join(digests)

    def _read(self, path: bytes) -> tuple[int, bytes | None]:
        """Size and octets; None instead of them for what is not plain."""
        fd = self._source.open(path, _READ)
        try:
            seen = os.fstat(fd)
            if not stat.S_ISREG(seen.st_mode):
                return 0, None
            size = seen.st_size
            data = os.read(fd, size + 1) if size <= self._most else b""
            if len(data) != size or (self._copy and _look(os.fstat(fd)) != _look(seen)):
                return size, None
            return size, data
        finally:
            os.close(fd)

    @staticmethod
    def _write(copy: _Folders, path: bytes, data: bytes) -> None:
        fd = copy.open(path, _WRITE)
        try:
            os.fchmod(fd, 0o644)  # whatever the umask says
            if os.write(fd, data) != len(data):
                raise OSError("written in part")
        except OSError:
            copy.unlink(path)
            raise
        finally:
            os.close(fd)


def _look(seen: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written to; see ``preservation.fixity.fence``."""
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _serve(answer: Callable[[bytes], bytes]) -> None:
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := questions.read(4):
        paths = questions.read(int.from_bytes(head, "little")).split(b"\0")
        said = b"".join([answer(path) for path in paths])
        answers.write(len(said).to_bytes(4, "little") + said)
        answers.flush()


if __name__ == "__main__":
    _root, _copy_to, _most = map(int, sys.argv[1:4])
    _serve(_Helper(_root, _copy_to, _most, sys.argv[4:]).one)
