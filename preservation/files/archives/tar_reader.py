"""The members of a tar, one after the other, from a stream.

``tarfile`` takes a damaged header in the middle for the archive's end, never looks behind it,
stops at a damaged extended record in silence, and decodes names. So this reader is our own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from preservation.files.archives import tar_sparse
from preservation.files.archives.errors import ArchiveError
from preservation.files.archives.member import CHUNK, Flag, Member, MemberKind
from preservation.files.archives.tar_headers import (
    BLOCK,
    Header,
    decimal,
    nanoseconds,
    parse,
    records,
)

HEADER_LIMIT = 1 << 20  # octets of one extended header, and of what global ones say together
HEADERS_LIMIT = 8 << 20  # octets of everything before one member
# Octets of zeros at the end: tapes pad to their blocks, an archive of no members has 10 KiB.
_PADDING_LIMIT, _EMPTY_LIMIT = 64 << 20, 1 << 20
_ZEROS = bytes(BLOCK)
_KINDS = {
    b"0": MemberKind.FILE,
    b"7": MemberKind.FILE,
    b"S": MemberKind.FILE,
    b"1": MemberKind.HARD_LINK,
    b"2": MemberKind.LINK,
    b"3": MemberKind.DEVICE,
    b"4": MemberKind.DEVICE,
    b"5": MemberKind.FOLDER,
    b"6": MemberKind.FIFO,
    b"V": MemberKind.LABEL,
    b"D": MemberKind.INCREMENT,
    b"M": MemberKind.VOLUME,
}
_WITH_OCTETS = (MemberKind.FILE, MemberKind.INCREMENT, MemberKind.VOLUME, MemberKind.OTHER)
_NAMING = (b"path", b"linkpath", b"size", b"GNU.sparse.map", b"GNU.sparse.major")


class TarReader:
    """Reads headers and contents.

    Args:
        stream: the tar, unpacked; of one that is seekable, contents that nobody wants are not
            read.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._at = 0
        self._left = 0  # octets of the current member not read yet, its padding included
        self._global: dict[bytes, bytes] = {}

    def members(self) -> Iterator[Member]:
        """Every member, in stored order.

        Raises:
            ArchiveError: cut, damaged, or with something behind its end.
        """
        none = True
        while (member := self._next()) is not None:
            none = False
            yield member
            self._skip(self._left)
            self._left = 0
        self._expect_end(_EMPTY_LIMIT if none else _PADDING_LIMIT)

    def _next(self) -> Member | None:
        start = self._at
        local: dict[bytes, bytes] = {}
        long: dict[bytes, bytes] = {}
        while True:
            at = self._at
            block = self._block()
            if block == _ZEROS:
                if local or long:
                    raise ArchiveError("an extended header that no member follows", at=at)
                return None
            header = self._header(block, at)
            if header.type in (b"x", b"X"):  # X: of Solaris
                local.update(records(self._extended(header, at), at))
            elif header.type == b"g":
                self._take_global(records(self._extended(header, at), at), at)
            elif header.type in b"LK":
                long[header.type] = self._extended(header, at).partition(b"\0")[0]
            else:
                return self._member(header, {**self._global, **local}, long, start)
            if self._at - start > HEADERS_LIMIT:
                raise ArchiveError(f"more than {HEADERS_LIMIT} octets of headers", at=at)

    def _header(self, block: bytes, at: int) -> Header:
        try:
            return parse(block, at)
        except ArchiveError as error:
            if at:
                raise
            raise ArchiveError("what is packed in it is no tar", code="ARC-UNKNOWN") from error

    def _take_global(self, found: dict[bytes, bytes], at: int) -> None:
        if any(keyword in found for keyword in _NAMING):
            # Some programs obey it, some do not: they would not agree on what is in here.
            message = "a global header that gives all members one name or size"
            raise ArchiveError(message, code="ARC-AMBIGUOUS", at=at)
        self._global.update(found)
        if sum(len(key) + len(value) for key, value in self._global.items()) > HEADER_LIMIT:
            raise ArchiveError(f"global headers of more than {HEADER_LIMIT} octets", at=at)

    def _member(
        self, header: Header, pax: Mapping[bytes, bytes], long: Mapping[bytes, bytes], at: int
    ) -> Member:
        path = pax.get(b"GNU.sparse.name") or pax.get(b"path") or long.get(b"L") or header.name
        target = pax.get(b"linkpath") or long.get(b"K") or header.target
        stored = decimal(pax[b"size"], at) if pax.get(b"size") else header.octets
        kind = _KINDS.get(header.type, MemberKind.OTHER)
        if kind is MemberKind.FILE and header.type == b"0" and path.endswith(b"/"):
            kind = MemberKind.FOLDER  # so do tars that are older than ustar
        if stored and kind not in _WITH_OCTETS:
            message = f"a {kind.value} with {stored} octets: programs skip them, or do not"
            raise ArchiveError(message, code="ARC-AMBIGUOUS", at=at, path=path)
        mtime = nanoseconds(pax[b"mtime"]) if b"mtime" in pax else header.mtime * 1_000_000_000
        member = Member(path, kind, stored, mtime, header.mode, target, at=at)
        self._left = stored + -stored % BLOCK
        if kind is MemberKind.FILE:
            self._sparse(member, header, pax, stored)
        return member

    def _sparse(
        self, member: Member, header: Header, pax: Mapping[bytes, bytes], stored: int
    ) -> None:
        """Give the member its content; of one with holes, its size too."""
        parts: list[tar_sparse.Part] | None = None
        octets = stored
        if header.type == b"S":
            octets, parts = tar_sparse.old_map(header, self._block, member.at)
        elif _version(pax) == (b"1", b"0"):
            octets = decimal(pax.get(b"GNU.sparse.realsize", b""), member.at)
            parts, used = tar_sparse.map_in_data(self._own_block, member.at)
            stored -= used
        elif _version(pax) not in ((b"0", b"0"), (b"0", b"1")):
            message = "a sparse file in a format that we do not know"
            raise ArchiveError(message, code="ARC-AMBIGUOUS", at=member.at, path=member.path)
        elif b"GNU.sparse.map" in pax:
            octets = decimal(pax.get(b"GNU.sparse.size", b""), member.at)
            parts = tar_sparse.pax_map(pax, member.at)
        if parts is None:
            member.read = lambda: self._content(stored)
            return
        member.octets = octets
        member.flags.add(Flag.SPARSE)
        sound = tar_sparse.expect_sound(parts, octets, stored, member.at)
        member.read = lambda: tar_sparse.filled(sound, octets, self._content)

    def _content(self, octets: int) -> Iterator[bytes]:
        while octets > 0:
            data = self._exactly(min(octets, CHUNK))
            octets -= len(data)
            self._left -= len(data)
            yield data

    def _own_block(self) -> bytes:
        """A block that belongs to the current member's data."""
        if self._left < BLOCK:
            raise ArchiveError("a damaged map of a sparse file", at=self._at)
        self._left -= BLOCK
        return self._block()

    def _block(self) -> bytes:
        return self._exactly(BLOCK)

    def _exactly(self, octets: int) -> bytes:
        data = self._stream.read(octets)
        if len(data) < octets:
            at_all = "without an end marker" if not data else "in the middle"
            message = f"the archive ends {at_all}"
            raise ArchiveError(message, code="ARC-TRUNCATED", at=self._at + len(data))
        self._at += octets
        return data

    def _extended(self, header: Header, at: int) -> bytes:
        if header.octets > HEADER_LIMIT:
            message = f"an extended header of {header.octets} octets"
            raise ArchiveError(message, at=at)
        data = self._exactly(header.octets)
        self._exactly(-header.octets % BLOCK)
        return data

    def _skip(self, octets: int) -> None:
        if octets > CHUNK and self._stream.seekable():
            self._stream.seek(octets - BLOCK, io.SEEK_CUR)
            self._at += octets - BLOCK
            octets = BLOCK  # reading the last block tells whether it is there
        while octets > 0:
            octets -= len(self._exactly(min(octets, CHUNK)))

    def _expect_end(self, most: int) -> None:
        """Read to the stream's end: its checksum counts, and only zeros may follow the marker."""
        zeros = 0
        while data := self._stream.read(CHUNK):
            if data.strip(b"\0"):
                message = "something follows the archive's end marker"
                raise ArchiveError(message, code="ARC-TRAILING", at=self._at)
            self._at += len(data)
            zeros += len(data)
            if zeros > most:
                message = f"more than {most} zeros: what was there is lost, or it is a bomb"
                raise ArchiveError(message, code="ARC-TRAILING", at=self._at)


def _version(pax: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
    """Of the format that a sparse file is in; 0.0 does not say it."""
    return pax.get(b"GNU.sparse.major", b"0"), pax.get(b"GNU.sparse.minor", b"0")
