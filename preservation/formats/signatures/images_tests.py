"""What images, volumes and sound look like: the tests of the rows in ``images``."""

from __future__ import annotations

import struct

from preservation.formats.sample import OverBudgetError, Sample
from preservation.formats.signatures.local_format import starting

_GEO_KEYS = {33550, 33922, 34264, 34735}
_DESCRIPTION = 270
_MOST_TAGS = 400
_MOST_ICONS = 1000


def tags_of(sample: Sample) -> dict[int, tuple[int, int, bytes]]:
    """Tags of the first image directory: type, count, and the value or its offset; empty if none.

    Source: TIFF 6.0, section 2; BigTIFF design, "the file header".
    """
    big = sample.head[:4] in (b"II+\0", b"MM\0+")
    if not big and sample.head[:4] not in (b"II*\0", b"MM\0*"):
        return {}
    order = "<" if sample.head[:1] == b"I" else ">"
    try:
        start = struct.unpack(
            order + ("Q" if big else "I"), sample.head[8:16] if big else sample.head[4:8]
        )[0]
        count_size, size, shape = (8, 20, order + "HHQ8s") if big else (2, 12, order + "HHI4s")
        counted = struct.unpack(order + ("Q" if big else "H"), sample.at(start, count_size))[0]
        entries = sample.at(start + count_size, min(counted, _MOST_TAGS) * size)
    except (struct.error, OverBudgetError):
        return {}
    whole = len(entries) // size * size
    return {
        tag: (kind, count, value)
        for tag, kind, count, value in struct.iter_unpack(shape, entries[:whole])
    }


@starting(b"\0\0\1\0")
def is_icon(sample: Sample) -> bool:
    """A directory of images, each of which lies after it and inside the file."""
    count = int.from_bytes(sample.head[4:6], "little")
    entries = sample.head[6 : 6 + 16 * count]
    after = 6 + 16 * count
    return 0 < count <= _MOST_ICONS and all(
        start >= after and size and start + size <= sample.octets
        for size, start in struct.iter_unpack("<8xII", entries[: len(entries) // 16 * 16])
    )


def is_big(sample: Sample) -> bool:
    """The header of BigTIFF: offsets of eight octets."""
    return sample.head[:8] in (b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0")


@starting(b"II", b"MM")
def is_geotiff(sample: Sample) -> bool:
    """A TIFF with a tag of GeoTIFF, of its transformation, or of its tie points."""
    return sample.head[:2] in (b"II", b"MM") and not _GEO_KEYS.isdisjoint(tags_of(sample))


@starting(b"II", b"MM")
def is_cog(sample: Sample) -> bool:
    """A GeoTIFF whose structural metadata says that its directories come first."""
    return b"LAYOUT=IFDS_BEFORE_DATA" in sample.head[:256] and is_geotiff(sample)


@starting(b"II", b"MM")
def is_ome(sample: Sample) -> bool:
    """A TIFF whose description begins as OME-XML."""
    if sample.head[:2] not in (b"II", b"MM") or _DESCRIPTION not in (tags := tags_of(sample)):
        return False
    order = "<" if sample.head[:1] == b"I" else ">"
    value = tags[_DESCRIPTION][2]
    try:
        at = struct.unpack(order + ("Q" if len(value) == 8 else "I"), value)[0]
        return b"<OME " in sample.at(at, 1024)
    except (struct.error, OverBudgetError):
        return False


def is_analyze(sample: Sample) -> bool:
    """The header of ANALYZE 7.5, by its size, that is not of NIfTI."""
    head = sample.head
    sized = head[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c")
    return (
        sized
        and head[344:347] not in (b"n+1", b"ni1")
        and len(head) >= 348
        and head[38:39] in b"r\0"
    )


def is_bare_dicom(sample: Sample) -> bool:
    """A data set without preamble: its first element has a group that comes first, and a form."""
    head = sample.head[:16]
    if len(head) < 16:
        return False
    explicit = head[:4] in (
        b"\x08\0\x05\0",
        b"\x08\0\0\0",
        b"\x02\0\0\0",
        b"\x02\0\x01\0",
        b"\x08\0\x01\0",
        b"\x08\0\x08\0",
        b"\x08\0\x12\0",
        b"\x08\0\x16\0",
        b"\x02\0\x10\0",
        b"\x02\0\x02\0",
    )
    length = struct.unpack("<I", head[4:8])[0]
    return explicit and (head[4:6] in (b"UL", b"CS", b"UI", b"OB", b"DA") or 0 < length <= 64)


def is_mrc(sample: Sample) -> bool:
    """The stamp ``MAP`` at word 53 of a header of 1024 octets."""
    return sample.head[208:212] in (b"MAP ", b"MAP\0") and len(sample.head) >= 1024


def is_mgh(sample: Sample) -> bool:
    """Version 1, a width that can be, and one of the four types of voxels."""
    head = sample.head[:284] or b""
    return (
        len(head) >= 284
        and head[:4] == b"\0\0\0\1"
        and 0 < struct.unpack(">i", head[4:8])[0] < 1 << 16
        and (struct.unpack(">i", head[20:24])[0] in (0, 1, 3, 4))
    )


def is_mpeg_audio(sample: Sample) -> bool:
    """An ID3 tag, or a frame: eleven bits of one, no reserved version, layer, rate."""
    head = sample.head[:4]
    frame = len(head) == 4 and head[0] == 0xFF and head[1] & 0xE6 > 0xE0 and head[2] >> 4 != 15
    return head[:3] == b"ID3" or (frame and head[2] & 0x0C != 0x0C)


def is_edf(sample: Sample) -> bool:
    """Version 0, and a header that tells its own length in digits."""
    return sample.head[:8] == b"0       " and sample.head[184:192].strip().isdigit()
