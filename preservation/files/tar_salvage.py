"""What can still be read of a damaged ``samarkand-tar-1``: members whose headers are whole.

After a header that is not ours, every block is tried until one is; where the medium fails, the
octets that it does not give are zeros. Nothing that comes from here is known to be good: whoever
takes a member compares its digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from preservation.errors import MalformedError
from preservation.files.tar import BLOCK, Member, read_header

_CHUNK = 1 << 20
_PAGE = 4096  # octets given up where the medium does not give them


def read_what_is_left(stream: BinaryIO, top: str) -> Iterator[Member]:
    """The members of a damaged tar: path relative to the bag, octets, octets in chunks.

    A member's chunks must be taken before the next one; they may be fewer than announced.

    Args:
        stream: at its start; sought only where the medium fails, if it can be.
        top: the top folder that each path must have.
    """
    source, prefix = _Source(stream), top.encode() + b"/"
    while len(block := source.read(BLOCK)) == BLOCK:
        source.mark()
        try:
            path, octets = read_header(source, block)  # type: ignore[arg-type]  # it only reads
            if not path.startswith(prefix):
                raise MalformedError("outside the top folder")
        except MalformedError:
            source.back()
            continue
        source.forget()
        chunks = _chunks(source, octets)
        yield path[len(prefix) :], octets, chunks
        for _rest in chunks:
            pass
        source.read(-octets % BLOCK)


def _chunks(source: _Source, octets: int) -> Iterator[bytes]:
    rest = octets
    while rest and (chunk := source.read(min(rest, _CHUNK))):
        rest -= len(chunk)
        yield chunk


class _Source:
    """A stream that can go back to a mark, and over what the medium does not give."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._at = 0
        self._again = b""
        self._marked: bytearray | None = None

    def mark(self) -> None:
        """Remember what is read from here on."""
        self._marked = bytearray()

    def back(self) -> None:
        """Give what was read since the mark once more."""
        self._again = bytes(self._marked or b"") + self._again
        self._marked = None

    def forget(self) -> None:
        """Go on without the mark."""
        self._marked = None

    def read(self, octets: int) -> bytes:
        data, self._again = self._again[:octets], self._again[octets:]
        while len(data) < octets and (more := self._next(octets - len(data))):
            data += more
        if self._marked is not None:
            self._marked += data
        return data

    def _next(self, octets: int) -> bytes:
        try:
            data = self._stream.read(octets)
        except OSError:
            data = self._around(octets)
        self._at += len(data)
        return data

    def _around(self, octets: int) -> bytes:
        """One page past the buffer, which may have asked for more than is needed; zeros if it
        is that page that fails. Nothing, as at the end, where there is no way past.
        """
        raw: Any = getattr(self._stream, "raw", self._stream)
        wanted = min(octets, _PAGE - self._at % _PAGE)
        try:
            self._stream.seek(self._at)
            try:
                data = bytes(raw.read(wanted) or b"")
            except OSError:
                end = raw.seek(0, 2)
                data = bytes(min(wanted, max(0, end - self._at)))
            self._stream.seek(self._at + len(data))
        except OSError:
            return b""
        return data
