"""Packed streams, unpacked in bounded memory: gzip, bzip2, xz, zstd, each of one or many frames.

Nothing is passed over: a frame that is cut, a checksum that does not hold and whatever follows
the last frame (but zeros, with which tapes and tools pad) are errors.

Source: RFC 1952; RFC 8878; the .xz file format 1.2.1.
"""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Callable
from typing import Protocol

import zstandard

from preservation.files.archives.errors import ArchiveError, ArchiveLimitError
from preservation.files.archives.member import CHUNK

XZ_MEMORY = 192 << 20  # octets; `xz -9` needs 65 MiB
ZSTD_WINDOW = 1 << 27  # octets; what `zstd --ultra -22` uses, and `-d` takes without `--long`
_ZSTD_SLICE = 1 << 10  # 256 blocks of 128 KiB is the most that it can unpack to

GZIP_MAGIC = b"\x1f\x8b"
BZIP2_MAGIC = b"BZh"
XZ_MAGIC = b"\xfd7zXZ\0"
ZSTD_MAGICS = (b"\x28\xb5\x2f\xfd", *(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16)))

BROKEN = (zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError, ValueError)


class Decoder(Protocol):
    """Unpacks one frame, as ``bz2.BZ2Decompressor`` does."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Inflate:
    """A ``Decoder`` for deflate; ``zlib``'s own object keeps what it did not take in a tail."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._full = False

    @property
    def eof(self) -> bool:
        """Whether the frame ended, and its checksum held."""
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without more input."""
        return not self._full and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """What followed the frame."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Unpack; at most ``max_length`` octets."""
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))
        self._full = len(out) == max_length
        return out


class Zstd:
    """A ``Decoder`` for zstd; fed in slices, since its library unpacks all that it is given."""

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
        self._packed = memoryview(b"")
        self._out = memoryview(b"")

    @property
    def eof(self) -> bool:
        """Whether the frame ended, and its checksum (if it has one) held."""
        return self._inner.eof and not self._out

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without more input."""
        return not self._out and not self._packed

    @property
    def unused_data(self) -> bytes:
        """What followed the frame."""
        return self._inner.unused_data + bytes(self._packed)

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Unpack; at most ``max_length`` octets. Data come only when they are needed."""
        self._packed = memoryview(data) if data else self._packed
        while not self._out and self._packed and not self._inner.eof:
            self._out = memoryview(self._inner.decompress(self._packed[:_ZSTD_SLICE]))
            self._packed = self._packed[_ZSTD_SLICE:]
        end = len(self._out) if max_length < 0 else max_length
        given, self._out = self._out[:end], self._out[end:]
        return bytes(given)


def gunzip() -> Decoder:
    """A decoder of one gzip member."""
    return Inflate(31)


def unxz() -> Decoder:
    """A decoder of one xz stream within a memory limit (``LZMAFile`` has none)."""
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


class Unpacked(io.RawIOBase):
    """What a packed file unpacks to.

    Args:
        magics: what each frame begins with.
        most: octets that may come out; one more is ``ARC-RATIO``.
    """

    def __init__(
        self,
        packed: io.BufferedReader,
        decoder: Callable[[], Decoder],
        magics: tuple[bytes, ...],
        most: int,
    ) -> None:
        self._packed = packed
        self._new = decoder
        self._magics = magics
        self._decoder = decoder()
        self._first = b""  # of the next frame, read already
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Unpack on.

        Raises:
            ArchiveError: damaged, cut, or followed by something.
        """
        try:
            out = self._more(len(buffer))
        except ArchiveError:
            raise
        except BROKEN as error:
            raise damaged(error) from error
        except OSError as error:  # how bz2 calls a bad stream
            if error.errno is not None:
                raise
            raise damaged(error) from error
        self._left -= len(out)
        if self._left < 0:
            raise ArchiveLimitError("unpacks to more than its limits allow", code="ARC-RATIO")
        buffer[: len(out)] = out
        return len(out)

    def _more(self, room: int) -> bytes:
        while True:
            if self._decoder.eof and not self._next_frame():
                return b""
            data = b""
            if self._decoder.needs_input:
                data = self._first or self._packed.read1(CHUNK)
                self._first = b""
                if not data:
                    raise ArchiveError(
                        "the packed stream ends before its end", code="ARC-TRUNCATED"
                    )
            if out := self._decoder.decompress(data, room):
                return out

    def _next_frame(self) -> bool:
        """Begin with the next frame; zeros may lie before it."""
        rest = (self._first or self._decoder.unused_data).lstrip(b"\0")
        while not rest:
            data = self._packed.read1(CHUNK)
            if not data:
                self._first = b""
                return False
            rest = data.lstrip(b"\0")
        while len(rest) < max(map(len, self._magics)) and (data := self._packed.read1(CHUNK)):
            rest += data
        if not rest.startswith(self._magics):
            raise ArchiveError("something follows the packed stream", code="ARC-TRAILING")
        self._decoder, self._first = self._new(), rest
        return True


def damaged(error: Exception) -> ArchiveError:
    """What a decoder's failure says about the archive."""
    text = str(error) or type(error).__name__
    memory = "emory" in text or "window" in text.lower()
    return ArchiveError(
        f"the packed stream cannot be unpacked: {text}",
        code="ARC-MEMORY" if memory else "ARC-DAMAGED",
    )
