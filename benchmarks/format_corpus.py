"""The mix of research files that identification is measured on, each with its truth.

Two parts: files that the formats' own libraries write here and now, and the test data that the
projects of these formats publish inside their source distributions on the package index. Those
are fetched by pip into a folder that is named on the command line; nothing of them is kept in the
project. pip is told to leave the unpacked distribution where it is and finds no build tools, so
that no code of it runs.

    python benchmarks/format_corpus.py CACHE            fetch what is missing, list what there is
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pickle
import sqlite3
import struct
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from format_truth import family_of

PROJECTS = (
    "ase",
    "astropy",
    "biopython",
    "fastavro",
    "fastparquet",
    "gemmi",
    "h5py",
    "laspy",
    "meshio",
    "mrcfile",
    "mutagen",
    "netCDF4",
    "nibabel",
    "obspy",
    "openpyxl",
    "pandas",
    "pikepdf",
    "pillow",
    "pydicom",
    "pymzml",
    "pyreadstat",
    "pysam",
    "pyshp",
    "python-docx",
    "rasterio",
    "rdflib",
    "scipy",
    "uproot",
)
EACH = 12  # files of one ending of one project


@dataclass(frozen=True)
class Item:
    """One file and what it is.

    Attributes:
        truth: how its family is known: ``made`` by the library, or published ``as`` that.
        held_out: in the half that the signatures were not tuned on.
    """

    path: Path
    family: str
    truth: str
    held_out: bool


def fetch(cache: Path, projects: Sequence[str]) -> None:
    """Unpack the newest source distribution of each project below the folder, once."""
    bare = cache / "no-build-tools"
    if not bare.exists():
        venv.create(bare, with_pip=False)
    for project in projects:
        folder = cache / "src" / project
        if folder.exists():
            continue
        folder.mkdir(parents=True)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "--python",
                str(bare / "bin" / "python"),
                "download",
                "-q",
                "--no-clean",
                "--no-deps",
                "--no-binary",
                ":all:",
                "--use-pep517",
                "--no-build-isolation",
                "--dest",
                str(folder),
                project,
            ],
            env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=600,
        )


def published(cache: Path) -> Iterator[Item]:
    """Test data of known family, at most some of each ending and project."""
    for project in sorted(os.listdir(cache / "src")):
        taken: Counter[str] = Counter()
        files = sorted(
            file
            for file in (cache / "src" / project).rglob("*")
            if file.is_file() and not file.is_symlink()
        )
        files.sort(key=lambda file: hashlib.sha256(file.name.encode()).digest())
        for file in files:
            ending = file.suffix.lower()
            if taken[ending] >= EACH or file.stat().st_size > 64 << 20:
                continue
            with file.open("rb") as opened:
                family = family_of(
                    f"{project}/{_inside(file, cache / 'src' / project)}", opened.read(16)
                )
            if family:
                taken[ending] += 1
                yield Item(
                    file, family, f"as, by {project}", file.name.encode()[0:1] and _odd(file.name)
                )


def _inside(file: Path, top: Path) -> str:
    """Without the folders that pip made."""
    return "/".join(file.relative_to(top).parts[2:])


def _odd(name: str) -> bool:
    return bool(hashlib.sha256(name.encode()).digest()[0] & 1)


def generated(folder: Path) -> Iterator[Item]:
    """Files that the formats' own libraries write."""
    for name, family, make in _MADE:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            make(path)
        except ImportError:
            continue
        yield Item(path, family, "made", _odd(name))


def _array() -> np.ndarray:
    return np.random.default_rng(7).normal(size=(64, 48)).astype("f4")


def _hdf5(low: str, high: str, user_block: int = 0) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import h5py  # noqa: PLC0415 - an optional library; without it the file is left out

        with h5py.File(path, "w", libver=(low, high), userblock_size=user_block) as file:
            file["group/data"] = _array()
            file["group/data"].attrs["units"] = "K"
        if user_block:
            with path.open("r+b") as file:
                file.write(b"a user block\n")

    return make


