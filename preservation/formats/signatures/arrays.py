"""Arrays and containers of arrays: HDF5 and its kin, netCDF, NumPy, MATLAB, ROOT, GRIB."""

from __future__ import annotations

import re
import struct

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import Test, both, inner, magic, one_of, row

HDF5 = b"\x89HDF\r\n\x1a\n"
HDF5_PUIDS = "fmt/286 fmt/287 fmt/807"
_NETCDF4 = re.compile(
    rb"_NCProperties|_Netcdf4Dimid|_Netcdf4Coordinates|_nc3_strict|This is a netCDF"
)
_NETCDF_NAMES = frozenset({"nc", "nc4", "cdf", "netcdf"})
_H5_NAMES = "h5 hdf5 hdf he5 h5py hdf5py nxs nx"


def hdf5_offset(sample: Sample) -> int:
    """Where the superblock is: 0, or after a user block of 512 octets or a power of two more; -1.

    Source: HDF5 File Format Specification 3.0, section II.
    """
    if sample.head.startswith(HDF5):
        return 0
    at = 512
    while at < len(sample.head):
        if sample.head[at : at + 8] == HDF5:
            return at
        at *= 2
    return -1


def _is_hdf5(sample: Sample) -> bool:
    return hdf5_offset(sample) >= 0


def _superblock(version: int, user_block: bool = False) -> Test:
    def test(sample: Sample) -> bool:
        at = hdf5_offset(sample)
        return (
            at >= 0 and (at > 0) is user_block and sample.head[at + 8 : at + 9] == bytes([version])
        )

    return test


def _user_block(sample: Sample) -> bool:
    return hdf5_offset(sample) > 0


def _is_netcdf4(sample: Sample) -> bool:
    if not _is_hdf5(sample):
        return False
    if _NETCDF4.search(sample.head) or _NETCDF4.search(sample.tail):
        return True
    return sample.extension in _NETCDF_NAMES and b"DIMENSION_SCALE" in sample.head + sample.tail


def _holds(*marks: bytes) -> Test:
    """An HDF5 file in whose head or tail all of these names occur."""

    def test(sample: Sample) -> bool:
        return _is_hdf5(sample) and all(
            mark in sample.head or mark in sample.tail or (sample.whole and mark in sample.whole)
            for mark in marks
        )

    return test


def _is_mat4(sample: Sample) -> bool:
    """MATLAB 4: five integers of the first matrix that make sense together, and its name."""
    if len(sample.head) < 21:
        return False
    for order in "<>":
        kind, rows, columns, imaginary, length = struct.unpack(order + "5i", sample.head[:20])
        m, o, p, t = kind // 1000, kind // 100 % 10, kind // 10 % 10, kind % 10
        sane = 0 <= kind < 5000 and m == (order == ">") and o == 0 and p <= 5 and t <= 2
        name = sample.head[20 : 20 + max(0, length)]
        if (
            sane
            and imaginary in (0, 1)
            and 0 < length <= 64
            and min(rows, columns) >= 0
            and rows * columns <= sample.octets
            and re.fullmatch(rb"[A-Za-z]\w*\0", name)
        ):
            return True
    return False


def _is_arrow_stream(sample: Sample) -> bool:
    """A continuation mark, the length of the schema's message, and a FlatBuffers root."""
    if not sample.head.startswith(b"\xff\xff\xff\xff") or len(sample.head) < 16:
        return False
    length, root = struct.unpack("<iI", sample.head[4:12])
    return bool(16 <= length < 1 << 24 and length % 8 == 0 and 4 <= root < length and root % 4 == 0)


def _is_pickle(sample: Sample) -> bool:
    head, tail = sample.head, sample.tail
    return head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5" and bool(tail) and tail[-1:] == b"."


