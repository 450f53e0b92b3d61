"""What the public conformance suites try, made anew: the facts of their bags, none of their files.

The names are those of the Library of Congress's suite. ``benchmarks/bag_conformance.py`` holds the
suite itself against us.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from bagmaker import QUIET, SETTINGS, by_hand

from preservation.bags.validate import BagReport, validate

Files = Mapping[str, str | bytes | None]
README = b"a file\n"
TWO = {"data/bare-filename": b"bare\n", "data/text-file.txt": b"text\n"}
INFO = "Bagging-Date: 2016-02-26\nContact-Name: A\n"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def listed(payload: Mapping[str, bytes], *more: str, between: str = "  ") -> str:
    lines = [f"{md5(data)}{between}{name}" for name, data in payload.items()]
    return "".join(f"{line}\n" for line in (*lines, *more))


def outside(path: str) -> Files:
    return {"manifest-md5.txt": listed(TWO, f"{md5(README)}  {path}")}


def fetched(path: str) -> Files:
    return {"fetch.txt": f"https://example.org/x - {path}\n"}


def make(folder: Path, version: str, payload: Mapping[str, bytes], files: Files) -> None:
    plain = {"manifest-sha512.txt": None, "manifest-md5.txt": listed(payload)}
    by_hand(folder, payload, version=version, files={**plain, "bag-info.txt": INFO, **files})
    tags = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    encoding = "utf-16" if b"UTF-16" in tags.get("bagit.txt", b"") else "utf-8"
    (folder / "tagmanifest-md5.txt").write_bytes(listed(tags).encode(encoding))


def verdict(folder: Path) -> BagReport:
    return validate(folder, settings=SETTINGS, progress=QUIET)


ENCODED = {"data/%7Etest1.txt": b"1", "data/%test2.txt": b"2", "data/dir1/~test3.txt": b"3"}
INNER = {
    f"data/{name}": data
    for name, data in {
        "bagit.txt": b"BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n",
        "manifest-md5.txt": b"d41d8cd98f00b204e9800998ecf8427e  data/x\n",
        "data/x": b"",
    }.items()
}
REPEATED = (
    "Contact-Email: a\ncontact-email: b\nCASE-Test: 1\ncase-test: 2\nExternal-Description: of\n"
    "         several lines\n"
)
VALID: list[tuple[str, str, Mapping[str, bytes], Files]] = [
    *((f"{v}-basic-bag", v, TWO, {}) for v in ("0.93", "0.94", "0.95", "0.96", "0.97", "1.0")),
    *((f"{v}-duplicate-metadata", v, TWO, {"bag-info.txt": REPEATED}) for v in ("0.96", "1.0")),
    (
        "0.95-package-info",
        "0.95",
        TWO,
        {"bag-info.txt": None, "package-info.txt": "Packing-Date: 2008-01-15\n"},
    ),
    ("0.97-bag-in-a-bag", "0.97", INNER, {}),
    ("0.97-encoded-names", "0.97", ENCODED, {"manifest-md5.txt": listed(ENCODED, between=" ")}),
    ("0.97-space", "0.97", {"data/test file with spaces.txt": b"x"}, {}),
    ("0.97-minimal", "0.97", TWO, {"bag-info.txt": None}),
    ("0.97-holey-bag-completed", "0.97", TWO, fetched("data/bare-filename")),
    (
        "0.97-uncommon-separators",
        "0.97",
        TWO,
        {"bag-info.txt": "Test-Tag:   2\nTest-Tag : 3\nTest-Tag    :   5\n"},
    ),
    ("0.97-leading-dot-slash", "0.97", TWO, {"manifest-md5.txt": listed(TWO, between="  ./")}),
    ("0.97-md5sum-tools", "0.97", TWO, {"manifest-md5.txt": listed(TWO, between=" *")}),
    (
        "0.97-listed-twice-with-the-same-hash",
        "0.97",
        TWO,
        {"manifest-md5.txt": listed(TWO) + listed(TWO)},
    ),
    (
        "0.97-UTF-16-encoded-tag-files",
        "0.97",
        {"data/имя": b"x"},
        {
            "bagit.txt": "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-16\n",
            "bag-info.txt": INFO.encode("utf-16"),
            "manifest-md5.txt": listed({"data/имя": b"x"}).encode("utf-16"),
        },
    ),
    (
        "0.97-ISO-8859-1-encoded-tag-files",
        "0.97",
        {"data/é": b"x"},
        {
            "bagit.txt": "BagIt-Version: 0.97\nTag-File-Character-Encoding: ISO-8859-1\n",
            "bag-info.txt": "Contact-Name: Élodie\n".encode("latin-1"),
            "manifest-md5.txt": listed({"data/é": b"x"}).encode("latin-1"),
        },
    ),
]
ESCAPES = (
    *("../../../README.md", "/etc/passwd", "~/foo", "~root/foo", "data/../../x", "bagit.txt"),
    *(r"\\?\UNC\server\setx.exe", r"C:\Windows\setx.exe", r"%HomeDrive%\Windows\setx.exe"),
)
INVALID: list[tuple[str, str, Mapping[str, bytes], Files, str]] = [
    (
        "0.97-missing-encoding",
        "0.97",
        TWO,
        {"bagit.txt": "BagIt-Version: 0.97\n"},
        "BAG-DECLARATION",
    ),
    (
        "0.97-bom-in-bagit.txt",
        "0.97",
        TWO,
        {"bagit.txt": b"\xef\xbb\xbfBagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"},
        "BAG-TAG-BOM",
    ),
    (
        "0.97-invalid-version-number",
        "0.97",
        TWO,
        {"bagit.txt": "BagIt-Version: .97\nTag-File-Character-Encoding: UTF-8\n"},
        "BAG-VERSION",
    ),
    ("0.97-missing-bagit.txt", "0.97", TWO, {"bagit.txt": None}, "BAG-DECLARATION-MISSING"),
    (
        "0.97-listed-twice-with-different-hashes",
        "0.97",
        TWO,
        {"manifest-md5.txt": listed(TWO, f"{md5(b'other')}  data/bare-filename")},
        "BAG-MANIFEST-CONTRADICTS",
    ),
    (
        "1.0-listed-twice-with-the-same-hash",
        "1.0",
        TWO,
        {"manifest-md5.txt": listed(TWO) + listed(TWO)},
        "BAG-MANIFEST-TWICE",
    ),
    (
        "1.0-white-space-in-bagit.txt",
        "1.0",
        TWO,
        {"bagit.txt": "BagIt-Version : 1.0\nTag-File-Character-Encoding : UTF-8\n"},
        "BAG-DECLARATION-LINES",
    ),
    (
        "1.0-not-all-manifests-list-all-files",
        "1.0",
        TWO,
        {
            "manifest-sha1.txt": f"{hashlib.sha1(b'bare' + bytes([10])).hexdigest()}"
            "  data/bare-filename\n"
        },
        "BAG-MANIFEST-DIFFER",
    ),
    *((f"0.97-outside-{path}", "0.97", TWO, outside(path), "BAG-PATH") for path in ESCAPES),
    *((f"0.97-fetch-{path}", "0.97", TWO, fetched(path), "BAG-FETCH-PATH") for path in ESCAPES),
    (
        "0.97-names-in-two-cases-of-one-file",
        "0.97",
        {"data/hello.txt": b"x"},
        {"manifest-md5.txt": listed({"data/hello.txt": b"x", "data/HELLO.txt": b"x"})},
        "BAG-FILE-MISSING",
    ),
    (
        "0.97-names-in-two-normalisations-of-one-file",
        "0.97",
        {"data/N\u00fa\u00f1ez": b"x"},
        {
            "manifest-md5.txt": listed(
                {"data/N\u00fa\u00f1ez": b"x", "data/Nu\u0301n\u0303ez": b"x"}
            )
        },
        "BAG-FILE-MISSING",
    ),
]


@pytest.mark.parametrize(("name", "version", "payload", "files"), VALID, ids=lambda x: str(x)[:40])
def test_what_suites_call_valid_is(
    tmp_path: Path, name: str, version: str, payload: Mapping[str, bytes], files: Files
) -> None:
    make(tmp_path / "bag", version, payload, files)
    report = verdict(tmp_path / "bag")
    assert report.valid, (name, report.findings)
    assert report.fixity_checked


@pytest.mark.parametrize(
    ("name", "version", "payload", "files", "code"), INVALID, ids=lambda x: str(x)[:40]
)
def test_what_suites_call_invalid_is_and_says_why(
    tmp_path: Path,
    name: str,
    version: str,
    payload: Mapping[str, bytes],
    files: Files,
    code: str,
) -> None:
    make(tmp_path / "bag", version, payload, files)
    report = verdict(tmp_path / "bag")
    assert not report.valid, name
    assert any(f.code.startswith(code) for f in report.findings), (name, report.findings)


@pytest.mark.parametrize(
    ("victim", "data", "code"),
    [
        ("data/text-file.txt", b"TEXT\n", "BAG-FILE-DIFFERS"),
        ("bag-info.txt", b"Bagging-Date: 2016-02-27\nContact-Name: A\n", "BAG-FILE-DIFFERS"),
        ("data/extra", b"x", "BAG-FILE-UNLISTED"),
        ("bag-info.txt", None, "BAG-FILE-MISSING"),
    ],
)
def test_harm_after_the_sealing_is_found(
    tmp_path: Path, victim: str, data: bytes | None, code: str
) -> None:
    make(tmp_path / "bag", "0.97", TWO, {})
    if data is None:
        (tmp_path / "bag" / victim).unlink()
    else:
        (tmp_path / "bag" / victim).write_bytes(data)
    report = verdict(tmp_path / "bag")
    assert not report.valid
    assert [f.code for f in report.findings] == [code]
