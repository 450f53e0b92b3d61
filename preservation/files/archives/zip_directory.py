"""A zip's records: the end, the central directory, the local headers.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.6; Info-ZIP's extra fields 0x5455 and 0x7075.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from preservation.files.archives.errors import ArchiveError
from preservation.files.archives.source import Source
from preservation.model.deferred import dataclass

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
DESCRIPTOR = b"PK\x07\x08"
_END = b"PK\x05\x06"
_LONGEST_TAIL = 22 + 0xFFFF
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s5HL2L2H")
_WINDOW = 1 << 16  # octets of the directory that are read at once
_FULL = 0xFFFFFFFF
_NTFS_EPOCH = 11_644_473_600 * 10**7  # 1601 to 1970, in its ticks of 100 ns


class End(NamedTuple):
    """What stands at a zip's end."""

    members: int
    directory_at: int
    directory_octets: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One header, of the directory or beside its member.

    Attributes:
        host: the system whose attributes ``attributes`` are: 3 and 19 mean Unix.
        header_octets: name, extra fields and comment included.
        at: where the local header lies; -1 in a local header itself.
    """

    name: bytes
    host: int
    bits: int
    method: int
    moment: tuple[int, int]
    crc: int
    packed: int
    octets: int
    extra: bytes
    attributes: int
    header_octets: int
    at: int

    @property
    def is_encrypted(self) -> bool:
        """By password, strong encryption, AES, or a masked header."""
        return bool(self.bits & 0x2041) or self.method == 99

    @property
    def is_utf8(self) -> bool:
        """Whether the name is declared to be UTF-8."""
        return bool(self.bits & 0x800)

    @property
    def is_streamed(self) -> bool:
        """Whether size and checksum stand behind the content instead of before it."""
        return bool(self.bits & 0x8)

    @property
    def path(self) -> tuple[bytes, str]:
        """The name and its encoding. A valid "Unicode path" field is the name in UTF-8."""
        field = self.field(0x7075)
        if len(field) > 5 and field[0] == 1:
            (crc,) = struct.unpack_from("<L", field, 1)
            if crc == zlib.crc32(self.name):
                return field[5:], "utf-8"
        return self.name, "utf-8" if self.is_utf8 or self.name.isascii() else "cp437"

    @property
    def mtime_ns(self) -> int | None:
        """By the Unix or the NTFS field; else DOS time, which has no zone, read as UTC."""
        unix = self.field(0x5455)
        if len(unix) >= 5 and unix[0] & 1:
            return int(struct.unpack_from("<l", unix, 1)[0]) * 1_000_000_000
        ntfs = self.field(0x000A)
        if len(ntfs) >= 16 and ntfs[4:8] == b"\1\0\x18\0":
            return (int(struct.unpack_from("<Q", ntfs, 8)[0]) - _NTFS_EPOCH) * 100
        time, date = self.moment
        try:
            made = datetime(
                1980 + (date >> 9), date >> 5 & 15, date & 31,
                time >> 11, time >> 5 & 63, min(59, (time & 31) * 2), tzinfo=UTC,
            )  # fmt: skip
        except ValueError:
            return None
        return int(made.timestamp()) * 1_000_000_000

    def field(self, wanted: int) -> bytes:
        """An extra field; empty if there is none, or the fields are damaged before it."""
        at = 0
        while at + 4 <= len(self.extra):
            kind, octets = struct.unpack_from("<HH", self.extra, at)
            if kind == wanted:
                return self.extra[at + 4 : at + 4 + octets]
            at += 4 + octets
        return b""


def read_end(source: Source) -> End:
    """Find the directory, and see that nothing lies between it and the file's end.

    Raises:
        ArchiveError: truncated, in volumes, ambiguous, or followed by something.
    """
    tail_at = max(0, source.octets - _LONGEST_TAIL)
    tail = source.peek_at(tail_at, source.octets - tail_at)
    at = tail_at + _only_end(tail)
    disk, first, here, members, octets, start, _ = struct.unpack_from(
        "<4HLLH", tail[at - tail_at :], 4
    )
    locator = source.peek_at(at - 20, 20) if at >= 20 else b""
    stop = at
    if locator[:4] == b"PK\x06\x07":
        disk, first, here, members, octets, start, stop = _zip64(
            source, locator, at, (disk, first, here, members, octets, start)
        )
    if disk or first or here != members:
        raise ArchiveError("one of several volumes", code="ARC-SPLIT", at=at)
    if start + octets != stop:
        message = (
            f"the directory does not end where the end record begins: {start + octets}, {stop}"
        )
        raise ArchiveError(message, code="ARC-GAP", at=stop)
    return End(members, start, octets)


def _only_end(tail: bytes) -> int:
    """Where the one end record lies that reaches exactly to the file's end."""
    found, at = [], tail.find(_END)
    seen = at >= 0
    while at >= 0:
        if at + 22 <= len(tail):
            (comment,) = struct.unpack_from("<H", tail, at + 20)
            if at + 22 + comment == len(tail):
                found.append(at)
        at = tail.find(_END, at + 1)
    if len(found) == 1:
        return found[0]
    if found:
        raise ArchiveError("two end records, one in the other", code="ARC-AMBIGUOUS")
    if seen:
        raise ArchiveError("something follows the zip's end record", code="ARC-TRAILING")
    raise ArchiveError("the zip has no end record", code="ARC-TRUNCATED")


