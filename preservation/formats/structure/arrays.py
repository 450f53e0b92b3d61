"""Sizes that arrays and tables tell of themselves, against the size of the file."""

from __future__ import annotations

import ast
import math
import re
import struct
from collections.abc import Callable
from typing import ClassVar, TypeVar

from preservation.formats.sample import Sample
from preservation.formats.signatures.arrays import hdf5_offset
from preservation.formats.structure.lookup3 import lookup3
from preservation.formats.structure.trouble import Troubles, corrupted, shorter, truncated

T = TypeVar("T")

_UNDEFINED = (1 << 64) - 1
_MOST_HEADERS = 200


def hdf5(sample: Sample) -> Troubles:
    """End-of-file address, checksum of the superblock, and whether the root group is one.

    Source: HDF5 File Format Specification 3.0, II.A and IV.A.1.
    """
    base = hdf5_offset(sample)
    block = sample.at(base, 96)
    version = block[8]
    if version > 3:
        yield corrupted(f"superblock version {version}")
        return
    width = block[13] if version < 2 else block[9]
    if width != 8:  # the only width that is in use
        return
    if version < 2:
        shift = 4 if version == 1 else 0
        end = struct.unpack_from("<Q", block, 40 + shift)[0]
        root = struct.unpack_from("<Q", block, 64 + shift)[0]
    else:
        end, root, checksum = struct.unpack_from("<QQI", block, 28)
        if lookup3(block[:44]) != checksum:
            yield corrupted("the superblock's checksum")
            return
    if end != _UNDEFINED:
        yield from shorter(sample.octets, end if end >= base else base + end, "HDF5 end of file")
    at = base + root
    if root != _UNDEFINED and at + 4 <= sample.octets:
        start = sample.at(at, 16)
        if start[:4] != b"OHDR" and start[:2] != b"\x01\x00":
            yield corrupted("the root group's object header")


def netcdf(sample: Sample) -> Troubles:
    """The header's variables end inside the file.

    Source: NetCDF classic format specification, "the format in detail".
    """
    reader = _NetCdf(sample)
    yield from shorter(sample.octets, reader.wanted(), "netCDF variables")


class _NetCdf:
    """A reader of the classic header: dimensions, attributes, variables."""

    _SIZES: ClassVar[dict[int, int]] = {
        1: 1,
        2: 1,
        3: 2,
        4: 4,
        5: 4,
        6: 8,
        7: 1,
        8: 2,
        9: 4,
        10: 8,
        11: 8,
    }

    def __init__(self, sample: Sample) -> None:
        self._data = sample.whole if sample.whole is not None else sample.head
        self._wide = sample.head[3] == 5
        self._offset = ">I" if sample.head[3] == 1 else ">Q"
        self._at = 4

    def wanted(self) -> int:
        """Octets that a complete file has; 0 where that cannot be told."""
        records = self._count()
        lengths = self._list(self._dimension)
        self._list(self._attribute)
        variables = self._list(self._variable)
        ends, per_record, first = [0], 0, 0
        recording = [v for v in variables if v[0] and lengths[v[0][0]] == 0]
        for dimensions, size, begin in variables:
            if dimensions and lengths[dimensions[0]] == 0:
                octets = size * math.prod(lengths[one] for one in dimensions[1:])
                per_record += octets if len(recording) == 1 else octets + -octets % 4
                first = min(first or begin, begin)
            else:
                ends.append(begin + size * math.prod(lengths[one] for one in dimensions))
        if recording and records < 1 << 32 and not (records == (1 << 32) - 1 and not self._wide):
            ends.append(first + records * per_record)
        return max(ends) if max(ends) < 1 << 60 else 0

    def _take(self, shape: str) -> int:
        value: int = struct.unpack_from(shape, self._data, self._at)[0]
        self._at += struct.calcsize(shape)
        return value

    def _count(self) -> int:
        return self._take(">Q" if self._wide else ">I")

    def _name(self) -> None:
        length = self._count()
        self._at += length + -length % 4

    def _list(self, read: Callable[[], T]) -> list[T]:
        self._take(">I")
        count = self._count()
        if count > 100_000:
            raise struct.error
        return [read() for _ in range(count)]

    def _dimension(self) -> int:
        self._name()
        return self._count()

    def _attribute(self) -> None:
        self._name()
        size = self._SIZES[self._take(">I")] * self._count()
        self._at += size + -size % 4

    def _variable(self) -> tuple[list[int], int, int]:
        self._name()
        dimensions = [self._count() for _ in range(self._count())]
        self._list(self._attribute)
        size = self._SIZES[self._take(">I")]
        self._count()
        return dimensions, size, self._take(self._offset)


