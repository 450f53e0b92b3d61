"""Hostile lists of digests, and hostile ``fetch.txt``s."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hostile_bags import bag, manifest
from hostile_kinds import NO, OK, becomes, folder

MD5 = "0" * 32


def listed(at: Path, text: str | bytes, name: str = "md5sums.txt") -> Path:
    folder(at)
    (at / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return at


def true_line(at: Path) -> str:
    return hashlib.md5(b"one " + at.name.encode()).hexdigest() + "  a.txt\n"


@becomes(NO, "DEP-DIGEST-DIFFERS")
def list_that_lists_itself(at: Path) -> None:
    listed(at, f"{MD5}  md5sums.txt\n{true_line(at)}")


@becomes(OK)
def list_of_noise(at: Path) -> None:
    listed(at, hashlib.shake_128(b"noise").digest(300_000))


@becomes(OK)
def list_of_nothing(at: Path) -> None:
    listed(at, b"")


@becomes(OK)
def list_of_a_byte_order_mark(at: Path) -> None:
    listed(at, b"\xff\xfe")


@becomes(OK)
def list_in_utf_16_that_breaks_off(at: Path) -> None:
    listed(at, b"\xff\xfe" + true_line(at).encode("utf-16-le")[:-1])


@becomes(OK, "DEP-LIST-OUTSIDE")
def list_with_names_that_leave(at: Path) -> None:
    names = (
        "../../../outside/canary",
        "/etc/passwd",
        "C:\\x",
        "\\\\srv\\x",
        "a/../../x",
        "file:///x",
    )
    listed(at, true_line(at) + "".join(f"{MD5}  {name}\n" for name in names))


@becomes(OK, "DEP-LIST-OUTSIDE")
def list_with_names_that_would_hurt(at: Path) -> None:
    names = ("\0", "a\0b", ".", "..", "/", "\udcff", "-rf", "$(id)", "%s%n", "a" * 5000)
    lines = "".join(f"{MD5}  {name}\n" for name in names)
    listed(at, (true_line(at) + lines).encode("utf-8", "surrogateescape"))


@becomes(OK, "DEP-LIST-UNREAD")
def list_with_a_line_of_ten_megabytes(at: Path) -> None:
    listed(at, true_line(at) + "x" * 10_000_000 + "\n")


@becomes(OK, "DEP-LIST-UNREAD")
def list_with_lines_that_nearly_match(at: Path) -> None:
    listed(at, true_line(at) + ("MD5 (" + ") = 0" * 9000 + "\n") * 50)


@becomes(OK, "DEP-LIST-OUTSIDE")
def list_with_absolute_names_of_a_thousand_folders(at: Path) -> None:
    listed(at, true_line(at) + f"{MD5}  /{'d/' * 1000}x\n" * 300)


@becomes(OK, "DEP-LIST-ALGORITHM")
def list_by_algorithms_that_nobody_computes(at: Path) -> None:
    listed(
        at, f"TIGER (a.txt) = {'0' * 48}\nCRC32 (a.txt) = 00000000\n{true_line(at)}", "CHECKSUM.txt"
    )


@becomes(OK, "DEP-LIST-NAME")
def list_with_names_in_capitals(at: Path) -> None:
    listed(at, true_line(at).replace("a.txt", "A.TXT"))


@becomes(NO, "DEP-LISTS-DISAGREE")
def list_that_contradicts_itself(at: Path) -> None:
    listed(at, true_line(at) + f"{MD5}  a.txt\n")


@becomes(NO, "DEP-LISTS-DISAGREE")
def list_that_says_everything_of_one_file(at: Path) -> None:
    listed(at, "".join(f"{n:032x}  a.txt\n" for n in range(20_000)))


@becomes(OK)
def table_with_a_quote_that_never_ends(at: Path) -> None:
    listed(at, 'path,md5\n"a.txt,' + "x" * 400_000, "inventory.csv")


@becomes(OK)
def table_with_rows_of_any_width(at: Path) -> None:
    rows = "path,md5\n,,,,,,\na.txt\n\n=cmd|' /C calc'!A0," + MD5 + "\n" + "," * 9999 + "\n"
    listed(at, rows, "checksums.csv")


@becomes(OK)
def table_without_digests(at: Path) -> None:
    listed(at, "path,size\na.txt,4\n", "files.csv")


@becomes(NO, "DEP-DIGEST-DIFFERS")
def table_whose_digest_is_wrong(at: Path) -> None:
    listed(at, f"File;MD5\r\na.txt;{MD5}\r\n", "file list.csv")


@becomes(OK)
def hashdeep_without_columns(at: Path) -> None:
    listed(at, "%%%% HASHDEEP-1.0\n%%%% \n%%%% ,\n1,2,3\n", "hashdeep.txt")


@becomes(OK, "DEP-LIST-ALGORITHM")
def hashdeep_of_algorithms_that_nobody_computes(at: Path) -> None:
    listed(at, "%%%% size,tiger,filename\n4," + "0" * 48 + ",a.txt\n", "hashdeep.txt")


@becomes(OK)
def folder_called_like_a_list(at: Path) -> None:
    folder(at)
    (at / "md5sums.txt").mkdir()
    (at / "a.txt.md5").mkdir()


@becomes(OK, "DEP-ABSENT")
def digests_beside_digests(at: Path) -> None:
    folder(at)
    (at / "a.txt.md5").write_text(true_line(at)[:32])
    (at / "a.txt.md5.md5.md5").write_text(MD5)


@becomes(OK, "DEP-LIST-UNREAD")
def manifest_of_no_bag_with_broken_escapes(at: Path) -> None:
    listed(at, f"{true_line(at)}{MD5}\n", "manifest-md5.txt")


@becomes(OK, "DEP-LIST-ALGORITHM")
def manifest_of_no_bag_by_an_unknown_algorithm(at: Path) -> None:
    listed(at, f"{MD5}  data/x\n", "manifest-crc99.txt")


# --- fetch.txt -----------------------------------------------------------------------------

FAR = manifest(b"data/a.txt", b"data/far")
FETCHES: dict[str, tuple[bytes, str]] = {
    "of_a_file": (b"file:///etc/passwd - data/far\n", "DEP-FETCH-REFUSED"),
    "of_this_machine": (b"http://127.0.0.1/x 3 data/far\n", "DEP-FETCH-REFUSED"),
    "of_a_clouds_secrets": (b"http://169.254.169.254/x - data/far\n", "DEP-FETCH-REFUSED"),
    "of_anything_at_all": (b"gopher://x/\x0d\x0a - data/far\n", "BAG-FETCH-LINE"),
    "without_end": (b"https://example.org/x - data/far\n" * 20_000, "DEP-FETCH-REFUSED"),
    "of_a_negative_length": (b"https://example.org/x -5 data/far\n", "BAG-FETCH-LINE"),
    "of_a_length_beyond_words": (b"https://x/ " + b"9" * 5000 + b" data/far\n", "BAG-FETCH-LINE"),
    "of_no_path": (b"https://example.org/x 5\n", "BAG-FETCH-LINE"),
    "into_the_tag_files": (b"https://example.org/x 5 bagit.txt\n", "BAG-FETCH-PATH"),
    "through_dots": (b"https://example.org/x 5 data/../../x\n", "BAG-FETCH-PATH"),
    "of_nul": (b"https://example.org/x 5 data/\0\n", "BAG-FETCH-PATH"),
    "of_what_no_manifest_lists": (b"https://example.org/x 5 data/other\n", "BAG-FETCH-PATH"),
    "of_a_relative_url": (b"../x 5 data/far\n", "BAG-FETCH-LINE"),
    "in_utf_16": ("https://example.org/x 5 data/far\n".encode("utf-16"), "BAG-FETCH-LINE"),
}


def _register_fetches() -> None:
    for name, (text, code) in FETCHES.items():

        def make(at: Path, text: bytes = text) -> Path:
            return bag(at, **{"manifest-sha256.txt": FAR, "fetch.txt": text})

        make.__module__, make.__name__ = __name__, f"bag_with_a_fetch_{name}"
        becomes(NO, code)(make)


_register_fetches()


@becomes(NO, "DEP-FIFO")
def bag_whose_fetch_is_a_fifo(at: Path) -> None:
    bag(at, **{"manifest-sha256.txt": FAR})
    os.mkfifo(at / "fetch.txt")


@becomes(NO, "DEP-LINK-ESCAPES")
def bag_whose_fetch_is_a_link(at: Path) -> None:
    bag(at, **{"manifest-sha256.txt": FAR})
    (at / "fetch.txt").symlink_to("/etc/passwd")