def _zip64(
    source: Source, locator: bytes, end_at: int, small: tuple[int, ...]
) -> tuple[int, int, int, int, int, int, int]:
    disk, at, disks = struct.unpack_from("<LQL", locator, 4)
    if disk or disks > 1:
        raise ArchiveError("one of several volumes", code="ARC-SPLIT", at=end_at)
    record = source.peek_at(at, 56) if at < source.octets else b""
    if len(record) < 56 or record[:4] != b"PK\x06\x06":
        raise ArchiveError("no zip64 end record where its locator says", at=end_at)
    (octets,) = struct.unpack_from("<Q", record, 4)
    if at + 12 + octets != end_at - 20:
        message = "something lies between the zip64 end record and its locator"
        raise ArchiveError(message, code="ARC-GAP", at=at)
    large = struct.unpack_from("<LLQQQQ", record, 16)
    fulls = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, _FULL, _FULL)
    for one, other, full in zip(small, large, fulls, strict=True):
        if one not in (other, full):
            raise ArchiveError("its two end records differ", code="ARC-AMBIGUOUS", at=at)
    return (*large, at)


class Directory:
    """Reads entries of the directory, wherever they lie in it, through a small window."""

    def __init__(self, source: Source, end: End) -> None:
        self._source = source
        self._end = end
        self._stop = end.directory_at + end.directory_octets
        self._window = b""
        self._from = 0

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """Every entry with its place, in the directory's order.

        Raises:
            ArchiveError: it is not what the end record says.
        """
        at = self._end.directory_at
        for _ in range(self._end.members):
            entry = self.entry(at)
            yield at, entry
            at += entry.header_octets
        if at != self._stop:
            message = f"the directory has {self._stop - at} octets that are no entry of it"
            raise ArchiveError(message, code="ARC-GAP", at=at)

    def entry(self, at: int) -> Entry:
        """The entry at one place.

        Raises:
            ArchiveError: there is none.
        """
        fixed = self._bytes(at, _CENTRAL.size)
        (
            magic, _, host, _, _, bits, method, time, date, crc, packed, octets,
            name, extra, comment, disk, _, attributes, local,
        ) = _CENTRAL.unpack(fixed)  # fmt: skip
        if magic != CENTRAL:
            raise ArchiveError("no entry of the directory where one should be", at=at)
        rest = self._bytes(at + _CENTRAL.size, name + extra + comment)
        made = Entry(
            rest[:name],
            host,
            bits,
            method,
            (time, date),
            crc,
            packed,
            octets,
            rest[name : name + extra],
            attributes,
            _CENTRAL.size + len(rest),
            local,
        )
        return _widened(made, disk, at)

    def _bytes(self, at: int, octets: int) -> bytes:
        if at + octets > self._stop:
            raise ArchiveError("an entry reaches beyond the directory", at=at)
        start = at - self._from
        if start < 0 or start + octets > len(self._window):
            wanted = min(max(_WINDOW, octets), self._stop - at)
            self._window, self._from, start = self._source.peek_at(at, wanted), at, 0
        data = self._window[start : start + octets]
        if len(data) < octets:
            raise ArchiveError("the zip ends in its directory", code="ARC-TRUNCATED", at=at)
        return data


