"""Containers as streams: hashed on the way, unpacked within a cap and a memory limit, and only
believed when nothing is left over.

``tarfile`` takes a damaged header in the middle for the archive's end, and never looks behind
it; ``zipfile`` never looks before the first member or behind the directory. Whatever they
would pass over in silence is an error here: no deposit is silently incomplete.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from preservation.errors import MalformedError, NotNowError
from preservation.fixity.reading import reason_of
from preservation.ingest.fenced import Changed
from preservation.model.names import display

CHUNK = 1 << 18
HEADER_LIMIT = 1 << 20  # octets of one extended tar header
XZ_MEMORY = 192 << 20  # octets; `xz -9` needs 65 MiB
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_RECORD = re.compile(rb"([0-9]{1,9}) [^=]+=")
_DESCRIPTOR = 24  # octets that may follow a member: CRC and sizes, once more
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}


def open_container(path: Path) -> BinaryIO:
    """Open a container; never through a link, never waiting.

    Raises:
        Changed: it is not there any more, or is something else now.
        NotNowError: it may not be read (``DEP-READ``).
    """
    try:
        fd = os.open(path, _OPEN)
    except OSError as error:
        if error.errno in _GONE:
            raise Changed from error
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Changed
    return cast(BinaryIO, io.BufferedReader(_Told(fd, path), CHUNK))


class _Told(io.FileIO):
    """A file whose failures are told as the deposit's, not as our own disk's."""

    def __init__(self, fd: int, path: Path) -> None:
        super().__init__(fd, "rb")
        self._path = path

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise _unreadable(self._path, error) from error


def _unreadable(path: Path, error: OSError) -> NotNowError:
    return NotNowError(
        f"the deposit cannot be read: {display(os.fsencode(path))}: {reason_of(error)}",
        hint="give the archive's account the right to read it; look for disk errors",
        code="DEP-READ",
    )


class Hashing(io.RawIOBase):
    """Reads a file once and hashes it on the way."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self._hash.update(data)
        return len(data)

    def finish(self) -> str:
        """Read what is left, so that the digest is the whole file's."""
        while data := self._raw.read(CHUNK):
            self._hash.update(data)
        return self._hash.hexdigest()


class Capped:
    """A stream that may not give more than so many octets.

    Args:
        too_much: is called then, and raises.
    """

    def __init__(self, stream: BinaryIO, most: int, too_much: Callable[[], NoReturn]) -> None:
        self._stream = stream
        self._left = most
        self._too_much = too_much

    def read(self, size: int) -> bytes:
        """As of any stream."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            self._too_much()
        return data


def decompressed(hashed: Hashing, name: str) -> BinaryIO:
    """The tar inside of a container, by the container's name in lower case."""
    buffered = io.BufferedReader(hashed, CHUNK)
    if name.endswith((".gz", ".tgz")):
        return cast(BinaryIO, gzip.GzipFile(fileobj=buffered))
    if name.endswith((".bz2", ".tbz2")):
        return cast(BinaryIO, bz2.BZ2File(buffered))
    if name.endswith((".xz", ".txz")):
        return cast(BinaryIO, io.BufferedReader(_Xz(buffered), CHUNK))
    return cast(BinaryIO, buffered)


class _Xz(io.RawIOBase):
    """Streams of xz, one after the other, within a memory limit (``LZMAFile`` has none)."""

    def __init__(self, packed: BinaryIO | io.BufferedReader) -> None:
        self._packed = packed
        self._decoder = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while True:
            if self._decoder.eof and not self._next_stream():
                return 0
            data = b""
            if self._decoder.needs_input:
                data = self._packed.read(CHUNK)
                if not data:
                    raise EOFError("the container ends before its end marker")
            out = self._decoder.decompress(data, len(buffer))
            if out:
                buffer[: len(out)] = out
                return len(out)

    def _next_stream(self) -> bool:
        """Begin with the next stream; zeros may lie between two of them."""
        rest = self._decoder.unused_data
        while True:
            rest = (rest or self._packed.read(CHUNK)).lstrip(b"\0")
            if rest:
                break
            if not (rest := self._packed.read(CHUNK)):
                return False
        self._decoder = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        self._packed = cast(BinaryIO, _Before(rest, self._packed))
        return True


