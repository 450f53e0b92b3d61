"""Pictures, fonts and profiles that are made of parts: parts inside the file, sums that hold."""

from __future__ import annotations

import hashlib
import struct
from array import array

from preservation.formats.sample import HEAD, TAIL, WHOLE, Sample
from preservation.formats.structure.media import png
from preservation.formats.structure.trouble import Troubles, corrupted, shorter, truncated

_PNG = b"\x89PNG\r\n\x1a\n"
_DXT = {
    **dict.fromkeys((b"DXT1", b"ATI1", b"BC4U", b"BC4S"), 8),
    **dict.fromkeys((b"DXT2", b"DXT3", b"DXT4", b"DXT5", b"ATI2", b"BC5U", b"BC5S"), 16),
}
_DXGI = {
    **dict.fromkeys((70, 71, 72, 79, 80, 81), 8),
    **dict.fromkeys((*range(73, 79), 82, 83, 84, 94, 95, 96, 97, 98, 99), 16),
}


def part_of(sample: Sample, at: int, octets: int) -> Sample | None:
    """A part of a small file, as a file."""
    if sample.whole is None:
        return None
    data = sample.whole[at : at + octets]
    return Sample(-1, len(data), "", data[:HEAD], data[-TAIL:], data)


def _picture(sample: Sample, at: int, octets: int) -> Troubles:
    """A part that is a PNG holds together."""
    part = part_of(sample, at, octets) if sample.at(at, 8) == _PNG else None
    if part is not None:
        yield from png(part)


def icc(sample: Sample) -> Troubles:
    """The profile's size and its own digest. Source: ICC.1:2022, 7.2.2 and 7.2.18."""
    size = struct.unpack_from(">I", sample.head)[0]
    yield from shorter(sample.octets, size, "ICC profile")
    if size < 128:
        yield corrupted("the size of an ICC profile")
        return
    told = sample.head[84:100]
    if sample.whole is None or len(sample.whole) < size or not told.strip(b"\0"):
        return
    data = bytearray(sample.whole[:size])
    data[44:48] = data[64:68] = bytes(4)
    data[84:100] = bytes(16)
    if hashlib.md5(data, usedforsecurity=False).digest() != told:
        yield corrupted("the digest of an ICC profile")


def icns(sample: Sample) -> Troubles:
    """Elements follow each other to the file's size. Source: Apple icon image, header."""
    size = struct.unpack_from(">I", sample.head, 4)[0]
    yield from shorter(sample.octets, size, "icon")
    at = 8
    for _ in range(64):
        if at >= min(size, sample.octets):
            return
        octets = struct.unpack(">I", sample.at(at + 4, 4))[0]
        if octets < 8:
            yield corrupted("an element of an icon")
            return
        yield from _picture(sample, at + 8, octets - 8)
        at += octets
        yield from shorter(sample.octets, at, "icon element")


def icon(sample: Sample) -> Troubles:
    """Images lie inside the file. Source: ICONDIRENTRY."""
    for number in range(min(64, struct.unpack_from("<H", sample.head, 4)[0])):
        size, at = struct.unpack_from("<II", sample.head, 14 + 16 * number)
        yield from shorter(sample.octets, at + size, "icon")
        yield from _picture(sample, at, size)


def font(sample: Sample) -> Troubles:
    """Tables lie inside the file, and add up to their sums.

    Source: OpenType 1.9, table directory and "calculating checksums".
    """
    if sample.head[:4] not in (b"\0\1\0\0", b"OTTO", b"true", b"typ1", b"ttcf"):
        yield corrupted("the version of a font")
        return
    if sample.head[:4] == b"ttcf":
        return
    left = 2 * WHOLE  # tables may share their octets, as often as the directory says
    for number in range(struct.unpack_from(">H", sample.head, 4)[0]):
        name, told, at, size = struct.unpack_from(">4sIII", sample.head, 12 + 16 * number)
        if at + size > sample.octets:
            yield truncated("a table of a font")
            return
        left -= size
        if sample.whole is None or name == b"head" or left < 0:  # head holds the sum of all
            continue
        words = array("I", sample.whole[at : at + size] + bytes(-size % 4))
        words.byteswap()
        if sum(words) & 0xFFFFFFFF != told:
            yield corrupted("the sum of a font's table")
            return


def dds(sample: Sample) -> Troubles:
    """Blocks of the first surface. Source: DDS_HEADER, ddspf; DDS_HEADER_DXT10."""
    height, width = struct.unpack_from("<II", sample.head, 12)
    kind, bits = struct.unpack_from("<4sI", sample.head, 84)
    start = 148 if kind == b"DX10" else 128
    block = _DXT.get(kind)
    if kind == b"DX10":
        block = _DXGI.get(struct.unpack_from("<I", sample.head, 128)[0])
    if block is None and kind != bytes(4):
        return
    octets = block * -(-width // 4) * -(-height // 4) if block else width * height * bits // 8
    yield from shorter(sample.octets, start + octets, "DDS")


def qoi(sample: Sample) -> Troubles:
    """The end marker. Source: QOI specification 1.0."""
    if not sample.tail.endswith(b"\0\0\0\0\0\0\0\1"):
        yield truncated("no QOI end marker")


def dos_eps(sample: Sample) -> Troubles:
    """The program and its previews lie inside the file. Source: Adobe TN 5002, 5.2."""
    for at in (4, 12, 20):
        start, size = struct.unpack_from("<II", sample.head, at)
        yield from shorter(sample.octets, start + size, "EPS with preview")
