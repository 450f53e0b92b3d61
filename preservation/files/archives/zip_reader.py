"""The members of a zip in the order in which they lie, each local header held against the
central directory, and every octet accounted for.

``zipfile`` never looks before the first member, between two, or behind the directory, and
drops what a folder holds. So this reader is our own.
"""

from __future__ import annotations

import bz2
import io
import lzma
import stat
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator

from preservation.files.archives.errors import ArchiveError, ArchiveLimitError
from preservation.files.archives.member import CHUNK, UNREADABLE, Flag, Member, MemberKind
from preservation.files.archives.packings import BROKEN, Decoder, Inflate, Zstd, damaged, unxz
from preservation.files.archives.source import Source
from preservation.files.archives.zip_directory import (
    LOCAL_OCTETS,
    Directory,
    Entry,
    is_descriptor,
    local_entry,
    local_rest,
    read_end,
)

_STORED = 0
_LZMA = 14
_LZMA_END = 0x2  # the bit that says that an LZMA stream has an end mark
_LZMA_WINDOW = 64 << 20  # octets; what `xz -9` uses
_LONGEST_TARGET = 4096
_LONGEST_DESCRIPTOR = 24
_DECODERS: dict[int, Callable[[], Decoder]] = {
    8: lambda: Inflate(-15),
    12: bz2.BZ2Decompressor,
    93: Zstd,
    95: unxz,
}
_KINDS = {
    0: MemberKind.FILE,
    stat.S_IFREG: MemberKind.FILE,
    stat.S_IFDIR: MemberKind.FOLDER,
    stat.S_IFLNK: MemberKind.LINK,
    stat.S_IFIFO: MemberKind.FIFO,
    stat.S_IFCHR: MemberKind.DEVICE,
    stat.S_IFBLK: MemberKind.DEVICE,
}
_UNIX = (3, 19)  # hosts whose attributes have a mode: Unix, OS X
_DOS_FOLDER = 0x10


class ZipReader:
    """Reads headers and contents.

    Args:
        source: the file.
        stream: the same, from its beginning; of one that is seekable, contents that nobody
            wants are not read.
        most: members that it may have.
    """

    def __init__(self, source: Source, stream: io.BufferedReader, most: int) -> None:
        self._source = source
        self._stream = stream
        self._most = most
        self._at = 0
        self._left = 0  # packed octets of the current member not read yet

    def members(self) -> Iterator[Member]:
        """Every member, in stored order.

        Raises:
            ArchiveError: cut, damaged, ambiguous, or with octets that no member has.
        """
        end = read_end(self._source)
        if end.members > self._most:
            raise ArchiveLimitError("more members than its limits allow", code="ARC-MEMBERS")
        directory = Directory(self._source, end)
        places = _in_stored_order(directory)
        before: Entry | None = None
        for local_at, place in places:
            entry = directory.entry(place)
            self._pass_over(before, local_at)
            yield self._member(entry)
            self._skip(self._left)
            self._left, before = 0, entry
        self._pass_over(before, end.directory_at)

    def _pass_over(self, before: Entry | None, until: int) -> None:
        """Go to the next record; only the last member's descriptor may lie between."""
        gap = until - self._at
        if gap < 0:
            name = b"" if before is None else before.name
            raise ArchiveError("members overlap", code="ARC-OVERLAP", at=until, path=name)
        if gap == 0:
            return
        data = self._exactly(min(gap, _LONGEST_DESCRIPTOR + 1))
        if before is None or not before.is_streamed or not is_descriptor(data, before):
            message = f"{gap} octets that no member has lie at {until - gap}"
            raise ArchiveError(message, code="ARC-GAP", at=until - gap)

    def _member(self, entry: Entry) -> Member:
        at = self._at
        fixed = self._exactly(LOCAL_OCTETS)
        local = local_entry(fixed, self._exactly(local_rest(fixed, at)), at)
        path, encoding = entry.path
        kind = _kind(entry, path)
        if kind is MemberKind.FOLDER and entry.octets:
            message = f"a folder with {entry.octets} octets: programs drop them, or do not"
            raise ArchiveError(message, code="ARC-AMBIGUOUS", at=at, path=path)
        mode = (entry.attributes >> 16) & 0o7777 if entry.host in _UNIX else None
        member = Member(path, kind, entry.octets, entry.mtime_ns, mode, b"", encoding, at)
        member.flags |= set(_differences(entry, local))
        if entry.method not in (_STORED, _LZMA, *_DECODERS):
            member.flags.add(Flag.METHOD)
        self._left = entry.packed
        if kind is MemberKind.LINK and not member.flags & UNREADABLE:
            member.target = self._target(entry)
        member.read = lambda: self._content(member, entry)
        return member

    def _target(self, entry: Entry) -> bytes:
        """Where a link leads: its content, looked at ahead."""
        packed = self._source.peek_at(self._at, min(entry.packed, _LONGEST_TARGET * 2))
        pieces = _decoded(entry, iter([packed]))
        return next(pieces, b"")[:_LONGEST_TARGET]

    def _content(self, member: Member, entry: Entry) -> Iterator[bytes]:
        if member.flags & UNREADABLE:
            code = "ARC-ENCRYPTED" if Flag.ENCRYPTED in member.flags else "ARC-AMBIGUOUS"
            code = "ARC-METHOD" if Flag.METHOD in member.flags else code
            told = "; ".join(sorted(flag.value for flag in member.flags & UNREADABLE))
            raise ArchiveError(told, code=code, at=member.at, path=member.path)
        crc, octets = 0, 0
        try:
            for data in _decoded(entry, self._packed()):
                octets += len(data)
                if octets > entry.octets:
                    break
                crc = zlib.crc32(data, crc)
                yield data
        except ArchiveError as error:
            error.path = error.path or member.path
            raise
        if octets != entry.octets:
            message = f"{entry.octets} octets announced, {octets} or more came"
            raise ArchiveError(message, at=member.at, path=member.path)
        if crc != entry.crc:
            message = "its checksum does not hold"
            raise ArchiveError(message, code="ARC-CHECKSUM", at=member.at, path=member.path)

    def _packed(self) -> Iterator[bytes]:
        while self._left > 0:
            data = self._exactly(min(self._left, CHUNK))
            self._left -= len(data)
            yield data

    def _skip(self, octets: int) -> None:
        if octets > CHUNK and self._stream.seekable():
            self._stream.seek(octets - 1, io.SEEK_CUR)
            self._at += octets - 1
            octets = 1  # reading the last one tells whether it is there
        while octets > 0:
            octets -= len(self._exactly(min(octets, CHUNK)))

    def _exactly(self, octets: int) -> bytes:
        data = self._stream.read(octets)
        if len(data) < octets:
            raise ArchiveError("the zip ends in a member", code="ARC-TRUNCATED", at=self._at)
        self._at += octets
        return data