_JLD = magic(b"HDF5-based Julia Data Format")
_RDA = (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n")
_RDS = (b"X\n\0\0\0", b"A\n2\n", b"A\n3\n", b"B\n\2\0\0\0", b"B\n\3\0\0\0")
_H5_SPEC = "HDF5 File Format Specification 3.0, II.A"

ROWS = (
    row(
        "netcdf-4",
        "netCDF-4 (HDF5-based)",
        "nc nc4 cdf netcdf h5 hdf5 mnc",
        _is_netcdf4,
        "NetCDF-4 file format: HDF5 with _NCProperties or dimension scales",
        mime="application/netcdf",
        version="4",
        parents=HDF5_PUIDS,
    ),
    row(
        "nwb",
        "Neurodata Without Borders (HDF5-based)",
        "nwb h5 hdf5",
        _holds(b"nwb_version"),
        "NWB Format Specification 2, nwb_version",
        mime="application/x-hdf5",
        parents=HDF5_PUIDS,
    ),
    row(
        "anndata",
        "AnnData h5ad (HDF5-based)",
        "h5ad",
        both(_is_hdf5, _holds(b"encoding-type", b"anndata")),
        "AnnData on-disk format, encoding-type",
        mime="application/x-hdf5",
        parents=HDF5_PUIDS,
    ),
    row(
        "hdf-eos5",
        "HDF-EOS5 (HDF5-based)",
        "he5 h5 hdf5 nc",
        _holds(b"HDFEOSVersion"),
        "HDF-EOS5 Data Model, HDFEOS INFORMATION",
        mime="application/x-hdf5",
        parents=HDF5_PUIDS,
    ),
    row(
        "nexus",
        "NeXus (HDF5-based)",
        "nxs nx5 h5 hdf5 hdf nx",
        _holds(b"NX_class", b"NXentry"),
        "NeXus manual, NXroot and NXentry",
        mime="application/x-hdf5",
        parents=HDF5_PUIDS,
    ),
    row(
        "minc-2",
        "MINC 2 (HDF5-based)",
        "mnc mnc2 h5",
        _holds(b"minc-2.0"),
        "MINC 2.0 file format",
        mime="application/x-minc",
        version="2",
        parents=HDF5_PUIDS,
    ),
    row(
        "jld",
        "Julia Data Format JLD (HDF5-based)",
        "jld jld2",
        _JLD,
        "JLD2 file header",
        mime="application/x-hdf5",
        parents=HDF5_PUIDS,
    ),
    row(
        "hdf5-superblock-3",
        "HDF5 (Hierarchical Data Format 5), superblock 3",
        _H5_NAMES + " nc nc4 cdf h5ad mat",
        _superblock(3),
        _H5_SPEC,
        mime="application/x-hdf5",
        version="superblock 3",
    ),
    row(
        "hdf5-user-block",
        "HDF5 (Hierarchical Data Format 5) after a user block",
        _H5_NAMES + " mat",
        _user_block,
        _H5_SPEC,
        mime="application/x-hdf5",
    ),
    row(
        "netcdf-cdf5",
        "netCDF classic, 64-bit data (CDF-5)",
        "nc cdf nc5 netcdf",
        magic(b"CDF\x05"),
        "NetCDF classic format specification, magic",
        mime="application/netcdf",
        version="CDF-5",
    ),
    row(
        "netcdf-cdf2",
        "netCDF classic, 64-bit offset (CDF-2)",
        "nc cdf netcdf mnc",
        magic(b"CDF\x02"),
        "NetCDF classic format specification, magic",
        mime="application/netcdf",
        puid="fmt/283",
    ),
    row(
        "netcdf-cdf1",
        "netCDF classic (CDF-1)",
        "nc cdf netcdf mnc exo",
        magic(b"CDF\x01"),
        "NetCDF classic format specification, magic",
        mime="application/netcdf",
        puid="fmt/282",
    ),
    row(
        "nasa-cdf",
        "Common Data Format (CDF) of NASA",
        "cdf",
        one_of(b"\xcd\xf3\x00\x01", b"\xcd\xf2\x60\x02"),
        "CDF Internal Format Description 3, magic numbers",
        mime="application/x-cdf",
    ),
    row(
        "hdf4",
        "HDF4 (Hierarchical Data Format 4)",
        "hdf hdf4 h4 he2",
        magic(b"\x0e\x03\x13\x01"),
        "HDF Specification and Developer's Guide 4, magic number",
        mime="application/x-hdf",
    ),
    row(
        "npy",
        "NumPy array (NPY)",
        "npy",
        magic(b"\x93NUMPY"),
        "NEP 1, format version 1.0",
        mime="application/x-npy",
        puid="fmt/2112",
    ),
    row(
        "matlab-4",
        "MATLAB MAT-file, level 4",
        "mat",
        _is_mat4,
        "MAT-File Format, level 4",
        mime="application/x-matlab-data",
        version="4",
        named=True,
        wrong="fmt/1550",
    ),
    row(
        "matlab-5",
        "MATLAB MAT-file, level 5",
        "mat fig",
        magic(b"MATLAB 5.0 MAT-file"),
        "MAT-File Format, level 5",
        mime="application/x-matlab-data",
        version="5",
        parents="fmt/1550",
    ),
    row(
        "root",
        "ROOT data file (CERN)",
        "root",
        magic(b"root\x00"),
        "ROOT TFile, physical layout",
        mime="application/x-root",
    ),
    row(
        "grib-1",
        "GRIB edition 1 (gridded binary)",
        "grib grb grib1 grb1 gb",
        both(magic(b"GRIB"), magic(b"\1", 7)),
        "WMO Manual on Codes, FM 92, section 0",
        mime="application/wmo-grib",
        version="1",
    ),
    row(
        "grib-2",
        "GRIB edition 2 (gridded binary)",
        "grib2 grb2 grib grb gb2",
        both(magic(b"GRIB"), magic(b"\2", 7)),
        "WMO Manual on Codes, FM 92, section 0",
        mime="application/wmo-grib",
        version="2",
    ),
    row(
        "bufr",
        "BUFR (WMO binary universal form)",
        "bufr bfr buf",
        magic(b"BUFR"),
        "WMO Manual on Codes, FM 94, section 0",
        mime="application/wmo-bufr",
    ),
    row(
        "arrow-stream",
        "Apache Arrow IPC stream",
        "arrows arrow ipc stream",
        _is_arrow_stream,
        "Arrow Columnar Format, IPC streaming format",
        mime="application/vnd.apache.arrow.stream",
    ),
    row(
        "feather-1",
        "Feather, version 1 (Arrow)",
        "feather fea ftr",
        magic(b"FEA1"),
        "Feather v1 metadata",
        mime="application/x-feather",
        version="1",
        parents="fmt/889",
    ),
    row(
        "avro-file",
        "Apache Avro object container",
        "avro",
        magic(b"Obj\1"),
        "Avro specification, object container files",
        mime="application/vnd.apache.avro",
        puid="fmt/2029",
    ),
    row(
        "r-data",
        "R data, saved workspace (RData)",
        "rdata rda",
        one_of(*_RDA),
        "R Internals, serialization formats",
        mime="application/x-r-data",
    ),
    row(
        "r-data-compressed",
        "R data, saved workspace (RData), compressed",
        "rdata rda",
        inner(*_RDA),
        "R Internals, serialization formats",
        mime="application/x-r-data",
        parents="x-fmt/266 x-fmt/268 fmt/1098 fmt/1198 fmt/1199",
    ),
    row(
        "r-object-compressed",
        "R object (RDS), compressed",
        "rds rdb",
        inner(*_RDS),
        "R Internals, serialization formats",
        mime="application/x-r-data",
        parents="x-fmt/266 x-fmt/268 fmt/1098",
    ),
    row(
        "r-object",
        "R object (RDS)",
        "rds",
        one_of(*_RDS),
        "R Internals, serialization formats",
        mime="application/x-r-data",
        named=True,
    ),
    row(
        "pickle",
        "Python pickle",
        "pkl pickle p pck pcl npy joblib",
        _is_pickle,
        "Python pickle, protocol opcode",
        mime="application/x-pickle",
    ),
    row(
        "idl-save",
        "IDL save file",
        "sav idl",
        one_of(b"SR\x00\x04", b"SR\x00\x06"),
        "IDL SAVE file layout",
        mime="application/x-idl-save",
    ),
    row(
        "tdms",
        "TDMS (NI technical data management streaming)",
        "tdms tdm",
        magic(b"TDSm"),
        "TDMS File Format Internal Structure, lead in",
        mime="application/x-tdms",
    ),
    row(
        "duckdb",
        "DuckDB database",
        "duckdb db ddb",
        magic(b"DUCK", 8),
        "DuckDB storage format, main header",
        mime="application/vnd.duckdb.file",
    ),
    row(
        "ase-trajectory",
        "ASE trajectory (ULM)",
        "traj ulm gpw db",
        magic(b"- of Ulm"),
        "ASE ULM file format",
        mime="application/x-ase-ulm",
    ),
)