def _netcdf(kind: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import netCDF4  # noqa: PLC0415

        with netCDF4.Dataset(path, "w", format=kind) as data:
            data.createDimension("time", None)
            data.createDimension("x", 48)
            data.createVariable("t", "f4", ("time", "x"))[:] = _array()
            data.title = "sample"

    return make


def _fits(path: Path) -> None:
    from astropy.io import fits  # noqa: PLC0415

    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=_array()[:, 0])])
    fits.HDUList([fits.PrimaryHDU(_array()), table]).writeto(path)


def _tiff(**options: object) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import tifffile  # noqa: PLC0415

        tifffile.imwrite(path, (_array() * 100).astype("u1"), **options)

    return make


_GEO_TAGS = [
    (33550, 12, 3, (10.0, 10.0, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 4400000.0, 0.0), True),
    (34735, 3, 8, (1, 1, 0, 1, 3072, 0, 1, 32642), True),
]


def _image(kind: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        from PIL import Image  # noqa: PLC0415

        Image.fromarray((_array() * 40 + 128).clip(0, 255).astype("u1")).convert("RGB").save(
            path, kind
        )

    return make


def _arrow(kind: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import feather, orc, parquet  # noqa: PLC0415

        table = pa.table({"a": list(range(500)), "b": [f"row {n}" for n in range(500)]})
        if kind == "parquet":
            parquet.write_table(table, path)
        elif kind == "orc":
            orc.write_table(table, path)
        elif kind.startswith("feather"):
            feather.write_feather(table, path, version=int(kind[-1]))
        else:
            opened = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
            with pa.OSFile(str(path), "wb") as sink, opened(sink, table.schema) as writer:
                writer.write_table(table)

    return make


def _pdf(path: Path) -> None:
    import pypdf  # noqa: PLC0415

    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(path)


def _sqlite(application: int = 0) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with sqlite3.connect(path) as made:
            made.execute(f"PRAGMA application_id = {application}")
            made.execute("CREATE TABLE gpkg_contents (table_name TEXT, data_type TEXT)")
            made.executemany(
                "INSERT INTO gpkg_contents VALUES (?, ?)",
                [(f"t{n}", "features") for n in range(900)],
            )
        made.close()

    return make


def _zip(**members: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            for name, data in members.items():
                made.writestr(name.replace("__", "/").replace("_dot_", "."), data)

    return make


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as made:
        info = tarfile.TarInfo("a/b.csv")
        info.size = len(_CSV)
        made.addfile(info, io.BytesIO(_CSV))


def _las(minor: int, compressed: bool = False) -> Callable[[Path], None]:
    """A header by the specification, and points of format 0; LAZ as far as its header tells."""

    def make(path: Path) -> None:
        size, points = (375 if minor == 4 else 227), 400
        head = bytearray(size)
        head[:4], head[24:26] = b"LASF", bytes([1, minor])
        struct.pack_into("<HIIBHI", head, 94, size, size, 0, 128 if compressed else 0, 20, points)
        if minor == 4:
            struct.pack_into("<Q", head, 247, points)
        body = os.urandom(20 * points)
        path.write_bytes(
            bytes(head) + (struct.pack("<q", size + 8000) if compressed else b"") + body
        )

    return make


def _text(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text, encoding="utf-8") and None


def _octets(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


_ROWS = [(n, n * 0.25, f"site {n % 7}") for n in range(300)]
_CSV = ("id,value,site\n" + "".join(f"{a},{b},{c}\n" for a, b, c in _ROWS)).encode()
_FEATURES = [
    {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [66.9, 39.6]},
        "properties": {"n": n},
    }
    for n in range(40)
]
_CRATE = {
    "@context": "https://w3id.org/ro/crate/1.1/context",
    "@graph": [{"@id": f"#{n}", "@type": "Thing"} for n in range(30)],
}
_NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "metadata": {}, "source": ["# A\n"]}] * 20,
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}