def _in_stored_order(directory: Directory) -> list[tuple[int, int]] | Iterator[tuple[int, int]]:
    """Where each local header and its entry of the directory lie, in the order of the former.

    Eight octets each way, not the entries: a zip may have millions of them.
    """
    locals_, places = array("Q"), array("Q")
    in_order, last = True, -1
    for place, entry in directory.entries():
        locals_.append(entry.at)
        places.append(place)
        in_order, last = in_order and entry.at > last, entry.at
    if in_order:
        return zip(locals_, places, strict=True)
    return sorted(zip(locals_, places, strict=True))


def _kind(entry: Entry, path: bytes) -> MemberKind:
    if path.endswith(b"/"):
        return MemberKind.FOLDER
    if entry.host in _UNIX:
        return _KINDS.get(stat.S_IFMT(entry.attributes >> 16), MemberKind.OTHER)
    if entry.attributes & _DOS_FOLDER and not entry.octets:
        return MemberKind.FOLDER
    return MemberKind.FILE


def _differences(entry: Entry, local: Entry) -> Iterator[Flag]:
    if entry.is_encrypted or local.is_encrypted:
        yield Flag.ENCRYPTED
    if local.name != entry.name or (local.is_utf8 != entry.is_utf8 and not entry.name.isascii()):
        yield Flag.NAME_DIFFERS
    if local.path != entry.path and entry.field(0x7075) and local.field(0x7075):
        yield Flag.NAME_DIFFERS
    if local.method != entry.method or local.is_encrypted != entry.is_encrypted:
        yield Flag.METHOD_DIFFERS
    later = local.is_streamed and entry.is_streamed
    sizes = ((local.packed, entry.packed), (local.octets, entry.octets))
    unsaid = (0, 0xFFFFFFFF) if later else ()
    if any(here != there and here not in unsaid for here, there in sizes):
        yield Flag.SIZE_DIFFERS
    if local.crc != entry.crc and not (later and local.crc == 0):
        yield Flag.CRC_DIFFERS
    if local.is_streamed != entry.is_streamed:
        yield Flag.METHOD_DIFFERS


def _decoded(entry: Entry, packed: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack a member's content, to exactly the end of its packed octets."""
    if entry.method == _STORED or not (entry.packed or entry.octets):
        yield from packed
        return
    try:
        if entry.method == _LZMA:
            yield from _unlzma(packed, entry)
        else:
            yield from _framed(_DECODERS[entry.method](), packed)
    except ArchiveError:
        raise
    except (*BROKEN, OSError, struct.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise damaged(error) from error


def _framed(decoder: Decoder, packed: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack one frame that takes up everything."""
    while not decoder.eof:
        data = b""
        if decoder.needs_input:
            data = next(packed, b"")
            if not data:
                raise ArchiveError("a member's packed stream ends before its end")
        if out := decoder.decompress(data, CHUNK):
            yield out
    if decoder.unused_data or next(packed, b""):
        raise ArchiveError("something follows a member's packed stream", code="ARC-GAP")


def _unlzma(packed: Iterator[bytes], entry: Entry) -> Iterator[bytes]:
    """Unpack LZMA as a zip has it: version, properties, the raw stream. It has an end mark only
    if a bit says so; else it ends with its last octet.
    """
    first = next(packed, b"")
    _, size = struct.unpack_from("<HH", first)
    properties, window = struct.unpack_from("<BL", first, 4)
    if size != 5 or properties >= 225 or window > _LZMA_WINDOW:
        raise ArchiveError("LZMA properties that are none, or want too much memory")
    filters = [
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": max(window, 4096),
            "lc": properties % 9,
            "lp": properties // 9 % 5,
            "pb": properties // 45,
        }
    ]
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    data, came = first[9:], 0
    while not decoder.eof and came < entry.octets:
        out = decoder.decompress(data, min(CHUNK, entry.octets - came))
        came += len(out)
        data = b""
        if out:
            yield out
        elif decoder.needs_input and not (data := next(packed, b"")):
            return
    while entry.bits & _LZMA_END and not decoder.eof:
        if decoder.needs_input and not (data := data or next(packed, b"")):
            raise ArchiveError("a member's packed stream ends before its end")
        if decoder.decompress(data, 1):
            raise ArchiveError("a member's packed stream gives more than announced")
        data = b""
    if decoder.unused_data or next(packed, b""):
        raise ArchiveError("something follows a member's packed stream", code="ARC-GAP")