def fits(sample: Sample) -> Troubles:
    """Header cards are ASCII and come to an END; data fill the blocks that they are told to.

    Source: FITS Standard 4.0, 3.1, 4.4.1 and 7.
    """
    at = 0
    for _ in range(_MOST_HEADERS):
        cards: dict[bytes, int] = {}
        done = False
        while not done:
            block = sample.at(at, 2880)
            at += 2880
            if len(block) < 2880:
                yield truncated("a FITS header without END")
                return
            if not block.isascii() or b"\0" in block:
                yield corrupted("a FITS header that is not ASCII")
                return
            for card in (block[start : start + 80] for start in range(0, 2880, 80)):
                if card[:8] == b"END     ":
                    done = True
                    break
                value = re.match(rb"(BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS) *= +(-?\d+|T)\b", card)
                if value:
                    cards[value[1]] = 1 if value[2] == b"T" else int(value[2])
        at += -(-_fits_data(cards) // 2880) * 2880
        if at >= sample.octets:
            break
        if sample.at(at, 8) != b"XTENSION":
            return  # special records, or junk that readers leave alone
    yield from shorter(sample.octets, at, "FITS data")


def _fits_data(cards: dict[bytes, int]) -> int:
    axes = [cards.get(b"NAXIS%d" % number, 0) for number in range(1, cards.get(b"NAXIS", 0) + 1)]
    if axes and axes[0] == 0 and b"GROUPS" in cards:
        axes = axes[1:]
    if not axes:
        return 0
    count = cards.get(b"GCOUNT", 1) * (cards.get(b"PCOUNT", 0) + math.prod(axes))
    return abs(cards.get(b"BITPIX", 8)) * count // 8


def npy(sample: Sample) -> Troubles:
    """The header tells shape and type, and so the size.

    Source: NEP 1.
    """
    long = sample.head[6] > 1
    start = 12 if long else 10
    length = struct.unpack_from("<I" if long else "<H", sample.head, 8)[0]
    text = sample.head[start : start + length].decode("latin-1")
    try:
        told = ast.literal_eval(text.strip()) if len(text) < 4096 else {}
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        yield corrupted("the header of an NPY array")
        return
    if not isinstance(told, dict) or not isinstance(told.get("descr"), str):
        return
    item = re.fullmatch(r"[<>|=]?([biufcSUVmM?])(\d+)(\[\w+\])?", told["descr"])
    if item:
        size = int(item[2]) * (4 if item[1] == "U" else 1)
        yield from shorter(
            sample.octets, start + length + size * math.prod(told.get("shape", ())), "NPY array"
        )


def grib(sample: Sample) -> Troubles:
    """Messages follow each other to the end, each with 7777 at its own.

    Source: WMO Manual on Codes, FM 92, sections 0 and 8.
    """
    at = 0
    for _ in range(_MOST_HEADERS):
        start = sample.at(at, 16)
        if start[:4] != b"GRIB":
            return
        length = int.from_bytes(start[8:16] if start[7] == 2 else start[4:7], "big")
        if length < 16 or (start[7] == 1 and length & 0x800000):
            return
        at += length
        if at > sample.octets:
            yield truncated("a GRIB message")
            return
        if sample.at(at - 4, 4) != b"7777":
            yield corrupted("a GRIB message without its end section")
            return


def bufr(sample: Sample) -> Troubles:
    """The length of the message. Source: WMO Manual on Codes, FM 94, section 0."""
    yield from shorter(sample.octets, int.from_bytes(sample.head[4:7], "big"), "BUFR message")


def parquet(sample: Sample) -> Troubles:
    """The magic at the end, and a footer that fits.

    Source: Apache Parquet, file format.
    """
    if sample.tail[-4:] not in (b"PAR1", b"PARE"):
        yield truncated("no Parquet footer")
    elif int.from_bytes(sample.tail[-8:-4], "little") + 12 > sample.octets:
        yield corrupted("the length of the Parquet footer")


def arrow(sample: Sample) -> Troubles:
    """The magic at the end. Source: Arrow Columnar Format, IPC file format."""
    if sample.tail[-6:] != b"ARROW1":
        yield truncated("no Arrow footer")


def feather(sample: Sample) -> Troubles:
    """The magic at the end. Source: Feather v1."""
    if sample.tail[-4:] != b"FEA1":
        yield truncated("no Feather footer")


def orc(sample: Sample) -> Troubles:
    """The magic in the postscript. Source: ORC specification 1, postscript."""
    if b"ORC" not in sample.tail[-256:]:
        yield truncated("no ORC postscript")


def sqlite(sample: Sample) -> Troubles:
    """Pages by their size. Source: SQLite database file format, 1.3."""
    size = struct.unpack_from(">H", sample.head, 16)[0]
    size = 65536 if size == 1 else size
    if size < 512 or size & (size - 1):
        yield corrupted("the page size of an SQLite database")
        return
    change, pages = struct.unpack_from(">II", sample.head, 24)
    if change == struct.unpack_from(">I", sample.head, 92)[0]:
        yield from shorter(sample.octets, size * pages, "SQLite pages")
    if sample.head[100] not in (2, 5, 10, 13):
        yield corrupted("the first page of an SQLite database")


def abi(sample: Sample) -> Troubles:
    """The directory lies inside the file. Source: ABIF, header."""
    count, _, at = struct.unpack_from(">III", sample.head, 18)
    yield from shorter(sample.octets, at + 28 * count, "ABIF directory")


def tracks(sample: Sample) -> Troubles:
    """A triple of infinities ends the data. Source: MRtrix3, tracks file format."""
    if b"datatype: Float32" in sample.head[:4096] and sample.tail[-12:] not in (
        b"\0\0\x80\x7f" * 3,
        b"\x7f\x80\0\0" * 3,
    ):
        yield truncated("no end of MRtrix tracks")


def idl_save(sample: Sample) -> Troubles:
    """Records point to each other, up to an end mark. Source: IDL SAVE file layout."""
    at = 4
    for _ in range(_MOST_HEADERS):
        record = sample.at(at, 8)
        if len(record) < 8:
            yield truncated("no end mark of an IDL save file")
            return
        kind, following = struct.unpack(">iI", record)
        if kind == 6 or following <= at:
            return
        at = following


def matlab_5(sample: Sample) -> Troubles:
    """Data elements follow each other to the end. Source: MAT-File Format, level 5."""
    order = "<" if sample.head[126:128] == b"IM" else ">"
    at = 128
    for _ in range(_MOST_HEADERS):
        if at == sample.octets:
            return
        kind, size = struct.unpack(order + "II", sample.at(at, 8))
        if kind not in (14, 15) and kind > 18:
            yield corrupted("a data element of a MAT-file")
            return
        at += 8 + size
        yield from shorter(sample.octets, at, "MAT-file element")
        if at > sample.octets:
            return


def root(sample: Sample) -> Troubles:
    """Where the file ends. Source: ROOT TFile, physical layout: fEND."""
    version = struct.unpack_from(">I", sample.head, 4)[0]
    end = struct.unpack_from(">Q" if version >= 1_000_000 else ">I", sample.head, 12)[0]
    yield from shorter(sample.octets, end, "ROOT fEND")


def las(sample: Sample) -> Troubles:
    """Points by their length. Source: LAS Specification 1.4-R15, 2.4."""
    start, _, kind, length, count = struct.unpack_from("<IIBHI", sample.head, 96)
    if sample.head[25] == 4:
        count = struct.unpack_from("<Q", sample.head, 247)[0]
    if kind & 0x80:
        table = struct.unpack("<q", sample.at(start, 8).ljust(8, b"\xff"))[0]
        if start + 8 > sample.octets or table >= sample.octets:
            yield truncated("no LAZ chunk table")
        return
    yield from shorter(sample.octets, start + length * count, "LAS points")


def stata(sample: Sample) -> Troubles:
    """The last mark. Source: Stata manual, file format dta."""
    if b"</stata_dta>" not in sample.tail:
        yield truncated("no end mark of a Stata file")


def sas7bdat(sample: Sample) -> Troubles:
    """Pages by their size. Source: SAS7BDAT database binary format, header."""
    order = "<" if sample.head[37] == 1 else ">"
    wide = 4 if sample.head[32:33] == b"3" else 0
    shift = 4 if sample.head[35:36] == b"3" else 0
    header, size = struct.unpack_from(order + "II", sample.head, 196 + shift)
    pages = struct.unpack_from(order + ("Q" if wide else "I"), sample.head, 204 + shift)[0]
    yield from shorter(sample.octets, header + size * pages, "SAS pages")


def xport(sample: Sample) -> Troubles:
    """Records of 80 octets. Source: SAS TS-140."""
    if sample.octets % 80:
        yield truncated("the last record of a SAS transport file")


def portable(sample: Sample) -> Troubles:
    """The end mark: Z, to the end of the line. Source: PSPP, portable file format."""
    if not sample.tail.rstrip(b"\r\n\x1a").endswith((b"Z", b"\xe9")):
        yield truncated("no end mark of an SPSS portable file")


def bam(sample: Sample) -> Troubles:
    """The empty block that ends BAM, BCF and their indexes. Source: SAM specification, 4.1.2."""
    if not sample.tail.endswith(
        bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    ):
        yield truncated("no BGZF end block")


def cram(sample: Sample) -> Troubles:
    """The container that ends it. Source: CRAM format specification, 9."""
    if sample.head[4:5] >= b"\2" and b"\xe0\x45\x4f\x46" not in sample.tail[-40:]:
        yield truncated("no CRAM end container")


def sac(sample: Sample) -> Troubles:
    """Samples by their number. Source: SAC data file format, NPTS and LEVEN."""
    order = "<" if struct.unpack_from("<i", sample.head, 304)[0] in (6, 7) else ">"
    yield from shorter(
        sample.octets, 632 + 4 * struct.unpack_from(order + "i", sample.head, 316)[0], "SAC samples"
    )


def segy(sample: Sample) -> Troubles:
    """Traces of one length. Source: SEG-Y rev 1, binary file header."""
    samples, _, kind = struct.unpack_from(">HHH", sample.head, 3220)
    width = {1: 4, 2: 4, 3: 2, 5: 4, 8: 1}.get(kind)
    revision, fixed, extended = struct.unpack_from(">HHh", sample.head, 3500)
    if (
        width
        and samples
        and not extended
        and (sample.octets - 3600) % (240 + samples * width)
        and (fixed != 0 or revision == 0)
    ):
        yield truncated("the last trace of a SEG-Y file")


def mrc(sample: Sample) -> Troubles:
    """Volume by its size. Source: MRC2014, words 1 to 4 and 24."""
    for order in "<>":
        nx, ny, nz, mode = struct.unpack_from(order + "4i", sample.head, 0)
        extended = struct.unpack_from(order + "i", sample.head, 92)[0]
        bits = {0: 8, 1: 16, 2: 32, 3: 32, 4: 64, 6: 16, 12: 16, 101: 4}.get(mode)
        if bits and min(nx, ny, nz) > 0 and max(nx, ny, nz) < 1 << 20:
            yield from shorter(
                sample.octets, 1024 + extended + -(-nx * bits // 8) * ny * nz, "MRC volume"
            )
            return
    yield corrupted("the size of an MRC volume")


def nifti(sample: Sample) -> Troubles:
    """Voxels by dim and bitpix. Source: NIfTI-1 and NIfTI-2 data formats."""
    second = sample.head[4:7] == b"n+2"
    if not second and sample.head[344:347] != b"n+1":
        return
    for order in "<>":
        if struct.unpack_from(order + "i", sample.head, 0)[0] != (540 if second else 348):
            continue
        dims = struct.unpack_from(
            order + ("8q" if second else "8h"), sample.head, 16 if second else 40
        )
        bits = struct.unpack_from(order + "h", sample.head, 14 if second else 72)[0]
        start = struct.unpack_from(
            order + ("q" if second else "f"), sample.head, 168 if second else 108
        )[0]
        voxels = math.prod(max(1, one) for one in dims[1 : 1 + max(0, min(7, dims[0]))])
        yield from shorter(sample.octets, int(start) + voxels * bits // 8, "NIfTI voxels")
        return
    yield corrupted("the size of a NIfTI header")


def dicom(sample: Sample) -> Troubles:
    """Elements end inside the file. Source: PS3.5, 7.1.2 and 7.1.3."""
    meta = sample.head[:1024]
    if sample.head[128:132] != b"DICM" or any(one in meta for one in _OTHER_SYNTAXES):
        return
    at = 132
    implicit = b"1.2.840.10008.1.2\0" in meta
    for _ in range(2000):
        element = sample.at(at, 12)
        if len(element) < 8 or at >= sample.octets:
            return
        if element[:2] == b"\xfe\xff":  # items and their ends: what is inside follows
            at += 8
            continue
        plain = implicit and element[:2] != b"\2\0"
        if not plain and not element[4:6].isalpha():
            yield corrupted("a DICOM element without its representation")
            return
        start, length = _dicom_value(element, at, plain)
        if length == 0xFFFFFFFF:  # items follow; of pixels they are data
            if element[:4] == b"\xe0\x7f\x10\0" and b"\xfe\xff\xdd\xe0" not in sample.tail:
                yield truncated("DICOM pixel data without their end")
            if element[:4] == b"\xe0\x7f\x10\0" or element[4:6] == b"UN":
                return
            length = 0
        at = start + length
        if at > sample.octets:
            yield truncated("a DICOM element")
            return


# Transfer syntaxes in other order, or deflated.
_OTHER_SYNTAXES = (b"1.2.840.10008.1.2.2\0", b"1.2.840.10008.1.2.1.99")
_LONG = frozenset(b"OB OW OF SQ UT UN OD OL UC UR OV SV UV".split())


def _dicom_value(element: bytes, at: int, plain: bool) -> tuple[int, int]:
    """Where an element's value starts and how long it is; plain ones tell no representation."""
    if plain:
        return at + 8, struct.unpack_from("<I", element, 4)[0]
    if element[4:6] in _LONG:
        return at + 12, struct.unpack_from("<I", element.ljust(12, b"\0"), 8)[0]
    return at + 8, struct.unpack_from("<H", element, 6)[0]
