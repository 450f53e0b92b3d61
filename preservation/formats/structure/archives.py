"""Archives and compressed files: directories, checksums, ends."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from typing import Protocol

from preservation.formats.sample import Sample
from preservation.formats.signatures.archives import tar_checksum
from preservation.formats.structure.trouble import Troubles, corrupted, shorter, truncated

_MEMBERS = 300
_UNPACKED = 8 * 1024 * 1024  # octets of one file that are unpacked to look at its checksum
_PIECE = 256 * 1024


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


def zip_archive(sample: Sample) -> Troubles:
    """The central directory is there, members begin where it says, small ones have their CRC.

    Source: APPNOTE 6.3.10, 4.3.7, 4.3.12 and 4.3.16.
    """
    end = sample.tail.rfind(b"PK\x05\x06")
    if end < 0 or len(sample.tail) < end + 22:
        yield truncated("no ZIP end of central directory")
        return
    count, size, offset, comment = struct.unpack_from("<HIIH", sample.tail, end + 10)
    place = sample.octets - len(sample.tail) + end
    if 0xFFFFFFFF in (size, offset) or count == 0xFFFF:  # ZIP64
        return
    shift = place - size - offset  # of what was put before the archive
    if shift < 0 or len(sample.tail) < end + 22 + comment:
        yield truncated("the ZIP central directory does not fit")
        return
    directory, at, left = sample.at(place - size, min(size, 1 << 20)), 0, _UNPACKED
    for _ in range(min(count, _MEMBERS)):
        if directory[at : at + 4] != b"PK\x01\x02":
            yield corrupted("the ZIP central directory")
            return
        flags, method, _, crc, packed, plain = struct.unpack_from("<HHIIII", directory, at + 8)
        name, extra, note = struct.unpack_from("<HHH", directory, at + 28)
        start = shift + struct.unpack_from("<I", directory, at + 42)[0]
        if start - shift != 0xFFFFFFFF and sample.at(start, 4) != b"PK\x03\x04":
            yield corrupted("a ZIP member that is not where the directory says")
            return
        if sample.whole is not None and not flags & 1 and plain <= left and packed <= sample.octets:
            left -= plain
            if not _member_holds(sample.whole, start, method, packed, plain, crc):
                yield corrupted("the checksum of a ZIP member")
                return
        at += 46 + name + extra + note


def _member_holds(data: bytes, start: int, method: int, packed: int, plain: int, crc: int) -> bool:
    name, extra = struct.unpack_from("<HH", data, start + 26)
    body = data[start + 30 + name + extra :][:packed]
    try:
        if method == 8:
            body = zlib.decompressobj(-15).decompress(body, plain + 1)
        elif method != 0:
            return True
    except zlib.error:
        return False
    return len(body) == plain and zlib.crc32(body) == crc


def _unpacks(sample: Sample, name: str, made: _Decompressor) -> Troubles:
    """Unpack a small file to its end, of a larger one the beginning."""
    data = sample.whole if sample.whole is not None else sample.head
    left = _UNPACKED
    try:
        piece = made.decompress(data, _PIECE)
        while not made.eof and left > 0 and piece:
            left -= len(piece)
            rest = made.unconsumed_tail if hasattr(made, "unconsumed_tail") else b""
            piece = made.decompress(rest, _PIECE)
    except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError) as error:
        yield corrupted(f"{name}: {error}")
        return
    if sample.whole is not None and not made.eof and left > 0:
        yield truncated(f"{name}: the compressed data do not end")


def gzip_file(sample: Sample) -> Troubles:
    """Small files unpack, and their checksum holds. Source: RFC 1952, 2.3.1."""
    return _unpacks(sample, "gzip", zlib.decompressobj(31))


def bzip2_file(sample: Sample) -> Troubles:
    """Small files unpack. Source: the bzip2 format."""
    return _unpacks(sample, "bzip2", bz2.BZ2Decompressor())


def xz_file(sample: Sample) -> Troubles:
    """The footer's magic; small files unpack. Source: the .xz file format 1.2, 2.1.2."""
    if sample.tail.rstrip(b"\0")[-2:] != b"YZ":
        yield truncated("no xz footer")
        return
    yield from _unpacks(sample, "xz", lzma.LZMADecompressor(memlimit=128 << 20))


def zstandard(sample: Sample) -> Troubles:
    """Blocks follow each other to a last one. Source: RFC 8878, 3.1.1."""
    descriptor = sample.head[4]
    single = descriptor >> 5 & 1
    at = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + (single, 2, 4, 8)[descriptor >> 6]
    for _ in range(_MEMBERS):
        header = int.from_bytes(sample.at(at, 3), "little")
        kind, size = header >> 1 & 3, header >> 3
        if kind == 3:
            yield corrupted("a Zstandard block")
            return
        at += 3 + (1 if kind == 1 else size)
        if at > sample.octets:
            yield truncated("a Zstandard block")
            return
        if header & 1:
            yield from shorter(sample.octets, at + (4 if descriptor & 4 else 0), "Zstandard frame")
            return


def tar(sample: Sample) -> Troubles:
    """Headers have their checksum, members end inside, and a block of zeros ends it all.

    Source: POSIX.1-2017, pax, ustar interchange format.
    """
    at = 0
    if sample.octets % 512:
        yield truncated("the last block of a TAR archive")
        return
    for _ in range(_MEMBERS):
        header = sample.at(at, 512)
        if not header.strip(b"\0"):
            if len(header) < 512:
                yield truncated("no end of a TAR archive")
            return
        if len(header) < 512:
            yield truncated("a TAR header")
            return
        if not tar_checksum(header):
            yield corrupted("the checksum of a TAR header")
            return
        field = header[124:136]
        size = (
            int.from_bytes(field[1:], "big")
            if field[0] & 0x80
            else int(field.strip(b" \0") or b"0", 8)
        )
        if header[156:157] in b"123456":
            size = 0
        at += 512 + size + -size % 512
        if at > sample.octets:
            yield truncated("a TAR member")
            return


def seven_zip(sample: Sample) -> Troubles:
    """Where the end header is. Source: 7z format, signature header."""
    offset, size = struct.unpack_from("<QQ", sample.head, 12)
    if zlib.crc32(sample.head[12:32]) != struct.unpack_from("<I", sample.head, 8)[0]:
        yield corrupted("the checksum of a 7z header")
        return
    yield from shorter(sample.octets, 32 + offset + size, "7z")


def ole(sample: Sample) -> Troubles:
    """Sectors that the allocation table is in lie inside the file. Source: MS-CFB, 2.2."""
    shift = struct.unpack_from("<H", sample.head, 30)[0]
    if shift not in (9, 12):
        yield corrupted("the sector size of an OLE2 file")
        return
    count, directory = struct.unpack_from("<II", sample.head, 44)
    sectors = [directory, *struct.unpack_from("<109I", sample.head, 76)[: min(count, 109)]]
    last = max((one for one in sectors if one < 0xFFFFFFFA), default=0)
    yield from shorter(sample.octets, (last + 1 << shift) + 1, "OLE2 sectors")
    # A full table of all but the last of its sectors tells that as many are there.
    yield from shorter(sample.octets, (max(0, count - 1) << shift - 2) << shift, "OLE2 sectors")
