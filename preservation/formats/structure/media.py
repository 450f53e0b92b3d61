"""Images, sound, film, documents: chunks, boxes, ends."""

from __future__ import annotations

import re
import struct
import zlib

from preservation.formats.sample import Sample
from preservation.formats.structure.trouble import Trouble, Troubles, corrupted, shorter, truncated

_MOST = 400
_SCAN_MARKERS = frozenset(
    {
        0x00,
        0xFF,
        0xC4,
        0xCC,
        0xDA,
        0xD9,
        0xDB,
        0xDC,
        0xDD,
        0xFE,
        0x01,
        *range(0xD0, 0xD8),
        *range(0xE0, 0xF0),
    }
)
_MARKER = re.compile(rb"\xff([^\x00\xff])")


def png(sample: Sample) -> Troubles:
    """Chunks with their checksum, up to IEND. Source: PNG 3rd edition, 5.3 and 11.2."""
    at = 8
    for _ in range(_MOST):
        start = sample.at(at, 8)
        if len(start) < 8:
            yield truncated("no PNG end chunk")
            return
        length, name = struct.unpack(">I4s", start)
        if not name.isalpha():
            yield corrupted("a PNG chunk without a name")
            return
        if at + 12 + length > sample.octets:
            yield truncated("a PNG chunk")
            return
        if sample.whole is not None or length < 4096:
            body = sample.at(at + 4, length + 8)
            if zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "big"):
                yield corrupted("the checksum of a PNG chunk")
                return
        if name == b"IEND":
            return
        at += 12 + length
    if b"IEND" not in sample.tail[-64:]:
        yield truncated("no PNG end chunk")


def jpeg(sample: Sample) -> Troubles:
    """Segments up to the scan; no marker in it that cannot be there; the end of the image.

    Source: ITU-T T.81, B.1.
    """
    at = 2
    for _ in range(_MOST):
        start = sample.at(at, 4)
        if len(start) < 4:
            yield truncated("a JPEG segment")
            return
        if start[0] != 0xFF:
            yield corrupted("a JPEG segment without its marker")
            return
        if start[1] == 0xFF:
            at += 1
            continue
        at += 2 if start[1] in (0x01, *range(0xD0, 0xD9)) else 2 + int.from_bytes(start[2:4], "big")
        if start[1] == 0xDA:
            break
    if b"\xff\xd9" not in sample.tail:
        yield truncated("no JPEG end of image")
        return
    if sample.whole is not None:
        scan = sample.whole[at : sample.whole.rfind(b"\xff\xd9")]
        first = scan.find(b"\xff\xd9")
        for found in _MARKER.finditer(scan[: first if first >= 0 else len(scan)]):
            if found[1][0] not in _SCAN_MARKERS:
                yield corrupted("a marker that cannot be in a JPEG scan")
                return


def gif(sample: Sample) -> Troubles:
    """Blocks up to the trailer. Source: GIF89a, 27."""
    if b";" not in sample.tail[-16:]:
        yield truncated("no GIF trailer")
        return
    if sample.whole is None:
        return
    data = sample.whole
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    for _ in range(20_000):
        kind = data[at]
        if kind == 0x3B:
            return
        if kind == 0x2C:
            packed = data[at + 9]
            at += 11 + (3 << (packed & 7) + 1 if packed & 0x80 else 0)
        elif kind == 0x21:
            at += 2
        else:
            yield corrupted("a GIF block of no kind")
            return
        while data[at]:
            at += 1 + data[at]
        at += 1


def bmp(sample: Sample) -> Troubles:
    """Rows by width and depth. Source: BITMAPFILEHEADER, BITMAPINFOHEADER."""
    yield from shorter(sample.octets, struct.unpack_from("<I", sample.head, 2)[0], "BMP")
    start, size, width, height, _, bits, packed = struct.unpack_from("<IIiiHHI", sample.head, 10)
    if size >= 40 and packed == 0 and 0 < width < 1 << 20 and abs(height) < 1 << 20:
        yield from shorter(
            sample.octets, start + (width * bits + 31) // 32 * 4 * abs(height), "BMP"
        )


