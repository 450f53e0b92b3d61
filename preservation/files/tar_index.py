"""The index of a ``samarkand-tar-1``: where each file's octets stand, so that one can be fetched.

Text that a person can use with ``grep``, ``tail`` and ``head``; derived from names and sizes alone,
made again at any time, and never trusted: what is fetched by it is verified under the seal.

Source: ``docs/formats/tar-index.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO

from preservation.errors import MalformedError
from preservation.files.spool import Spool
from preservation.files.tar import folder_headers, member_header

_NAME = b"samarkand-tar-index-1"
_LINES = 1024  # written at once
_LONGEST = 4 << 20  # octets of a line that is read
_BLOCK = 1 << 20

Place = tuple[int, int]  # offset of a file's first octet, and how many there are


class Index:
    """An index being made, on disk where it grows.

    Args:
        top: the tar's one top folder.
    """

    def __init__(self, top: str) -> None:
        self._spool = Spool()
        self._lines = [b"%s %s\n" % (_NAME, top.encode())]

    def add(self, path: bytes, offset: int, octets: int) -> None:
        """Note a file, in the order of the tar."""
        self._lines.append(b"%d %d %s\n" % (offset, octets, _encoded(path)))
        if len(self._lines) == _LINES:
            self._flush()

    @property
    def octets(self) -> int:
        """How long it is."""
        self._flush()
        return self._spool.octets

    def read(self, at: int, octets: int) -> bytes:
        """Some octets of it; fewer at the end."""
        self._flush()
        return self._spool.read(at, octets)

    def chunks(self) -> Iterator[bytes]:
        """All of it."""
        for at in range(0, self.octets, _BLOCK):
            yield self.read(at, _BLOCK)

    def _flush(self) -> None:
        if self._lines:
            self._spool.append(b"".join(self._lines))
            self._lines = []


def index_of(top: str, files: Iterable[tuple[bytes, int]]) -> Index:
    """The index of a tar, from the names and sizes of its files in its order; nothing is read."""
    index = Index(top)
    for path, offset, octets in _standing(top, files):
        index.add(path, offset, octets)
    return index


def places_of(
    top: str, files: Iterable[tuple[bytes, int]], wanted: Collection[bytes]
) -> dict[bytes, Place]:
    """The same of some files alone."""
    found = _standing(top, files)
    return {path: (offset, octets) for path, offset, octets in found if path in wanted}


def _standing(top: str, files: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int, int]]:
    at = len(folder_headers(top))
    for path, octets in files:
        at += len(member_header(top.encode() + b"/" + path, octets))
        yield path, at, octets
        at += octets + -octets % 512


def places(stream: BinaryIO, top: str, wanted: Collection[bytes]) -> dict[bytes, Place]:
    """Where an index says that some files stand; memory grows with ``wanted`` alone.

    Raises:
        MalformedError: it is not the index of this tar (``TAR-INDEX``).
    """
    if stream.readline(_LONGEST) != b"%s %s\n" % (_NAME, top.encode()):
        raise _malformed("doesn't begin as the index of this tar")
    encoded = {_encoded(path): path for path in wanted}
    found: dict[bytes, Place] = {}
    while len(found) < len(encoded) and (line := stream.readline(_LONGEST)):
        offset, _, rest = line.partition(b" ")
        octets, _, name = rest.partition(b" ")
        if not name.endswith(b"\n"):
            raise _malformed("a line without an end")
        if name[:-1] in encoded:
            found[encoded[name[:-1]]] = _number(offset), _number(octets)
    return found


def _encoded(path: bytes) -> bytes:
    """As manifests write a path (RFC 8493, 2.1.3)."""
    if b"%" in path or b"\n" in path or b"\r" in path:
        path = path.replace(b"%", b"%25").replace(b"\n", b"%0A").replace(b"\r", b"%0D")
    return path


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 18:
        raise _malformed("a number that isn't decimal")
    return int(digits)


def _malformed(what: str) -> MalformedError:
    return MalformedError(f"tar index: {what}", code="TAR-INDEX")
