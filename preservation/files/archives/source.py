"""An archive's file: read once from beginning to end and hashed on the way, behind a fence."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Collection
from pathlib import Path

from preservation.errors import NotNowError
from preservation.files.archives.errors import ArchiveChangedError
from preservation.files.archives.member import CHUNK
from preservation.model.names import display

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE}


class Source(io.RawIOBase):
    """A regular file, as a stream whose every octet is hashed.

    Args:
        hashed: False if only headers are wanted: then what isn't wanted is not read.
        also: further algorithms, as ``hashlib`` calls them.

    Raises:
        ArchiveChangedError: nothing is there, or something that is no regular file.
        NotNowError: it may not be read, or the medium fails.
    """

    def __init__(self, path: Path, *, hashed: bool = True, also: Collection[str] = ()) -> None:
        self._path = path
        names = dict.fromkeys(("sha256", *also)) if hashed else ()
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in names}
        self._at = 0
        self._fd = -1
        try:
            self._fd = os.open(path, _OPEN)
            facts = os.fstat(self._fd)
        except OSError as error:
            if error.errno in _GONE:
                raise _changed(path) from error
            raise self._told(error) from error
        if not stat.S_ISREG(facts.st_mode):
            self.close()
            raise _changed(path)
        self._fence = _fence(facts)
        self.octets = facts.st_size

    def close(self) -> None:
        """Let the file go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        super().close()

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        """Octets read so far."""
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read on. Never beyond the size that the file had when it was opened."""
        room = min(len(buffer), self.octets - self._at)
        try:
            got = os.preadv(self._fd, [memoryview(buffer)[:room]], self._at) if room else 0
        except OSError as error:
            raise self._told(error) from error
        for one in self._hashes.values():
            one.update(memoryview(buffer)[:got])
        self._at += got
        return got

    def peek_at(self, offset: int, octets: int) -> bytes:
        """Octets from anywhere, not hashed; fewer at the end of the file."""
        pieces = []
        while octets > 0:
            try:
                piece = os.pread(self._fd, min(octets, CHUNK * 4), offset)
            except OSError as error:
                raise self._told(error) from error
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            octets -= len(piece)
        return b"".join(pieces)

    def seekable(self) -> bool:
        return not self._hashes

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere; only in a source that is not hashed."""
        if self._hashes:
            raise io.UnsupportedOperation("what is hashed is read from beginning to end")
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.octets}[whence]
        self._at = min(base + offset, self.octets)
        return self._at

    def finish(self) -> dict[str, bytes]:
        """Read what is left; the digests of the whole file by algorithm, none if not hashed.

        Raises:
            ArchiveChangedError: it is not what it was when it was opened.
        """
        if not self._hashes:
            return {}
        buffer = bytearray(CHUNK)
        while self.readinto(buffer):
            pass
        if _fence(os.fstat(self._fd)) != self._fence or self._at != self.octets:
            raise _changed(self._path)
        return {name: one.digest() for name, one in self._hashes.items()}

    def _told(self, error: OSError) -> NotNowError:
        return NotNowError(
            f"the archive cannot be read: {display(os.fsencode(self._path))}: {error.strerror}",
            hint="give the archive's account the right to read it; look for disk errors",
            code="ARC-READ",
        )


def _fence(facts: os.stat_result) -> tuple[int, ...]:
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _changed(path: Path) -> ArchiveChangedError:
    return ArchiveChangedError(
        f"{display(os.fsencode(path))}: changed, or was taken away, while it was read",
        hint="wait until nobody writes to it, then try again",
    )
