"""Hostile bags: every rule that a depositor can break."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from hostile_kinds import KEPT, KINDS, NO, OK, Hostile, becomes

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def bag(at: Path, **changes: bytes | None) -> Path:
    """A bag with one payload file; a change of None takes a file away."""
    line = hashlib.sha256(b"one").hexdigest().encode() + b"  data/a.txt\n"
    files: dict[str, bytes | None] = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": b"Contact-Name: nobody\n",
        "manifest-sha256.txt": line,
        "data/a.txt": b"one",
    }
    files.update({name.replace("__", "/"): data for name, data in changes.items()})
    if files["data/a.txt"] is not None and files["manifest-sha256.txt"] is not None:
        files["data/name"] = at.name.encode()  # so that no two have the same content
        files["manifest-sha256.txt"] += manifest(b"data/name", data=at.name.encode())
    for name, data in files.items():
        if data is not None:
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            (at / name).write_bytes(data)
    return at


def manifest(*paths: bytes, data: bytes = b"one") -> bytes:
    digest = hashlib.sha256(data).hexdigest().encode()
    return b"".join(digest + b"  " + path + b"\n" for path in paths)


BAGS: dict[str, tuple[str, dict[str, bytes | None]]] = {
    "escape": (NO, {"manifest-sha256.txt": manifest(b"data/a.txt", b"data/../../outside/canary")}),
    "absolute": (NO, {"manifest-sha256.txt": manifest(b"data/a.txt", b"/etc/passwd")}),
    "home": (NO, {"manifest-sha256.txt": manifest(b"data/a.txt", b"~/x")}),
    "drive": (NO, {"manifest-sha256.txt": manifest(b"data/a.txt", b"C:\\x", b"\\\\srv\\x")}),
    "dot_segments": (NO, {"manifest-sha256.txt": manifest(b"data/sub/../a.txt")}),
    "a_tag_file_as_payload": (
        NO,
        {"manifest-sha256.txt": manifest(b"data/a.txt", b"bag-info.txt")},
    ),
    "no_path": (NO, {"manifest-sha256.txt": manifest(b"data/a.txt") + b"00  \n"}),
    "nul_in_a_path": (NO, {"manifest-sha256.txt": manifest(b"data/a.txt", b"data/\0")}),
    "digest_of_another_length": (NO, {"manifest-sha256.txt": b"00ff  data/a.txt\n"}),
    "same_path_twice": (NO, {"manifest-sha256.txt": manifest(b"data/a.txt", b"data/a.txt")}),
    "manifests_at_odds": (NO, {"manifest-md5.txt": b"0" * 32 + b"  data/b.txt\n"}),
    "a_wrong_digest": (NO, {"manifest-sha256.txt": manifest(b"data/a.txt", data=b"two")}),
    "no_manifest": (NO, {"manifest-sha256.txt": None}),
    "an_unknown_algorithm_only": (NO, {"manifest-sha256.txt": None, "manifest-crc99.txt": b""}),
    "no_data_folder": (NO, {"data/a.txt": None}),
    "oxum_banana": (NO, {"bag-info.txt": b"Payload-Oxum: banana\n"}),
    "oxum_twice": (NO, {"bag-info.txt": b"Payload-Oxum: 3.1\nPayload-Oxum: 4.1\n"}),
    "oxum_wrong": (NO, {"bag-info.txt": b"Payload-Oxum: 4.1\n"}),
    "bag_info_in_utf_16": (NO, {"bag-info.txt": "Contact-Name: é\n".encode("utf-16")}),
    "bag_info_in_latin_1": (NO, {"bag-info.txt": "Contact-Name: é\n".encode("latin-1")}),
    "organization_with_controls": (OK, {"bag-info.txt": b"Source-Organization: a\x1b[31m\x00b\n"}),
    "organization_of_a_megabyte": (OK, {"bag-info.txt": b"Source-Organization: " + b"x" * 999_000}),
    "identifier_of_a_megabyte": (
        OK,
        {"bag-info.txt": b"External-Identifier: " + b"doi:" * 250_000},
    ),
    "version_9": (NO, {"bagit.txt": DECLARATION.replace(b"1.0", b"9.9")}),
    "an_unknown_charset": (NO, {"bagit.txt": DECLARATION.replace(b"UTF-8", b"ZIP")}),
    "reversed_declaration": (NO, {"bagit.txt": b"".join(DECLARATION.splitlines(True)[::-1])}),
    "an_empty_declaration": (NO, {"bagit.txt": b""}),
    "fetch_of_a_missing_file": (
        NO,
        {
            "manifest-sha256.txt": manifest(b"data/a.txt", b"data/far"),
            "fetch.txt": b"file:///etc/passwd - data/far\n",
        },
    ),
    "fetch_to_the_outside": (NO, {"fetch.txt": b"http://127.0.0.1/x 5 ../../outside/new\n"}),
    "fetch_that_is_noise": (NO, {"fetch.txt": b"\xff\0 -1\n"}),
    "a_tag_manifest_that_lies": (NO, {"tagmanifest-sha256.txt": manifest(b"bagit.txt")}),
    "a_tag_manifest_that_leaves": (
        NO,
        {"tagmanifest-md5.txt": b"0" * 32 + b"  ../../../etc/passwd\n"},
    ),
    "a_bag_in_it": (
        OK,
        {
            "manifest-sha256.txt": manifest(b"data/a.txt", b"data/b/data/a.txt"),
            "data/b/data/a.txt": b"one",
            "bag-info.txt": b"",
        },
    ),
    "tag_files_like_ours": (OK, {"metadata/inventory.csv": b"x", "metadata/deposit/y": b"z"}),
    "a_bom": (NO, {"manifest-sha256.txt": b"\xef\xbb\xbf" + manifest(b"data/a.txt")}),
}


def _register_bags() -> None:
    for name, (outcome, changes) in BAGS.items():

        def make(at: Path, changes: dict[str, bytes | None] = changes) -> Path:
            return bag(at, **{key.replace("/", "__"): data for key, data in changes.items()})

        def packed(at: Path, make: Callable[[Path], Path] = make) -> Path:
            return _packed(make(at))

        KINDS[f"bag_with_{name}"] = Hostile(make, outcome, frozenset())
        KINDS[f"packed_bag_with_{name}"] = Hostile(packed, outcome, frozenset())


def _packed(folder: Path) -> Path:
    """The bag serialised, with one top folder (RFC 8493 section 4), in place of the folder."""
    kind = ("tar", "gztar", "bztar", "xztar", "zip")[len(folder.name) % 5]
    made = shutil.make_archive(str(folder), kind, folder.parent, folder.name)
    shutil.rmtree(folder)
    return Path(made)


_register_bags()


@becomes(NO, "DEP-LINK-ESCAPES")
def bag_whose_data_is_a_link(at: Path) -> None:
    bag(at)
    shutil.rmtree(at / "data")
    (at / "data").symlink_to("/etc")


@becomes(NO, "DEP-FIFO")
def bag_whose_manifest_is_a_fifo(at: Path) -> None:
    bag(at, **{"manifest-sha256.txt": None})
    os.mkfifo(at / "manifest-sha256.txt")


@becomes(NO, "DEP-FIFO")
def bag_with_a_fifo_for_a_payload_file(at: Path) -> None:
    bag(at, data__a_txt=None)
    (at / "data/a.txt").unlink()
    os.mkfifo(at / "data/a.txt")


@becomes(OK)
def bag_with_percent_encoded_names(at: Path) -> None:
    path = manifest(b"data/100%25 %0D%0A.txt")
    bag(at, **{"manifest-sha256.txt": path, "data/a.txt": None})
    (at / "data").mkdir()
    (at / "data/100% \r\n.txt").write_bytes(b"one")


@becomes(OK)
def bag_whose_manifest_has_another_unicode_form(at: Path) -> None:
    bag(at, **{"manifest-sha256.txt": manifest("data/é".encode()), "data/a.txt": None})
    (at / "data").mkdir()
    (at / "data/e\u0301").write_bytes(b"one")


@becomes(KEPT)
def empty_bag(at: Path) -> None:
    bag(at, **{"manifest-sha256.txt": b"", "data/a.txt": None, "bag-info.txt": b""})
    (at / "data").mkdir()