def _expect_fields(entry: Entry, at: int) -> None:
    """Raise ``ArchiveError`` unless the extra fields are fields to their end; programs that align
    contents pad with up to three zeros.
    """
    rest = memoryview(entry.extra)
    while len(rest) >= 4:
        (octets,) = struct.unpack_from("<H", rest, 2)
        if 4 + octets > len(rest):
            raise ArchiveError("damaged extra fields", at=at, path=entry.name)
        rest = rest[4 + octets :]
    if bytes(rest).strip(b"\0"):
        raise ArchiveError("damaged extra fields", at=at, path=entry.name)


def _widened(entry: Entry, disk: int, at: int) -> Entry:
    """The entry with what its zip64 field holds: in this order, only what did not fit."""
    _expect_fields(entry, at)
    values = [entry.octets, entry.packed, entry.at, disk]
    fulls = [_FULL, _FULL, _FULL, 0xFFFF]
    field, place = entry.field(0x0001), 0
    for index, (value, full) in enumerate(zip(values, fulls, strict=True)):
        if value == full and field:
            octets = 4 if index == 3 else 8
            number = field[place : place + octets]
            if len(number) < octets:
                raise ArchiveError("a damaged zip64 field", at=at, path=entry.name)
            values[index] = int.from_bytes(number, "little")
            place += octets
    if values[3]:
        raise ArchiveError("a member on another volume", code="ARC-SPLIT", at=at, path=entry.name)
    return _with(entry, octets=values[0], packed=values[1], at=values[2])


def _with(entry: Entry, *, octets: int, packed: int, at: int) -> Entry:
    return Entry(
        entry.name,
        entry.host,
        entry.bits,
        entry.method,
        entry.moment,
        entry.crc,
        packed,
        octets,
        entry.extra,
        entry.attributes,
        entry.header_octets,
        at,
    )


def local_entry(fixed: bytes, rest: bytes, at: int) -> Entry:
    """The header beside a member.

    Args:
        fixed: its first :data:`LOCAL_OCTETS` octets.
        rest: name and extra fields.
    """
    _, _, bits, method, time, date, crc, packed, octets, name, _ = _LOCAL.unpack(fixed)
    made = Entry(
        rest[:name], 0, bits, method, (time, date), crc, packed, octets, rest[name:], 0,
        len(fixed) + len(rest), 0,
    )  # fmt: skip
    return _widened(made, 0, at)


LOCAL_OCTETS = _LOCAL.size


def local_rest(fixed: bytes, at: int) -> int:
    """Octets of name and extra fields behind the fixed part of a local header.

    Raises:
        ArchiveError: it is none.
    """
    if len(fixed) < LOCAL_OCTETS or fixed[:4] != LOCAL:
        raise ArchiveError("no member where the directory says", at=at)
    name, extra = struct.unpack_from("<HH", fixed, 26)
    return int(name + extra)


def is_descriptor(data: bytes, entry: Entry) -> bool:
    """Whether some octets behind a member repeat its checksum and sizes, and are no more."""
    if data[:4] == DESCRIPTOR and len(data) in (16, 24):
        data = data[4:]
    wide = {12: "<LLL", 20: "<LQQ"}.get(len(data))
    return wide is not None and struct.unpack(wide, data) == (entry.crc, entry.packed, entry.octets)
