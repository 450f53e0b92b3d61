"""The table of our own: sound as a table, and bounded in what it does with any file."""

from __future__ import annotations

import os
import re
import time

import pytest

from preservation.formats.sample import LOOKS, OverBudgetError, Sample
from preservation.formats.signatures.table import CHILDREN, FORMATS, ROWS, recognise
from preservation.formats.structure.inspect import _BY_ID, _TEXTS, inspect
from preservation.formats.structure.lookup3 import lookup3


def sample_of(tmp_path, data: bytes, extension: str = "") -> Sample:
    path = tmp_path / f"file.{extension}"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return Sample.of(fd, len(data), extension)
    finally:
        os.close(fd)


def test_ids_are_in_the_namespace_and_given_once():
    assert len(FORMATS) == len(ROWS)
    assert all(re.fullmatch(r"samarkand/[a-z0-9][a-z0-9.\-]*", one.id) for one in ROWS)


def test_every_row_names_its_format_its_source_and_where_it_is_at_home():
    assert [one.id for one in ROWS if not (one.name and one.source and one.extensions)] == []


def test_puids_are_pronoms():
    named = {puid for one in ROWS for puid in one.parents | one.wrong | {one.puid}} - {""}
    assert all(re.fullmatch(r"(x-)?fmt/\d+", puid) for puid in named)
    assert not any(one.puid in one.wrong for one in ROWS)


def test_looks_are_asked_for_by_ids_that_exist():
    wanted = {one for one in (*_BY_ID, *_TEXTS) if one.startswith("samarkand/")}
    assert wanted <= set(FORMATS)


def test_a_finer_extension_does_not_contradict_its_parent():
    assert "jsonld" in CHILDREN["fmt/817"]
    assert "txt" not in CHILDREN["fmt/817"]


@pytest.mark.parametrize(
    ("data", "extension", "known"),
    [
        (b"\x89HDF\r\n\x1a\n\x03" + bytes(90), "h5", "hdf5-superblock-3"),
        (bytes(512) + b"\x89HDF\r\n\x1a\n\x00" + bytes(90), "h5", "hdf5-user-block"),
        (b"CDF\x05" + bytes(60), "nc", "netcdf-cdf5"),
        (b"II+\0\x08\0\0\0" + bytes(60), "tif", "big-tiff"),
        (b"LASF" + bytes(20) + b"\x01\x04" + bytes(400), "las", "las-1.4"),
        (b"@HD\tVN:1.6\n@SQ\tSN:1\tLN:9\n", "sam", "sam"),
        (b"data_1ABC\n_entry.id 1ABC\n_atom_site.id 1\n", "cif", "mmcif"),
        (b"data_x\n_cell_length_a 5.4\n", "cif", "cif"),
        (b">seq\nACGT\nACGT\n", "txt", "fasta"),
        (b"@r\nACGT\n+\nIIII\n", "txt", "fastq"),
        (b"##fileformat=VCFv4.3\n", "vcf", "vcf"),
        (b"BEGIN:VCARD\r\nVERSION:4.0\r\n", "vcf", "vcard"),
        (b"GRIB\0\0\0\x02" + bytes(20), "grib2", "grib-2"),
        (b'{"type": "FeatureCollection", "features": []}', "json", "geojson"),
        (b'{"a": 1}\n{"a": 2}\n', "jsonl", "json-lines"),
        (b"@prefix a: <http://a/> .\na:b a:c a:d .\n", "ttl", "turtle"),
        ('<?xml version="1.0"?><VOTABLE/>'.encode("utf-16"), "xml", "votable"),
        (b"<?xml version='1.0'?><!-- c --><x:mzML xmlns:x='y'>", "mzML".lower(), "mzml"),
        (b"ncols 4\nnrows 6\nxllcorner 0\n", "asc", "esri-grid"),
        (b"%%MatrixMarket matrix coordinate real general\n", "mtx", "matrix-market"),
        (b"prose of no kind\n", "txt", ""),
        (b"\x01\x02\x03\x04" * 50, "", ""),
    ],
)
def test_the_table_of_recognition(tmp_path, data, extension, known):
    found = recognise(sample_of(tmp_path, data, extension))
    assert (found.id if found else "") == (f"samarkand/{known}" if known else "")


def test_the_checksum_of_hdf5_is_jenkins_lookup3():
    """The values of lookup3.c's own driver5, with an initial value of 0."""
    assert lookup3(b"") == 0xDEADBEEF
    assert lookup3(b"Four score and seven years ago") == 0x17770551


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * 70_000,
        b" " * 70_000,
        b"# " * 35_000,
        b"<!-- -->" * 9_000,
        b"<!--" * 17_000,
        b"[" * 70_000,
        b"(" * 70_000 + b",)",
        b"((a,b)" * 12_000,
        b'"' * 70_000,
        b"a " * 35_000,
        b"a=b:" * 17_000,
        b"%!\n" * 23_000,
        b"\\begin{" * 9_000,
        b"@" * 70_000,
        b">\n" * 35_000,
        b"\t" * 70_000,
        b"<a " + b"b='c' " * 11_000,
        b"PK\x03\x04" * 17_000,
        b"\x1f\x8b\x08" + b"\0" * 70_000,
        b"%PDF-1.4\n" + b"/Filter /FlateDecode " * 3_400 + b"startxref\n1\n%%EOF",
        b"<?xml version='1.0'?>" + b"<!DOCTYPE " * 7_000,
    ],
    ids=range(21),
)
@pytest.mark.parametrize("extension", ["", "py", "yml", "html", "nt", "tex", "csv"])
def test_no_text_however_built_makes_a_test_search_for_ever(tmp_path, data, extension):
    """Generous: patterns that backtrack would take minutes, not a second."""
    taken = sample_of(tmp_path, data, extension)
    began = time.process_time()
    found = recognise(taken)
    inspect(taken, found.id if found else "", "")
    assert time.process_time() - began < 5


def test_a_large_file_is_looked_into_within_a_budget(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    fd = os.open(tmp_path / "large", os.O_RDONLY)
    try:
        taken = Sample.of(fd, 1 << 30, "")
        for _ in range(LOOKS):
            assert taken.at(1 << 20, 512) == bytes(512)
        with pytest.raises(OverBudgetError):
            taken.at(1 << 20, 512)
        with pytest.raises(OverBudgetError):
            Sample.of(fd, 1 << 30, "").at(1 << 20, 1 << 24)
    finally:
        os.close(fd)
