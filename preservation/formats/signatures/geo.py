"""The Earth: point clouds, vectors, rasters, seismology."""

from __future__ import annotations

import re
import struct

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import (
    Test,
    both,
    first_line,
    magic,
    one_of,
    row,
    says,
    starting,
    words,
)

_LAS = "LAS Specification 1.4-R15, 2.4 public header block"
_DIGITS = tuple(b"%d" % number for number in range(10))
_AUTOCAD = "x-fmt/59"  # what PRONOM gives to .las by its extension alone


def _las(minor: int) -> Test:
    return lambda s: s.head[:4] == b"LASF" and s.head[24:26] == bytes([1, minor])


def _is_laz(sample: Sample) -> bool:
    return sample.head[:4] == b"LASF" and len(sample.head) > 104 and sample.head[104] & 0x80 != 0


def _is_copc(sample: Sample) -> bool:
    return _is_laz(sample) and sample.head[377:381] == b"copc"


@starting(*_DIGITS)
def _is_mseed(sample: Sample) -> bool:
    """Six digits, a quality, a blank; then a sane year and day of the year."""
    head = sample.head[:48]
    if re.match(rb"[0-9 ]{6}[DRQM][ \0][A-Z0-9 \0]{12}", head) is None or len(head) < 24:
        return False
    return any(
        1900 <= year <= 2100 and 1 <= day <= 366
        for year, day in (struct.unpack(order + "HH", head[20:24]) for order in "><")
    )


@starting(*_DIGITS)
def _is_seed(sample: Sample) -> bool:
    return re.match(rb"\d{6}[VA] \d{3}", sample.head) is not None


def _is_sac(sample: Sample) -> bool:
    """The version of the header is 6, or 7, in either order of octets; names are ASCII."""
    head = sample.head
    if len(head) < 632 or not head[440:632].replace(b"\0", b" ").isascii():
        return False
    fields = (struct.unpack(order + "i8xi", head[304:320]) for order in "<>")
    return any(version in (6, 7) and count >= 0 for version, count in fields)


def _is_segy(sample: Sample) -> bool:
    """A textual header of 40 lines in EBCDIC or ASCII, and a known code of sample formats."""
    head = sample.head
    if len(head) < 3600:
        return False
    cards = head[:1] in (b"\xc3", b"C") and head[80:81] in (b"\xc3", b"C", b"\x40", b" ")
    codes = (struct.unpack(order + "h", head[3224:3226])[0] for order in "><")
    return any(1 <= code <= 16 for code in codes) and (cards or sample.extension in ("sgy", "segy"))


def _is_su(sample: Sample) -> bool:
    """Seismic Unix: traces only; the first header says a sane count and interval."""
    if len(sample.head) < 240:
        return False
    for order in "<>":
        count, interval = struct.unpack(order + "HH", sample.head[114:118])
        if count > 0 and interval > 0 and sample.octets % (240 + 4 * count) == 0:
            return True
    return False


_WKT = (
    r"(GEOGCS|PROJCS|GEOCCS|COMPD_CS|VERT_CS|LOCAL_CS|"
    r"GEOGCRS|PROJCRS|BOUNDCRS|COMPOUNDCRS|VERTCRS)\s*\["
)
_WKT_SHAPE = (
    r"(SRID=\d+;)?(MULTI)?(POINT|LINESTRING|POLYGON|GEOMETRYCOLLECTION)\s*(Z|M|ZM)?\s*(\(|EMPTY)"
)

