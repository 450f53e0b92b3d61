"""Digests that lie beside files, in every style that people use."""

from __future__ import annotations

import hashlib

import pytest

from preservation.ingest.digest_lists import Line, ListKind, Odd, read_lines, recognise
from preservation.ingest.digest_text import lines as text_lines
from preservation.model.digest import Algorithm

MD5 = hashlib.md5(b"x").hexdigest().encode()
SHA256 = hashlib.sha256(b"x").hexdigest().encode()


def lines(name, *text):
    seen = recognise(name)
    assert seen is not None
    return [
        (line.name, line.digest.algorithm) if isinstance(line, Line) else line
        for line in read_lines(text_lines(text), seen)
    ]


@pytest.mark.parametrize(
    ("name", "kind", "algorithm"),
    [
        (b"manifest-sha256.txt", ListKind.BAGIT, Algorithm.SHA256),
        (b"tagmanifest-md5.txt", ListKind.BAGIT, Algorithm.MD5),
        (b"md5sum.txt", ListKind.SUMS, Algorithm.MD5),
        (b"SHA256SUMS", ListKind.SUMS, Algorithm.SHA256),
        (b"sha1sums", ListKind.SUMS, Algorithm.SHA1),
        (b"checksums.txt", ListKind.SUMS, None),
        (b"checksums.md5", ListKind.SUMS, Algorithm.MD5),
        (b"hashdeep.txt", ListKind.SUMS, None),
        (b"data.csv.md5", ListKind.BESIDE, Algorithm.MD5),
        (b"data.csv.sha256", ListKind.BESIDE, Algorithm.SHA256),
        (b"B2SUMS.txt", ListKind.SUMS, Algorithm.BLAKE2B),
        (b"corpus_md5.txt", ListKind.SUMS, Algorithm.MD5),
        (b"md5.txt", ListKind.SUMS, Algorithm.MD5),
        (b"inventory.csv", ListKind.TABLE, None),
        (b"manifest-unknown.txt", ListKind.BAGIT, None),
        (b"corpus.sfv", ListKind.SUMS, None),
    ],
)
def test_lists_are_known_by_their_names(name, kind, algorithm):
    seen = recognise(name)
    assert seen is not None
    assert (seen.kind, seen.algorithm) == (kind, algorithm)


@pytest.mark.parametrize("name", [b"data.csv", b"manifest.txt", b"manifest-unknown.doc", b"md5"])
def test_other_files_are_no_lists(name):
    assert recognise(name) is None


@pytest.mark.parametrize(
    ("name", "line", "about", "algorithm"),
    [
        (b"SHA256SUMS", SHA256 + b"  a.csv\n", b"a.csv", Algorithm.SHA256),
        (b"SHA256SUMS", SHA256 + b" *a b.csv\r\n", b"a b.csv", Algorithm.SHA256),
        (b"SHA256SUMS", b"\\" + SHA256 + b"  a\\nb\\\\c\n", b"a\nb\\c", Algorithm.SHA256),
        (b"SHA256SUMS", b"SHA256 (a (1).csv) = " + SHA256 + b"\n", b"a (1).csv", Algorithm.SHA256),
        (b"checksums.txt", MD5.upper() + b"  a\n", b"a", Algorithm.MD5),
        (b"a.csv.md5", MD5 + b"\n", b"a.csv", Algorithm.MD5),
        (b"a.csv.md5", MD5 + b"  other.csv\n", b"other.csv", Algorithm.MD5),
        (b"manifest-md5.txt", MD5 + b"  data/100%25\n", b"data/100%25", Algorithm.MD5),
        (b"md5sums", MD5 + b"   leading space\n", b" leading space", Algorithm.MD5),
        (b"md5sums", MD5 + b" sub\\a.csv\r\n", b"sub\\a.csv", Algorithm.MD5),
        (b"md5sums", b"\xef\xbb\xbf" + MD5 + b"  a\n", b"a", Algorithm.MD5),
        (
            b"md5sums",
            ("\ufeff" + MD5.decode() + " é\r\n").encode("utf-16-le"),
            "é".encode(),
            Algorithm.MD5,
        ),
        (b"sums.md5", b"// FCIV\n//\n" + MD5 + b" c:\\x\n", b"c:\\x", Algorithm.MD5),
    ],
)
def test_the_table_of_lines(name, line, about, algorithm):
    assert lines(name, line) == [(about, algorithm)]


def test_hashdeep_says_its_columns_first():
    text = [
        b"%%%% HASHDEEP-1.0\n",
        b"%%%% size,md5,sha256,filename\n",
        b"## Invoked from: /home\n",
        b"1," + MD5 + b"," + SHA256 + b",./a, with comma.csv\n",
    ]
    name = b"./a, with comma.csv"
    assert lines(b"hashdeep.txt", *text) == [(name, Algorithm.MD5), (name, Algorithm.SHA256)]


@pytest.mark.parametrize(
    "line", [b"prose\n", MD5[:-1] + b"  odd\n", MD5 + b"  md5 in a sha256 list\n"]
)
def test_a_line_that_says_nothing_is_passed_over(line):
    assert lines(b"SHA256SUMS", line) == [Odd.UNKNOWN]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"path,md5\na.csv,%b\n" % MD5, [(b"a.csv", Algorithm.MD5)]),
        (b"File name;Size;SHA-256\n'a;b';1;x\n", [Odd.UNKNOWN]),
        (b'md5;path\r\n%b;"a;b.csv"\r\n' % MD5, [(b"a;b.csv", Algorithm.MD5)]),
        (
            b'"Algorithm","Hash","Path"\n"SHA256","%b","C:\\d\\a"\n' % SHA256.upper(),
            [(b"C:\\d\\a", Algorithm.SHA256)],
        ),
        (b"path\tchecksum\na\tmd5:%b\n" % MD5, [(b"a", Algorithm.MD5)]),
        (b"path,hash,algorithm\na,deadbeef,CRC32\n", [Odd.FOREIGN]),
        (b"path,crc32\na,deadbeef\n", [Odd.FOREIGN]),
        (
            b"name,md5_checksum,SHA256_HASH\na,%b,%b\n" % (MD5, SHA256),
            [(b"a", Algorithm.MD5), (b"a", Algorithm.SHA256)],
        ),
        (b"path,md5\na\n", [Odd.UNKNOWN]),
        (b"path,md5\na,\n", []),
    ],
)
def test_tables_say_by_their_header_what_they_hold(text, found):
    assert lines(b"file-inventory.csv", text) == found


@pytest.mark.parametrize(
    "line", [b"RMD160 (a) = " + b"0" * 40, b"SHA512/256 (a) = " + b"0" * 64, b"deadbeef  a"]
)
def test_a_digest_of_another_algorithm_is_not_taken_for_one_of_ours(line):
    assert lines(b"checksums.txt", line) == [Odd.FOREIGN]
