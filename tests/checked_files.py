"""Files for format checks: sound ones, made by the formats' own libraries; broken; hostile."""

from __future__ import annotations

import gzip
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
from astropy.io import fits
from PIL import Image
from pypdf import PdfWriter

_NOISE = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype="u1")
_TYPES = (
    '<?xml version="1.0"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
)
_RELATIONS = (
    '<?xml version="1.0"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Target="word/document.xml" Type="http://schemas.openxmlformats.org/'
    'officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
WORD = {
    "[Content_Types].xml": _TYPES,
    "_rels/.rels": _RELATIONS,
    "word/document.xml": "<document/>",
}
ODF = {
    "mimetype": "application/vnd.oasis.opendocument.text",
    "content.xml": "<content/>",
    "META-INF/manifest.xml": "<manifest/>",
}


def written(write: Callable[[Path], object], folder: Path) -> bytes:
    """What a library writes to a path."""
    place = folder / "made"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(place)
    data = place.read_bytes()
    place.unlink()
    return data


def archive(members: dict[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return packed.getvalue()


def locked_archive() -> bytes:
    """An archive that says that its member is encrypted."""
    data = bytearray(archive({"a": "secret"}))
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    return bytes(data)


def image(kind: str) -> bytes:
    made = io.BytesIO()
    Image.fromarray(_NOISE).save(made, kind)
    return made.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large; its chunks are sound."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(100_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def _hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        values = np.arange(5000, dtype="f8")
        file.create_dataset("a", data=values, chunks=(500,), compression="gzip", fletcher32=True)
        file["text"] = ["one", "two"]
        file["group/plain"] = np.arange(10)
        file["group"].attrs["unit"] = "m"


def _hdf5_in_circles(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["up"] = file["/"]
        group["self"] = group
        file["soft"] = h5py.SoftLink("/soft")
        file["out"] = h5py.ExternalLink("/etc/passwd", "/x")


def _hdf5_elsewhere(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("e", (10,), "u1", external=[("/etc/passwd", 0, 10)])


def _hdf5_chunk_bomb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        size = 300 << 20
        made = file.create_dataset("b", (size,), "u1", chunks=(size,), compression="gzip")
        made.id.write_direct_chunk((0,), zlib.compress(b"\0"))


def _netcdf(kind: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with netCDF4.Dataset(path, "w", format=kind) as file:
            file.createDimension("time", None)
            file.createDimension("x", 5)
            file.title = "a test"
            file.createVariable("t", "f8", ("time",))[:] = np.arange(4)
            file.createVariable("v", "i2", ("time", "x"))[:] = np.ones((4, 5))
            file.createVariable("c", "f4", ("x",))[:] = 1

    return write


def _fits(path: Path) -> None:
    units = [fits.PrimaryHDU(), fits.ImageHDU(np.arange(4096, dtype="f4").reshape(64, 64))]
    units.append(fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(9))]))
    fits.HDUList(units).writeto(path, checksum=True)


def _parquet(path: Path) -> None:
    table = pa.table({"a": np.arange(5000), "s": ["x"] * 5000})
    pq.write_table(table, path, write_page_checksum=True)


def _pyramid(path: Path) -> None:
    """Levels that the page lists, and that are chained to each other too, as OME-TIFF has them."""
    with tifffile.TiffWriter(path) as file:
        file.write(_NOISE, tile=(16, 16), subifds=2)
        for step in (2, 4):
            file.write(_NOISE[::step, ::step], tile=(16, 16), subfiletype=1)


def _pdf(*, password: str = "", owner: str = "", claim: bytes = b"") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        writer = PdfWriter()
        for _ in range(2):
            writer.add_blank_page(100, 100)
        if claim:
            writer.xmp_metadata = claim
        if password or owner:
            writer.encrypt(password, owner_password=owner or None, algorithm="RC4-128")
        writer.write(path)

    return write


CLAIM = (
    b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:pdfaid='
    b'"http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>2</pdfaid:part><pdfaid:conformance>B'
    b"</pdfaid:conformance></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)


def circular_pdf() -> bytes:
    """A PDF whose tree of pages holds itself."""
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(
        (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 1>>"), 1
    ):
        offsets.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"xref\n0 3\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return out + table + b"trailer<</Size 3/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(out)


def circular_tiff() -> bytes:
    """A TIFF whose one directory is followed by itself."""
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHHIII", 1, 256, 3, 1, 5, 8)


def entity_bomb(*, attribute: bool) -> bytes:
    """Ten levels of ten entities each, in content or in an attribute."""
    levels = [b'<!ENTITY e0 "lol">']
    levels += [b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 11)]
    body = b'<r a="&e10;"/>' if attribute else b"<r>&e10;</r>"
    return b'<?xml version="1.0"?><!DOCTYPE r [' + b"".join(levels) + b"]>" + body


EXTERNAL_ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">'
    b'<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><a>&x;</a>'
)


def sound(folder: Path) -> dict[str, bytes]:
    """A sound file of each kind, by the MIME type that leads to its check, and a word."""

    def of(write: Callable[[Path], object]) -> bytes:
        return written(write, folder)

    tiff = {"compression": "zlib", "rowsperstrip": 8}
    geo = [(34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True)]
    return {
        "text/csv": b"a,b\n1,2\n3,4\n",
        "text/tab-separated-values": b'a\tb\n5" pipe\t"open\n1\t2\n',
        "application/json": b'{"a": [1, 2.5e3, null, {"b": "\\u4e2d"}]}',
        "application/geo+json": b'{"type": "FeatureCollection", "features": [{"type": "Feature", '
        b'"geometry": null, "properties": {"type": "x"}}]}',
        "application/jsonl": b'{"a": 1}\n\n[1]\n',
        "text/xml": b'<?xml version="1.0"?><a xmlns="urn:x"><b/></a>',
        "image/svg+xml": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "application/netcdf classic": of(_netcdf("NETCDF3_CLASSIC")),
        "application/netcdf 64": of(_netcdf("NETCDF3_64BIT_DATA")),
        "application/netcdf 4": of(_netcdf("NETCDF4")),
        "application/x-hdf5": of(_hdf5),
        "application/fits": of(_fits),
        "image/tiff": of(lambda p: tifffile.imwrite(p, _NOISE, photometric="rgb", **tiff)),
        "image/tiff big": of(lambda p: tifffile.imwrite(p, _NOISE, bigtiff=True, extratags=geo)),
        "application/vnd.apache.parquet": of(_parquet),
        "application/pdf": of(_pdf(claim=CLAIM)),
        "application/pdf owner": of(_pdf(owner="o")),
        "image/png": image("PNG"),
        "image/jpeg": image("JPEG"),
        "image/gif": image("GIF"),
        "image/webp": image("WEBP"),
        "image/jp2": image("JPEG2000"),
        "image/bmp": image("BMP"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": archive(WORD),
        "application/vnd.oasis.opendocument.text": archive(ODF),
        "application/zip": archive({"a": "hello" * 100, "b": "x"}),
        "application/gzip": gzip.compress(_NOISE.tobytes()) + gzip.compress(b"more"),
    }


def seldom(folder: Path) -> dict[str, bytes]:
    """Sound files that few writers make."""

    def of(write: Callable[[Path], object]) -> bytes:
        return written(write, folder)

    return {
        "image/tiff pyramid": of(_pyramid),
        "application/vnd.apache.parquet no rows": of(
            lambda p: pq.write_table(pa.table({"a": [1]}).slice(0, 0), p)
        ),
        "application/zip empty": archive({}),
        "text/xml remark": b"<a/>\n<!-- said after the root --><?done?>\n",
    }


def hostile(folder: Path) -> dict[str, tuple[str, bytes, str]]:
    """What means harm or asks too much: a word, the MIME type, the content, the reason.

    Sound ones among them have the reason ``""``, and are valid.
    """

    def of(write: Callable[[Path], object]) -> bytes:
        return written(write, folder)

    office = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    return {
        "deep JSON": ("application/json", b"[" * 1_000_000, "too large"),
        "entity bomb": ("text/xml", entity_bomb(attribute=False), ""),
        "entity bomb in an attribute": ("text/xml", entity_bomb(attribute=True), "too large"),
        "external entities": (
            "text/xml",
            EXTERNAL_ENTITIES,
            "",
        ),
        "huge PNG": ("image/png", png_of(60_000, 60_000), "too large"),
        "HDF5 in circles": ("application/x-hdf5", of(_hdf5_in_circles), ""),
        "HDF5 that names a file": ("application/x-hdf5", of(_hdf5_elsewhere), "in other files"),
        "HDF5 chunk bomb": ("application/x-hdf5", of(_hdf5_chunk_bomb), "too large"),
        "TIFF in circles": ("image/tiff", circular_tiff(), "structure"),
        "PDF in circles": ("application/pdf", circular_pdf(), "structure"),
        "PDF with a password": ("application/pdf", of(_pdf(password="p")), "encrypted"),
        "locked ZIP": ("application/zip", locked_archive(), "encrypted"),
        "locked office file": (
            office,
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
            "encrypted",
        ),
    }


def broken() -> dict[str, tuple[str, bytes, str]]:
    """What is wrong by the letter: a word, the MIME type, the content, the reason."""
    office = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    odf = "application/vnd.oasis.opendocument.text"
    return {
        "ragged": ("text/csv", b"a,b,c\n1,2,3\n1,2\n4,5,6\n", "ragged rows"),
        "NUL": ("text/csv", b"a,b\n1,\0\n", "NUL"),
        "open quote": ("text/csv", b'a,b\n1,"x\n2,3\n', "unterminated quote"),
        "after the quote": ("text/csv", b'a,b\n"x"y,1\n2,3\n', "quoting"),
        "cut UTF-8": (
            "text/csv",
            "имя,м\n".encode() + "а,1\n".encode() * 20 + b"\xd0,1\n",
            "encoding",
        ),
        "binary": ("text/csv", b"a,b\n\x01\x02,\x03\n", "binary"),
        "cut JSON": ("application/json", b'{"a": [1, 2', "truncated"),
        "NaN": ("application/json", b'{"a": NaN}', "syntax"),
        "two values": ("application/json", b'{"a": 1} {"b": 2}', "syntax"),
        "JSON no UTF-8": ("application/json", b'{"a": "\xff"}', "syntax"),
        "no feature": (
            "application/geo+json",
            b'{"type": "FeatureCollection", "features": [{"type": "Nothing"}]}',
            "GeoJSON",
        ),
        "cut line": ("application/jsonl", b'{"a": 1}\n{"a":\n', "syntax"),
        "cut XML": ("text/xml", b'<?xml version="1.0"?><a><b>', "truncated"),
        "crossed tags": ("text/xml", b"<a><b></a></b>", "not well-formed"),
        "no main part": (
            office,
            archive({k: v for k, v in WORD.items() if "doc" not in k}),
            "structure",
        ),
        "broken part": (
            office,
            archive({**WORD, "word/document.xml": "<a><b></a>"}),
            "not well-formed",
        ),
        "no content": (
            odf,
            archive({k: v for k, v in ODF.items() if k != "content.xml"}),
            "structure",
        ),
        "after gzip": ("application/gzip", gzip.compress(b"x") + b"rubbish", "trailing data"),
    }
