"""Which files hold numbers as they are, not compressed, so that noise among them is damage."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from preservation.formats.sample import Sample
from preservation.formats.signatures.images_tests import tags_of
from preservation.formats.structure.noise import noise
from preservation.formats.structure.trouble import Troubles

Holds = Callable[[Sample], bool]  # whether this file of a format does


def _always(_: Sample) -> bool:
    return True


def _fits(sample: Sample) -> bool:
    """No compressed images or tables. Source: FITS Standard 4.0, 10."""
    data = sample.whole or b""
    return b"ZIMAGE  =" not in data and b"ZTABLE  =" not in data


def _npy(sample: Sample) -> bool:
    """No Python objects, which are pickled. Source: NEP 1."""
    return b"O'" not in sample.head[:512]


def _wave(sample: Sample) -> bool:
    """PCM or floating point. Source: Multimedia Programming Interface 1.0, WAVE."""
    at = sample.head.find(b"fmt ", 12, 512)
    return sample.head[8:12] == b"WAVE" and sample.head[at + 8 : at + 10] in (
        b"\1\0",
        b"\3\0",
        b"\xfe\xff",
    )


def _aiff(sample: Sample) -> bool:
    """Source: Audio Interchange File Format 1.3; AIFF-C may be compressed."""
    return sample.head[8:12] == b"AIFF"


def _bitmap(sample: Sample) -> bool:
    """Source: BITMAPINFOHEADER, biCompression; a later header may bring a profile."""
    size, packed = struct.unpack_from("<I", sample.head, 14)[0], sample.head[30:34]
    return size == 40 and packed in (bytes(4), b"\3\0\0\0")


def _tiff(sample: Sample) -> bool:
    """One image, no compression, nothing of another format inside. Source: TIFF 6.0, 8 and 22."""
    tags = tags_of(sample)
    compression = tags.get(259, (3, 1, b"\1\0"))[2]
    return not {347, 513, 700, 34377, 34665, 34675} & tags.keys() and 1 in (
        int.from_bytes(compression[:2], "little"),
        int.from_bytes(compression[:2], "big"),
    )


def _las(sample: Sample) -> bool:
    """Source: LAS Specification 1.4-R15, 2.4; LASzip sets the highest bit of the point format."""
    return not sample.head[104] & 0x80


def _dicom(sample: Sample) -> bool:
    """Little endian, implicit or explicit. Source: PS3.5, annex A."""
    plain = (b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2.1\0")
    return any(one in sample.head[:1024] for one in plain)


def _pixels(sample: Sample) -> int:
    """Where the pixels of a DICOM file begin: what stands before may be anything."""
    return max(0, (sample.whole or b"").rfind(b"\xe0\x7f\x10\0"))


_BY_START: tuple[tuple[bytes, Holds], ...] = (
    (b"SIMPLE  =", _fits),
    (b"\x93NUMPY", _npy),
    (b"CDF\1", _always),
    (b"CDF\2", _always),
    (b"CDF\5", _always),
    (b"RIFF", _wave),
    (b"FORM", _aiff),
    (b"BM", _bitmap),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"II+\0", _tiff),
    (b"MM\0+", _tiff),
    (b"LASF", _las),
    (b"P4", _always),
    (b"P5", _always),
    (b"P6", _always),
    (b"\0\0\x27\x0a", _always),
    (b"TRACK\0", _always),
    (b"# vtk DataFile", _always),
)
_BY_ID: Mapping[str, Holds] = {
    "samarkand/dicom": _dicom,
    "samarkand/sac": _always,
    "samarkand/segy": _always,
    "samarkand/su": _always,
    "samarkand/mrc": _always,
    "samarkand/nifti-1": _always,
    "samarkand/nifti-2": _always,
    "samarkand/mgh": _always,
    "samarkand/edf": _always,
    "samarkand/bdf": _always,
    "samarkand/stata-old": _always,
    "samarkand/medit-binary": _always,
    "samarkand/abi": _always,
}


def numbers(sample: Sample, local: str) -> Troubles:
    """No stretch of noise in a file of plain numbers."""
    holds = _BY_ID.get(local) or next(
        (one for start, one in _BY_START if sample.head.startswith(start)), None
    )
    if holds is not None and sample.text is None and holds(sample):
        start = _pixels(sample) if holds is _dicom else 0
        yield from noise(sample, start, sample.octets)