def riff(sample: Sample) -> Troubles:
    """The size of the outermost chunk. Source: RIFF, Multimedia Programming Interface 1.0."""
    size = struct.unpack_from("<I", sample.head, 4)[0]
    if size not in (0xFFFFFFFF, 0):
        yield from shorter(sample.octets, 8 + size, "RIFF")
    if not sample.head[8:16].replace(b" ", b"A").isalnum():
        yield corrupted("the first RIFF chunk")


def iff(sample: Sample) -> Troubles:
    """The size of the outermost chunk. Source: EA IFF 85."""
    yield from shorter(sample.octets, 8 + struct.unpack_from(">I", sample.head, 4)[0], "IFF")


def tiff(sample: Sample) -> Troubles:
    """Directories, strips and tiles lie inside the file. Source: TIFF 6.0, section 2; BigTIFF."""
    big = sample.head[2:4] in (b"+\0", b"\0+")
    order = "<" if sample.head[:1] == b"I" else ">"
    word, counts, entry, width = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    at = struct.unpack_from(order + word, sample.head, 8 if big else 4)[0]
    if at == 0:
        yield corrupted("a TIFF without directory")
    for _ in range(64):
        if at == 0:
            return
        head = sample.at(at, struct.calcsize("=" + counts))
        if len(head) < struct.calcsize("=" + counts):
            yield truncated("a TIFF directory")
            return
        number = struct.unpack(order + counts, head)[0]
        if not 0 < number <= 1024:
            yield corrupted("a TIFF directory")
            return
        entries = sample.at(at + len(head), number * entry + width)
        if len(entries) < number * entry + width:
            yield truncated("a TIFF directory")
            return
        last = _strips_end(sample, entries[: number * entry], order, big)
        if last > sample.octets:
            yield truncated("TIFF strips or tiles")
            return
        at = struct.unpack_from(order + word, entries, number * entry)[0]


def _strips_end(sample: Sample, entries: bytes, order: str, big: bool) -> int:
    """Where the last strip or tile of a directory ends, and other values lie."""
    shape, size = (order + "HHQ", 20) if big else (order + "HHI", 12)
    inline = 8 if big else 4
    offsets: list[int] = []
    counts: list[int] = []
    for at in range(0, len(entries), size):
        tag, kind, count = struct.unpack_from(shape, entries, at)
        width = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 12: 8, 16: 8}.get(kind, 1)
        value = entries[at + size - inline : at + size]
        if tag not in (273, 279, 324, 325) or width not in (2, 4, 8) or count > 100_000:
            continue
        if width * count > inline:
            place = struct.unpack(order + ("Q" if big else "I"), value)[0]
            if place + width * count > sample.octets:
                return sample.octets + 1
            value = sample.at(place, width * count)
        letter = {2: "H", 4: "I", 8: "Q"}[width]
        values = struct.unpack_from(f"{order}{count}{letter}", value)
        (offsets if tag in (273, 324) else counts).extend(values)
    return max((a + b for a, b in zip(offsets, counts, strict=False)), default=0)


def boxes(sample: Sample) -> Troubles:
    """Boxes follow each other to the end. Source: ISO/IEC 14496-12, 4.2; 15444-1, I.4."""
    at = 0
    for _ in range(_MOST):
        start = sample.at(at, 16)
        if not start:
            return
        if len(start) < 8:
            yield truncated("a box")
            return
        size = struct.unpack_from(">I", start)[0]
        if size == 1 and len(start) == 16:
            size = struct.unpack_from(">Q", start, 8)[0]
        if size == 0:
            return
        if size < 8:
            yield corrupted("the size of a box")
            return
        at += size
        if at > sample.octets:
            yield truncated(f"the box {start[4:8]!r}")
            return


def codestream(sample: Sample) -> Troubles:
    """The end of codestream. Source: ISO/IEC 15444-1, A.4."""
    if b"\xff\xd9" not in sample.tail[-64:]:
        yield truncated("no end of codestream")


def vtk_xml(sample: Sample) -> Troubles:
    """The root element is closed, after data that may be binary. Source: VTK file formats."""
    if b"</VTKFile>" not in sample.tail:
        yield truncated("no end of VTKFile")


def asf(sample: Sample) -> Troubles:
    """The size of the file. Source: Advanced Systems Format 01.20.06, file properties object."""
    at = sample.head.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    if at >= 0:
        yield from shorter(sample.octets, struct.unpack_from("<Q", sample.head, at + 40)[0], "ASF")


