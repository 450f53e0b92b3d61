"""Records, messages and blocks that follow each other to the end: what begins each of them."""

from __future__ import annotations

import re
import struct
import zlib

from preservation.formats.sample import Sample, has_controls
from preservation.formats.structure.trouble import Troubles, corrupted, shorter, truncated

_MOST = 200
_MANY = 100_000
_INFLATED = 16 << 20  # octets of one file's blocks together


def shapefile(sample: Sample) -> Troubles:
    """Length in words of 16 bits; records of one type up to it.

    Source: ESRI Shapefile Technical Description, main file header and record headers.
    """
    end = 2 * struct.unpack_from(">I", sample.head, 24)[0]
    yield from shorter(sample.octets, end, "shapefile")
    if sample.whole is None or sample.extension != "shp":  # its indexes begin as it does
        return
    shape, at = sample.head[32:36], 100
    while at + 12 <= min(end, sample.octets):
        words = struct.unpack_from(">I", sample.whole, at + 4)[0]
        if sample.whole[at + 8 : at + 12] not in (shape, bytes(4)) or words < 2:
            yield corrupted("a record of a shapefile")
            return
        at += 8 + 2 * words


def dbase(sample: Sample) -> Troubles:
    """Records by their length, each there or deleted. Source: dBASE III, table records."""
    count, header, length = struct.unpack_from("<IHH", sample.head, 4)
    yield from shorter(sample.octets, header + count * length, "dBASE records")
    if sample.whole is not None and length > 1:
        marks = sample.whole[header : header + count * length : length]
        if marks.strip(b" *"):
            yield corrupted("a dBASE record without its mark")


def sff(sample: Sample) -> Troubles:
    """Reads follow each other, by their lengths. Source: SFF, common header and read sections."""
    index, length, reads, at, _, flows = struct.unpack_from(">QIIHHH", sample.head, 8)
    yield from shorter(sample.octets, index + length, "SFF index")
    if sample.whole is None:
        return
    for _ in range(min(reads, _MANY)):
        if at == index:
            at += length + -length % 8
        if at + 16 > sample.octets:
            yield truncated("an SFF read")
            return
        header, name, bases = struct.unpack_from(">HHI", sample.whole, at)
        if header != 16 + name + -(16 + name) % 8:
            yield corrupted("an SFF read header")
            return
        data = 2 * flows + 3 * bases
        at += header + data + -data % 8
    yield from shorter(sample.octets, at, "SFF reads")


def trackvis(sample: Sample) -> Troubles:
    """Tracks by their points. Source: TrackVis, track file format."""
    scalars = struct.unpack_from("<h", sample.head, 36)[0]
    properties = struct.unpack_from("<h", sample.head, 238)[0]
    count, size = struct.unpack_from("<i", sample.head, 988)[0], sample.head[996:1000]
    if size != b"\xe8\x03\0\0" or not 0 < count <= _MANY or sample.whole is None:
        return
    at = 1000
    for _ in range(count):
        if at + 4 > sample.octets:
            yield truncated("a track")
            return
        points = struct.unpack_from("<i", sample.whole, at)[0]
        if points < 0:
            yield corrupted("the number of a track's points")
            return
        at += 4 + 4 * (points * (3 + scalars) + properties)
    yield from shorter(sample.octets, at, "tracks")


def mseed(sample: Sample) -> Troubles:
    """Records by their lengths, each with a header. Source: SEED Manual 2.4, fixed section of data
    header and blockette 1000.
    """
    length = _record_length(sample.head, 0)
    if not length:
        return
    if sample.whole is None:
        if sample.octets % length:
            yield truncated("the last record of a miniSEED file")
        return
    at = 0
    while length and at < sample.octets:
        if not _RECORD.match(sample.whole, at):
            yield corrupted("a miniSEED record without its header")
            return
        length = _record_length(sample.whole, at)
        at += length
    if at > sample.octets:
        yield truncated("the last record of a miniSEED file")


_RECORD = re.compile(rb"[0-9 \0]{6}[A-Z ]")


def _record_length(data: bytes, start: int) -> int:
    """What blockette 1000 says; 0 where there is none."""
    for order in "><":
        at = struct.unpack_from(order + "H", data, start + 46)[0]
        if at in range(48, 4096):
            kind = struct.unpack_from(order + "H", data, start + at)[0]
            power = data[start + at + 6]
            return 1 << power if kind == 1000 and 6 < power < 20 else 0
    return 0


