"""The headers of tar: numbers, checksums, and the extended records of PAX.

Strict where programs differ: a header that two of them would read in two ways is an error.

Source: POSIX.1-2024, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual,
"Basic Tar Format", "Extensions" and "Sparse Formats"; tar(5) of libarchive.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from preservation.files.archives.errors import ArchiveError

BLOCK = 512
_RECORD = re.compile(rb"([0-9]{1,9}) ([^=]+)=")
_SPACES = b" " * 8


class Header(NamedTuple):
    """One header block.

    Attributes:
        type: one octet; NUL is told as ``0``.
    """

    name: bytes
    mode: int
    octets: int
    mtime: int
    type: bytes
    target: bytes
    raw: bytes


def parse(block: bytes, at: int) -> Header:
    """Read a header block that isn't zeros.

    Raises:
        ArchiveError: its checksum does not hold, or a number is none.
    """
    blanked = block[:148] + _SPACES + block[156:]
    said = _number(block[148:156], at)
    # Old writers summed signed characters.
    if said != sum(blanked) and said != sum(memoryview(blanked).cast("b")):
        raise ArchiveError("a damaged header: its checksum does not hold", at=at)
    octets = _number(block[124:136], at)
    if octets < 0:
        raise ArchiveError("a damaged header: a size below zero", at=at)
    name = _text(block[0:100])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = prefix + b"/" + name
    type_ = block[156:157].replace(b"\0", b"0")
    return Header(
        name,
        _number(block[100:108], at) & 0o7777,
        octets,
        _number(block[136:148], at),
        type_,
        _text(block[157:257]),
        block,
    )


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes, at: int) -> int:
    """Octal digits, or GNU tar's base 256 for what they can't hold."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(1 << (len(field) * 8 - 1))
        return value - (1 << (len(field) * 8 - 1)) if field[0] & 0x40 else value
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise ArchiveError("a damaged header: a number that is none", at=at)
    return int(digits, 8)


def number_at(block: bytes, start: int, octets: int, at: int) -> int:
    """A number of a GNU header.

    Raises:
        ArchiveError: it is none, or below zero.
    """
    value = _number(block[start : start + octets], at)
    if value < 0:
        raise ArchiveError("a damaged header: a number below zero", at=at)
    return value


def records(data: bytes, at: int) -> dict[bytes, bytes]:
    """The records of a PAX header; of several of one keyword, the last counts.

    GNU.sparse.offset and .numbytes come in pairs, many times: they are put together, as
    ``GNU.sparse.map`` has them.

    Raises:
        ArchiveError: the data are not records to their end.
    """
    found: dict[bytes, bytes] = {}
    pairs: list[bytes] = []
    position, stop = 0, len(data.rstrip(b"\0"))
    while position < stop:
        record = _RECORD.match(data, position)
        end = position + int(record[1]) if record else 0
        if record is None or end <= record.end() or data[end - 1 : end] != b"\n":
            raise ArchiveError("a damaged extended header", at=at)
        value = data[record.end() : end - 1]
        if record[2] in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            pairs.append(value)
        found[record[2]] = value
        position = end
    if pairs:
        found[b"GNU.sparse.map"] = b",".join(pairs)
    return found


def decimal(value: bytes, at: int) -> int:
    """A number of a PAX record, not below zero.

    Raises:
        ArchiveError: it is none.
    """
    if not re.fullmatch(rb"[0-9]{1,20}", value):
        raise ArchiveError("a damaged extended header: a number that is none", at=at)
    return int(value)


def nanoseconds(value: bytes) -> int | None:
    """A PAX time, seconds with a fraction; None if it is none."""
    time = re.fullmatch(rb"(-?)([0-9]{1,15})(?:\.([0-9]{0,30}))?", value)
    if time is None:
        return None
    whole = int(time[2]) * 1_000_000_000 + int((time[3] or b"").ljust(9, b"0")[:9])
    return -whole if time[1] else whole
