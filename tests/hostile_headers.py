"""Tars made header by header, and zips made record by record: what no packer would write."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

END = bytes(1024)


def block(name: bytes, octets: int | bytes = 0, kind: bytes = b"0", **fields: bytes) -> bytes:
    """One ustar header; ``fields`` replace what would stand there."""
    size = octets if isinstance(octets, bytes) else b"%011o\0" % octets
    values = {
        "name": name,
        "mode": b"0000644\0",
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": size,
        "mtime": b"00000000000\0",
        "chksum": b" " * 8,
        "type": kind,
        "target": b"",
        "magic": b"ustar\0",
        "version": b"00",
        "owner": b"",
        "group": b"",
        "major": b"",
        "minor": b"",
        "prefix": b"",
    } | fields
    lengths = (100, 8, 8, 8, 12, 12, 8, 1, 100, 6, 2, 32, 32, 8, 8, 155)
    made = b"".join(
        value.ljust(length, b"\0")[:length]
        for value, length in zip(values.values(), lengths, strict=True)
    ).ljust(512, b"\0")
    if "chksum" not in fields:
        made = made[:148] + b"%06o\0 " % sum(made) + made[156:]
    return made


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def one(name: bytes, data: bytes = b"one", kind: bytes = b"0", **fields: bytes) -> bytes:
    """A header, and what follows it."""
    return block(name, len(data), kind, **fields) + padded(data)


def record(key: bytes, value: bytes) -> bytes:
    """A record of a PAX header."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def pax(records: dict[bytes, bytes], kind: bytes = b"x") -> bytes:
    return one(b"PAX", b"".join(record(key, value) for key, value in records.items()), kind)


def tar(at: Path, *pieces: bytes, end: bytes = END, suffix: str = ".tar") -> Path:
    """A tar of raw pieces behind a first member that no other deposit has."""
    path = at.with_name(at.name + suffix)
    path.write_bytes(one(b"first.txt", at.name.encode()) + b"".join(pieces) + end)
    return path


@dataclass
class Zipped:
    """One member of a zip; what a field says may be a lie.

    ``local`` and ``central`` replace fields of one header alone.
    """

    name: bytes
    data: bytes = b"one"
    method: int = 8
    bits: int = 0
    host: int = 3
    attributes: int = 0o100644 << 16
    extra: bytes = b""
    local: dict[str, int | bytes] = field(default_factory=dict)
    central: dict[str, int | bytes] = field(default_factory=dict)
    packed: bytes | None = None
    behind: bytes = b""

    def stored(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method != 8:
            return self.data
        deflate = zlib.compressobj(wbits=-15)
        return deflate.compress(self.data) + deflate.flush()

    def fields(self, changes: dict[str, int | bytes]) -> dict[str, int | bytes]:
        told: dict[str, int | bytes] = {
            "bits": self.bits,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "packed": len(self.stored()),
            "octets": len(self.data),
            "name": self.name,
            "extra": self.extra,
        }
        return told | changes


def _local(one_: Zipped) -> bytes:
    f = one_.fields(one_.local)
    numbers = (20, f["bits"], f["method"], 0, 0x21, f["crc"], f["packed"], f["octets"])
    lengths = (len(f["name"]), len(f["extra"]))  # type: ignore[arg-type]
    return struct.pack("<4s5H3L2H", b"PK\3\4", *numbers, *lengths) + f["name"] + f["extra"]  # type: ignore[operator]


def _central(one_: Zipped, at: int) -> bytes:
    f = one_.fields(one_.central)
    numbers = (20, one_.host, 20, 0, f["bits"], f["method"], 0, 0x21)
    sizes = (f["crc"], f["packed"], f["octets"])
    lengths = (len(f["name"]), len(f["extra"]), 0, f.get("disk", 0), 0)  # type: ignore[arg-type]
    fixed = struct.pack(
        "<4s4B4H3L5H2L", b"PK\1\2", *numbers, *sizes, *lengths, one_.attributes, f.get("at", at)
    )
    return fixed + f["name"] + f["extra"]  # type: ignore[operator]


def zip_of(
    at: Path,
    *members: Zipped,
    before: bytes = b"",
    between: bytes = b"",
    comment: bytes = b"",
    suffix: str = ".zip",
    **end: int,
) -> Path:
    """A zip of members behind a first one that no other deposit has.

    Args:
        before: octets before the first member; ``between``: before the directory.
        end: fields of the end record that lie: ``count``, ``octets``, ``start``, ``disk``.
    """
    body, directory = before, b""
    first = Zipped(b"first.txt", at.name.encode())
    for member in (first, *members):
        directory += _central(member, len(body))
        body += _local(member) + member.stored() + member.behind
    body += between
    count = end.get("count", len(members) + 1)
    octets, start = end.get("octets", len(directory)), end.get("start", len(body))
    disk = end.get("disk", 0)
    tail = struct.pack(
        "<4s4H2LH",
        b"PK\5\6",
        disk,
        disk,
        count & 0xFFFF,
        count & 0xFFFF,
        octets,
        start,
        len(comment),
    )
    path = at.with_name(at.name + suffix)
    path.write_bytes(body + directory + tail + comment)
    return path