def pdf(sample: Sample) -> Troubles:
    """The end mark, and a cross-reference where it is said to be. Source: ISO 32000-2, 7.5.5."""
    end = sample.tail.rfind(b"%%EOF")
    said = sample.tail.rfind(b"startxref")
    if end < 0 or said < 0:
        yield truncated("no PDF end mark")
        return
    place = re.match(rb"startxref\s+(\d{1,12})", sample.tail[said : said + 40])
    if place is None:
        yield corrupted("where the PDF cross-reference is")
        return
    shift = max(0, sample.head.find(b"%PDF-"))
    at = int(place[1])
    if at == 0:
        yield truncated("the second half of a linearised PDF")
        return
    around = sample.at(max(0, at - 64), 256) + sample.at(at + shift, 64)
    if b"xref" not in around and re.search(rb"\d+\s+\d+\s+obj", around) is None:
        yield corrupted("no PDF cross-reference where it is said to be")
        return
    if b"/Encrypt" in sample.tail or (sample.whole and b"/Encrypt" in sample.whole):
        yield Trouble("encrypted", "PDF with /Encrypt")
    elif sample.whole is not None:
        yield from _streams(sample.whole)


def _streams(data: bytes) -> Troubles:
    """Deflated streams unpack, as far as their filter is only that."""
    left = 8 << 20
    for found in re.finditer(
        rb"/Filter\s*\[?\s*/FlateDecode\s*\]?"
        rb"(?:\s*/Length\s+[\d R]+|\s*/N \d+|\s*/Type\s*/\w+)*\s*>>\s*stream\r?\n",
        data,
    ):
        made = zlib.decompressobj()
        try:
            left -= len(made.decompress(data[found.end() : found.end() + (1 << 20)], 1 << 20))
        except zlib.error:
            yield corrupted("a deflated stream of a PDF")
            return
        if left < 0:
            return


def postscript(sample: Sample) -> Troubles:
    """The end that the structuring conventions ask for. Source: DSC 3.0, 4.2."""
    if (
        sample.head.startswith(b"%!PS-Adobe-3")
        and b"%%EOF" not in sample.tail
        and b"showpage" not in sample.tail
    ):
        yield truncated("no %%EOF")


def photoshop(sample: Sample) -> Troubles:
    """Sections, and rows by their lengths. Source: Adobe Photoshop file format, 2019."""
    channels, height, _, depth = struct.unpack_from(">HIIH", sample.head, 12)
    at = 26
    for _ in range(3):
        at += 4 + int.from_bytes(sample.at(at, 4).ljust(4, b"\xff"), "big")
    if at + 2 > sample.octets:
        yield truncated("a section of a PSD")
    elif (
        sample.at(at, 2) == b"\0\1"
        and sample.head[5] == 1
        and channels * height <= 500_000
        and depth
    ):
        rows = sample.at(at + 2, 2 * channels * height)
        lengths = struct.unpack(f">{len(rows) // 2}H", rows[: len(rows) // 2 * 2])
        yield from shorter(sample.octets, at + 2 + len(rows) + sum(lengths), "PSD rows")


def netpbm(sample: Sample) -> Troubles:
    """Rows by width, height and depth. Source: Netpbm formats, raw variants."""
    count = {b"P4": 2, b"P5": 3, b"P6": 3}.get(sample.head[:2])
    if count is None:
        return
    head = re.sub(rb"#[^\n]*", b"", sample.head[:512])
    numbers = re.match(rb"P[456]" + rb"\s+(\d+)" * count + rb"\s", head)
    if numbers:
        width, height = int(numbers[1]), int(numbers[2])
        wide = 2 if count == 3 and int(numbers[3]) > 255 else 1
        row = (
            -(-width // 8) if count == 2 else width * wide * (3 if sample.head[:2] == b"P6" else 1)
        )
        yield from shorter(sample.octets, row * height + numbers.end(), "Netpbm rows")


def rtf(sample: Sample) -> Troubles:
    """The brace that closes it. Source: RTF 1.9.1."""
    if not sample.tail.rstrip(b"\r\n\0 \t").endswith(b"}"):
        yield truncated("an RTF group that is not closed")