def snapgene(sample: Sample) -> Troubles:
    """Segments follow each other to the end; those of text are text. Source: SnapGene, segments."""
    at = 0
    for _ in range(_MOST):
        if at == sample.octets:
            return
        size = int.from_bytes(sample.at(at + 1, 4).ljust(4, b"\xff"), "big")
        if at + 5 + size > sample.octets:
            yield truncated("a SnapGene segment")
            return
        if sample.whole is not None:
            body = sample.whole[at + 5 : at + 5 + size]
            sequence = sample.whole[at : at + 1] == b"\0" and not body[1:].isalpha()
            if sequence or (body.startswith(b"<") and has_controls(body)):
                yield corrupted("a SnapGene segment")
                return
        at += 5 + size


def avro(sample: Sample) -> Troubles:
    """Each block ends with the marker that the header ends with. Source: Avro specification,
    object container files.
    """
    marker = sample.tail[-16:]
    first = sample.head.find(marker)
    if not 0 <= first < sample.octets - 16:
        yield truncated("no Avro synchronisation marker at the end")
        return
    deflated = b"avro.codec\x0edeflate" in sample.head[:first]
    at, left = first + 16, _INFLATED
    while sample.whole is not None and at < sample.octets:
        _, at = _zigzag(sample.whole, at)
        size, at = _zigzag(sample.whole, at)
        if size < 0 or sample.whole[at + size : at + size + 16] != marker:
            yield corrupted("an Avro block without its marker")
            return
        if deflated and left > 0:
            plain = _inflated(zlib.decompressobj(-15), sample.whole[at : at + size], left)
            if plain < 0:
                yield corrupted("an Avro block that cannot be inflated")
                return
            left -= plain
        at += size + 16


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = shift = 0
    while data[at] & 0x80 and shift < 70:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    value |= data[at] << shift
    return (value >> 1) ^ -(value & 1), at + 1


def _inflated(made: zlib._Decompress, data: bytes, most: int) -> int:
    """How many octets data inflate to, up to a bound; -1 if they don't."""
    try:
        return len(made.decompress(data, most))
    except zlib.error:
        return -1


def big_binary(sample: Sample) -> Troubles:
    """BigBed and bigWig end as they begin; blocks of small ones inflate.

    Source: Kent et al. 2010, supplement, tables 5 to 8.
    """
    if sample.tail[-4:] != sample.head[:4]:
        yield truncated("no end mark of a bigBed or bigWig")
        return
    order = "<" if sample.head[:1] in (b"\xeb", b"\x26") else ">"
    data, index = struct.unpack_from(order + "QQ", sample.head, 16)
    packed = struct.unpack_from(order + "I", sample.head, 52)[0]
    if sample.whole is None or not packed or not 64 <= data < index <= sample.octets:
        return
    at = data + (8 if sample.head[:4] in (b"\xeb\xf2\x89\x87", b"\x87\x89\xf2\xeb") else 4)
    for start in (at, data + 8, data + 4):
        if sample.whole[start : start + 1] == b"\x78":
            yield from _zlib_blocks(sample.whole[start:index])
            return


def _zlib_blocks(data: bytes) -> Troubles:
    left = _INFLATED
    while data[:1] == b"\x78" and left > 0:
        made = zlib.decompressobj()
        plain = _inflated(made, data, left)
        if plain < 0:
            yield corrupted("a block that cannot be inflated")
            return
        left -= plain + 4096  # so that empty blocks end, too
        data = made.unused_data


def arrow_stream(sample: Sample) -> Troubles:
    """Messages follow each other to the end. Source: Arrow Columnar Format, IPC stream format."""
    at = 0
    for _ in range(_MOST):
        if at == sample.octets:
            return
        start = sample.at(at, 8)
        if len(start) < 8:
            yield truncated("an Arrow message")
            return
        mark, size = struct.unpack("<iI", start)
        if mark != -1:
            yield corrupted("an Arrow message without its mark")
            return
        if size == 0:
            return
        at += 8 + size + _arrow_body(sample.at(at + 8, min(size, 1 << 20)))
        if at > sample.octets:
            yield truncated("an Arrow message")
            return


def _arrow_body(message: bytes) -> int:
    """The length of what follows a message: its fourth field. Source: FlatBuffers, internals."""
    table = struct.unpack_from("<I", message)[0]
    fields = table - struct.unpack_from("<i", message, table)[0]
    if struct.unpack_from("<H", message, fields)[0] < 12:
        return 0
    place = struct.unpack_from("<H", message, fields + 10)[0]
    length: int = struct.unpack_from("<q", message, table + place)[0] if place else 0
    return max(0, length)