ROWS = (
    row(
        "copc",
        "COPC (Cloud Optimized Point Cloud, LAZ)",
        "laz",
        _is_copc,
        "COPC 1.0, info VLR",
        mime="application/vnd.laszip+copc",
        parents="fmt/368 fmt/369 fmt/370",
    ),
    row(
        "laz",
        "LAZ (LASzip-compressed LAS point cloud)",
        "laz las",
        _is_laz,
        "LASzip, point data format with bit 7",
        mime="application/vnd.laszip",
        parents="fmt/368 fmt/369 fmt/370",
        wrong=_AUTOCAD,
    ),
    *(
        row(
            f"las-1.{minor}",
            f"LAS point cloud 1.{minor}",
            "las",
            _las(minor),
            _LAS,
            mime="application/vnd.las",
            version=f"1.{minor}",
            puid=puid,
            wrong=_AUTOCAD,
        )
        for minor, puid in ((0, ""), (1, ""), (2, ""), (3, ""), (4, ""))
    ),
    row(
        "mseed",
        "miniSEED (seismological time series)",
        "mseed msd ms miniseed seed mini",
        _is_mseed,
        "SEED Manual 2.4, chapter 8, fixed section of data header",
        mime="application/vnd.fdsn.mseed",
    ),
    row(
        "mseed-3",
        "miniSEED 3 (seismological time series)",
        "mseed ms3 mseed3",
        magic(b"MS\x03"),
        "FDSN miniSEED 3, record indicator",
        mime="application/vnd.fdsn.mseed",
    ),
    row(
        "seed",
        "SEED volume (seismological data exchange)",
        "seed dataless mseed fseed",
        _is_seed,
        "SEED Manual 2.4, control headers",
        mime="application/vnd.fdsn.seed",
    ),
    row(
        "sac",
        "SAC seismogram (binary)",
        "sac z n e",
        _is_sac,
        "SAC data file format, NVHDR",
        mime="application/x-sac",
    ),
    row(
        "sac-ascii",
        "SAC seismogram (ASCII)",
        "sac saca asc",
        says(r"\A(\s*-?\d+\.\d+([eE][+-]?\d+)?){5}\s*$"),
        "SAC data file format, alphanumeric",
        mime="text/x-sac",
        named=True,
    ),
    row(
        "gse2",
        "GSE2/IMS1 waveform",
        "gse gse2 wid2 ims",
        first_line(r"(WID2|BEGIN (GSE2|IMS1))"),
        "GSE 2.1 conference paper GSE/CRP/243",
        mime="application/x-gse2",
    ),
    row(
        "segy",
        "SEG-Y (seismic)",
        "segy sgy seg",
        _is_segy,
        "SEG-Y rev 2, textual and binary file header",
        mime="application/x-segy",
        parents="fmt/363",
    ),
    row(
        "su",
        "Seismic Unix (SU)",
        "su",
        _is_su,
        "Seismic Unix, segy trace header",
        mime="application/x-seismic-unix",
        named=True,
    ),
    row(
        "seg2",
        "SEG-2 (seismic)",
        "seg2 sg2 dat",
        one_of(b"\x55\x3a\0\0", b"\x55\x3a\1\0", b"\x3a\x55\0\1"),
        "SEG-2, file descriptor block",
        mime="application/x-seg2",
    ),
    row(
        "nordic",
        "Nordic (S-file)",
        "sfile out",
        says(r"\A .{76,78}1\s*$"),
        "SEISAN, Nordic format",
        mime="application/x-nordic",
        named=True,
    ),
    row(
        "fdsn-station-text",
        "FDSN station text",
        "txt",
        words("#Network|"),
        "FDSN web services, text format",
        mime="text/plain",
    ),
    row(
        "esri-grid",
        "Esri ASCII grid",
        "asc grd txt agr",
        first_line(r"ncols\s+\d+\s+nrows\s+\d+", re.IGNORECASE),
        "Esri ASCII raster format",
        mime="application/x-esri-ascii-grid",
    ),
    row(
        "surfer-grid",
        "Golden Software Surfer grid",
        "grd",
        one_of(b"DSAA", b"DSBB", b"DSRB"),
        "Surfer grid formats",
        mime="application/x-surfer-grid",
    ),
    row(
        "wkt-crs",
        "WKT of a coordinate reference system",
        "prj wkt wkt2 txt qpj",
        first_line(_WKT),
        "OGC 18-010r11",
        mime="text/plain",
        wrong="fmt/320 fmt/1831",
    ),
    row(
        "wkt",
        "Well-known text (geometry)",
        "wkt txt ewkt",
        first_line(_WKT_SHAPE),
        "OGC 06-103r4, 7.2",
        mime="text/plain",
    ),
    row(
        "shapefile",
        "Esri Shapefile, shapes (SHP)",
        "shp",
        both(
            magic(b"\0\0\x27\x0a"),
            lambda s: s.head[28:32] == b"\xe8\x03\0\0" and s.extension != "shx",
        ),
        "ESRI Shapefile Technical Description, main file header",
        mime="application/vnd.shp",
        puid="x-fmt/235",
    ),
    row(
        "shapefile-index",
        "Esri Shapefile, index (SHX)",
        "shx",
        both(magic(b"\0\0\x27\x0a"), lambda s: s.extension == "shx"),
        "ESRI Shapefile Technical Description, index file",
        mime="application/vnd.shx",
        puid="x-fmt/103",
        wrong="x-fmt/235",
    ),
    row(
        "geopackage",
        "GeoPackage (SQLite)",
        "gpkg gpkx",
        starting(b"SQLite")(lambda s: s.head[68:72] in (b"GPKG", b"GP10", b"GP11")),
        "OGC 12-128r18, 1.1.1.1.1, application_id",
        mime="application/geopackage+sqlite3",
        puid="fmt/1700",
        parents="fmt/729",
    ),
    row(
        "mbtiles",
        "MBTiles (SQLite)",
        "mbtiles",
        starting(b"SQLite")(lambda s: s.head[68:72] == b"MPBX"),
        "MBTiles 1.3, application_id",
        mime="application/vnd.mapbox-vector-tile",
        parents="fmt/729",
    ),
    row(
        "flatgeobuf",
        "FlatGeobuf",
        "fgb",
        magic(b"fgb\x03"),
        "FlatGeobuf specification, magic",
        mime="application/flatgeobuf",
    ),
    row(
        "pmtiles",
        "PMTiles",
        "pmtiles",
        magic(b"PMTiles"),
        "PMTiles 3",
        mime="application/vnd.pmtiles",
    ),
    row(
        "erdas-img",
        "ERDAS Imagine (HFA)",
        "img",
        magic(b"EHFA_HEADER_TAG"),
        "HFA, Ehfa_HeaderTag",
        mime="application/x-erdas-hfa",
    ),
    row(
        "envi-header",
        "ENVI header",
        "hdr",
        words("ENVI"),
        "ENVI header files",
        mime="application/x-envi-header",
        named=True,
    ),
    row(
        "osm-pbf",
        "OpenStreetMap PBF",
        "pbf",
        lambda s: b"OSMHeader" in s.head[:32],
        "OSM PBF, fileformat.proto",
        mime="application/x-osm-pbf",
    ),
    row("e57", "E57 point cloud", "e57", magic(b"ASTM-E57"), "ASTM E2807", mime="model/e57"),
    row(
        "pcd",
        "Point Cloud Library PCD",
        "pcd",
        says(r"\A(#.*\n)*VERSION [\d.]+\s*\nFIELDS "),
        "PCD file format 0.7",
        mime="application/x-pcd",
    ),
    row(
        "generic-mapping-table",
        "GMT table",
        "gmt",
        says(r"^(>|# @V)"),
        "GMT/OGR",
        mime="text/plain",
        named=True,
    ),
    row(
        "sacpz",
        "SAC pole-zero response",
        "sacpz pz",
        says(r"^(ZEROS|POLES)\s+\d+", hint="ES"),
        "SAC, pole-zero files",
        mime="text/plain",
        settles=True,
    ),
    row(
        "resp",
        "SEED RESP response",
        "resp",
        says(r"^B05\dF\d\d", hint="B05"),
        "evalresp, RESP files",
        mime="text/plain",
        settles=True,
    ),
)