class _Before:
    """Some octets, then a stream."""

    def __init__(self, first: bytes, rest: BinaryIO | io.BufferedReader) -> None:
        self._first = first
        self._rest = rest

    def read(self, size: int) -> bytes:
        """As of any stream."""
        if self._first:
            first, self._first = self._first[:size], self._first[size:]
            return first
        return self._rest.read(size)


class _FirstRead:
    """A stream, and what the first read from it gave."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.first = b""

    def read(self, size: int) -> bytes:
        """As of any stream."""
        data: bytes = self.stream.read(size)
        self.first = self.first or data
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _expect_records(data: bytes) -> None:
    """Raise ``MalformedError`` unless the data are records of a PAX header to their end."""
    at = 0
    while data[at:].strip(b"\0"):
        record = _RECORD.match(data, at)
        end = at + int(record[1]) if record else 0
        if record is None or end <= record.end() - 1 or data[end - 1 : end] != b"\n":
            raise MalformedError("a damaged extended header")
        at = end


class CarefulInfo(tarfile.TarInfo):
    """Refuses extended headers that would be read into memory whole, and takes nothing but an
    end marker for the end.
    """

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> CarefulInfo:
        """Read the next header.

        Raises:
            MalformedError: it is damaged, or the archive ends without an end marker.
        """
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            if isinstance(error, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
                raise MalformedError("the archive ends without an end marker") from error
            raise MalformedError(f"a damaged header: {error}") from error

    def _proc_pax(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        """Read an extended header. ``tarfile`` stops at a damaged record and says nothing."""
        self._limit()
        heard = _FirstRead(tar.fileobj)
        tar.fileobj = heard
        try:
            made: tarfile.TarInfo = super()._proc_pax(tar)  # type: ignore[misc]
        finally:
            tar.fileobj = heard.stream
        _expect_records(heard.first[: self.size])
        return made

    def _proc_gnulong(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        self._limit()
        return super()._proc_gnulong(tar)  # type: ignore[misc,no-any-return]

    def _limit(self) -> None:
        if self.size > HEADER_LIMIT:
            raise MalformedError(f"an extended header of {self.size} octets")


def expect_end(archive: tarfile.TarFile, stream: Capped) -> None:
    """Read to the stream's end: its checksum counts, and only zeros may follow the marker.

    Raises:
        MalformedError: a second archive, or anything else, follows.
    """
    inner = archive.fileobj
    while data := inner.read(tarfile.BLOCKSIZE * 32):
        if data.strip(b"\0"):
            raise MalformedError("something follows the archive's end marker")
    while data := stream.read(CHUNK):
        if data.strip(b"\0"):
            raise MalformedError("something follows the archive's end marker")


def expect_whole(archive: zipfile.ZipFile, raw: BinaryIO) -> None:
    """Only what the directory lists may lie in a zip: nothing before, between or behind.

    Raises:
        MalformedError: octets that nothing speaks of.
    """
    at = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if not 0 <= info.header_offset - at <= (_DESCRIPTOR if at else 0):
            raise MalformedError(f"members overlap, or octets that none has lie at {at}")
        raw.seek(info.header_offset)
        header = raw.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise MalformedError(f"no member where the directory says: {info.header_offset}")
        _, name, extra = _LOCAL_HEADER.unpack(header)
        at = info.header_offset + _LOCAL_HEADER.size + name + extra + info.compress_size
    if not 0 <= archive.start_dir - at <= (_DESCRIPTOR if at else 0):
        raise MalformedError(f"members overlap, or octets that none has lie at {at}")
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - 65557))
    tail = raw.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 + struct.unpack_from("<H", tail, end + 20)[0] != len(tail):
        raise MalformedError("something follows the zip's end record")


def zip_directory(raw: BinaryIO) -> int:
    """Octets of the central directory, by the end record, before it is read into memory."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - 65557))
    tail = raw.read()
    locator = tail.rfind(b"PK\x06\x07")
    record = b""
    if 0 <= locator <= len(tail) - 16:
        raw.seek(min(struct.unpack_from("<Q", tail, locator + 8)[0], size))
        record = raw.read(56)
    raw.seek(0)
    if len(record) == 56 and record[:4] == b"PK\x06\x06":
        return int(struct.unpack_from("<Q", record, 40)[0])
    end = tail.rfind(b"PK\x05\x06")
    return int(struct.unpack_from("<I", tail, end + 12)[0]) if 0 <= end <= len(tail) - 22 else 0