_MADE: tuple[tuple[str, str, Callable[[Path], None]], ...] = (
    ("earliest.h5", "hdf5", _hdf5("earliest", "v108")),
    ("v110.h5", "hdf5", _hdf5("v110", "v110")),
    ("latest.hdf5", "hdf5", _hdf5("latest", "latest")),
    ("user-block.h5", "hdf5", _hdf5("earliest", "v108", 512)),
    ("four.nc", "netcdf-4", _netcdf("NETCDF4")),
    ("four-classic.nc", "netcdf-4", _netcdf("NETCDF4_CLASSIC")),
    ("classic.nc", "netcdf-classic", _netcdf("NETCDF3_CLASSIC")),
    ("offset64.nc", "netcdf-classic", _netcdf("NETCDF3_64BIT_OFFSET")),
    ("data64.nc", "netcdf-classic", _netcdf("NETCDF3_64BIT_DATA")),
    ("sky.fits", "fits", _fits),
    ("array.npy", "npy", lambda path: np.save(path, _array())),
    ("arrays.npz", "npz", lambda path: np.savez(path, a=_array())),
    ("packed.npz", "npz", lambda path: np.savez_compressed(path, a=_array())),
    ("plain.tif", "tiff", _tiff()),
    ("big.tif", "big-tiff", _tiff(bigtiff=True)),
    ("geo.tif", "geotiff", _tiff(extratags=_GEO_TAGS)),
    ("big-geo.tif", "geotiff", _tiff(bigtiff=True, extratags=_GEO_TAGS)),
    ("image.ome.tif", "ome-tiff", _tiff(ome=True, metadata={"axes": "YX"})),
    ("photo.png", "png", _image("PNG")),
    ("photo.jpg", "jpeg", _image("JPEG")),
    ("photo.gif", "gif", _image("GIF")),
    ("photo.bmp", "bmp", _image("BMP")),
    ("photo.webp", "webp", _image("WEBP")),
    ("photo.jp2", "jp2", _image("JPEG2000")),
    ("table.parquet", "parquet", _arrow("parquet")),
    ("table.arrow", "arrow", _arrow("file")),
    ("table.arrows", "arrow", _arrow("stream")),
    ("table.feather", "arrow", _arrow("feather2")),
    ("old.feather", "arrow", _arrow("feather1")),
    ("table.orc", "orc", _arrow("orc")),
    ("blank.pdf", "pdf", _pdf),
    ("data.sqlite", "sqlite", _sqlite()),
    ("map.gpkg", "geopackage", _sqlite(0x47504B47)),
    ("bundle.zip", "zip", _zip(a_dot_csv=_CSV, b_dot_txt=b"text\n" * 50)),
    (
        "store.zarr.zip",
        "zarr-zip",
        _zip(_dot_zgroup=b'{"zarr_format": 2}', a___dot_zarray=b"{}", a__0_dot_0=bytes(500)),
    ),
    ("files.tar", "tar", _tar),
    ("table.csv.gz", "gzip", lambda path: path.write_bytes(gzip.compress(_CSV)) and None),
    ("table.csv.bz2", "bzip2", lambda path: path.write_bytes(bz2.compress(_CSV)) and None),
    ("table.csv.xz", "xz", lambda path: path.write_bytes(lzma.compress(_CSV)) and None),
    ("state.pkl", "pickle", lambda path: path.write_bytes(pickle.dumps(_ROWS)) and None),
    ("one.las", "las", _las(2)),
    ("three.las", "las", _las(3)),
    ("four.las", "las", _las(4)),
    ("cloud.laz", "laz", _las(4, compressed=True)),
    ("table.csv", "csv", _octets(_CSV)),
    ("table.tsv", "tsv", _octets(_CSV.replace(b",", b"\t"))),
    ("records.json", "json", _text(json.dumps(_ROWS))),
    (
        "records.jsonl",
        "json-lines",
        _text("".join(json.dumps({"n": a, "v": b}) + "\n" for a, b, _ in _ROWS)),
    ),
    (
        "points.geojson",
        "geojson",
        _text(json.dumps({"type": "FeatureCollection", "features": _FEATURES})),
    ),
    ("ro-crate-metadata.json", "ro-crate", _text(json.dumps(_CRATE))),
    ("analysis.ipynb", "jupyter", _text(json.dumps(_NOTEBOOK, indent=1))),
    (
        "settings.yaml",
        "yaml",
        _text("".join(f"key{n}:\n  - {n}\n  - name: b{n}\n" for n in range(60))),
    ),
    (
        "settings.toml",
        "toml",
        _text("".join(f"[part{n}]\nvalue = {n}\nname = 'a'\n" for n in range(60))),
    ),
    (
        "things.ttl",
        "turtle",
        _text(
            "@prefix ex: <http://example.org/> .\n"
            + "".join(f'ex:s{n} ex:p "{n}" .\n' for n in range(80))
        ),
    ),
    (
        "things.nt",
        "n-triples",
        _text(
            "".join(f'<http://example.org/{n}> <http://example.org/p> "{n}" .\n' for n in range(80))
        ),
    ),
    (
        "paper.tex",
        "tex",
        _text(
            "\\documentclass{article}\n\\begin{document}\n"
            + "Samarkand paper.\n" * 60
            + "\\end{document}\n"
        ),
    ),
    (
        "reads.fastq",
        "fastq",
        _text("".join(f"@r{n}\nACGTACGTAC\n+\nIIIIIIIIII\n" for n in range(90))),
    ),
    ("genome.fasta", "fasta", _text("".join(f">chr{n}\n" + "ACGTACGTTA\n" * 9 for n in range(20)))),
    (
        "reads.sam",
        "sam",
        _text(
            "@HD\tVN:1.6\n@SQ\tSN:c\tLN:900\n"
            + "".join(f"r{n}\t0\tc\t{n + 1}\t60\t4M\t*\t0\t0\tACGT\tIIII\n" for n in range(90))
        ),
    ),
    (
        "calls.vcf",
        "vcf",
        _text(
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
            + "".join(f"1\t{n}\t.\tA\tG\t50\tPASS\tDP=9\n" for n in range(1, 90))
        ),
    ),
    (
        "genes.gff3",
        "gff",
        _text(
            "##gff-version 3\n"
            + "".join(f"c\tx\tgene\t{n}\t{n + 9}\t.\t+\t.\tID=g{n}\n" for n in range(1, 90))
        ),
    ),
    (
        "model.cif",
        "mmcif",
        _text(
            "data_1ABC\n#\n_entry.id 1ABC\nloop_\n_atom_site.id\n_atom_site.Cartn_x\n"
            + "".join(f"{n} {n}.5\n" for n in range(90))
            + "#\n"
        ),
    ),
    ("water.xyz", "xyz", _text("30\nwater\n" + "".join(f"O {n}.0 0.1 0.2\n" for n in range(30)))),
    (
        "matrix.mtx",
        "matrix-market",
        _text(
            "%%MatrixMarket matrix coordinate real general\n9 9 9\n"
            + "".join(f"{n} {n} 1.5\n" for n in range(1, 10))
        ),
    ),
    (
        "feature.kml",
        "kml",
        _text(
            '<?xml version="1.0"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
            + "<Placemark/>" * 30
            + "</Document></kml>\n"
        ),
    ),
    (
        "record.xml",
        "xml",
        _text(
            '<?xml version="1.0" encoding="UTF-8"?>\n<record>\n'
            + "<field>value</field>\n" * 40
            + "</record>\n"
        ),
    ),
    (
        "utf16.xml",
        "xml",
        lambda path: (
            path.write_bytes(
                ('<?xml version="1.0" encoding="UTF-16"?>\n<a>' + "<b/>" * 60 + "</a>\n").encode(
                    "utf-16"
                )
            )
            and None
        ),
    ),
    ("bare.xml", "xml", _text("<record>\n" + "<field>value</field>\n" * 40 + "</record>\n")),
)


def corpus(cache: Path | None, made: Path) -> list[Item]:
    """Everything: generated always, published where a cache is given."""
    items = list(generated(made))
    return items + (list(published(cache)) if cache else [])


if __name__ == "__main__":
    where = Path(sys.argv[1]).resolve()
    fetch(where, PROJECTS)
    counts = Counter(item.family for item in published(where))
    print(f"{sum(counts.values())} files of {len(counts)} families")
    for family, number in counts.most_common():
        print(f"{number:5} {family}")
