"""Deposits that would do harm: each comes to a verdict, with nothing else touched.

Every kind is one function that makes the deposit; its decorator says what must become of it.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import socket
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from homes import Archive, Guesser, codes, quick_folder, snapshot

from preservation.files.remove import remove_tree

pytestmark = pytest.mark.slow

OK = "accepted"
NO = "rejected"
KEPT = "accepted or held already"  # no content is like any other that has none


@dataclass(frozen=True)
class Hostile:
    """One kind: what makes it, and what must come of it."""

    make: Callable[[Path], Path | None]
    outcome: str
    codes: frozenset[str]


KINDS: dict[str, Hostile] = {}


def becomes(
    outcome: str, *wanted: str
) -> Callable[[Callable[[Path], Path | None]], Callable[[Path], Path | None]]:
    """Register a kind: its outcome, and codes that must be among its findings."""

    def register(make: Callable[[Path], Path | None]) -> Callable[[Path], Path | None]:
        KINDS[make.__name__] = Hostile(make, outcome, frozenset(wanted))
        return make

    return register


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Path]]:
    """One home for them all, and beside it a folder with canaries that links lead to."""
    ground = quick_folder(tmp_path_factory.mktemp("hostile"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("preservation.app.parts.FormatIdentifier", Guesser)
        archive = Archive(ground)
        outside = ground / "outside"
        (outside / "deeper").mkdir(parents=True)
        (outside / "canary").write_bytes(b"sings")
        (outside / "deeper/canary").write_bytes(b"sings too")
        yield archive, outside
    remove_tree(ground)


# --- folders: kinds of entries -------------------------------------------------------------


@becomes(NO, "DEP-LINK-ESCAPES")
def link_to_an_absolute_path(at: Path) -> None:
    folder(at)
    (at / "out").symlink_to("/etc/passwd")


@becomes(NO, "DEP-LINK-ESCAPES")
def link_up_and_out(at: Path) -> None:
    folder(at)
    (at / "out").symlink_to("../../../outside/canary")


@becomes(NO, "DEP-LINK-ESCAPES")
def link_to_a_folder_outside(at: Path) -> None:
    folder(at)
    (at / "out").symlink_to("../../../../outside")


@becomes(NO, "DEP-LINK")
def link_to_a_file_inside(at: Path) -> None:
    folder(at)
    (at / "in").symlink_to("a.txt")


@becomes(NO, "DEP-LINK")
def link_that_leads_nowhere(at: Path) -> None:
    folder(at)
    (at / "none").symlink_to("not there")


@becomes(NO, "DEP-LINK")
def link_to_itself(at: Path) -> None:
    folder(at)
    (at / "loop").symlink_to("loop")


@becomes(NO, "DEP-LINK")
def links_that_go_round(at: Path) -> None:
    folder(at)
    (at / "one").symlink_to("two")
    (at / "two").symlink_to("one")


@becomes(NO, "DEP-LINK")
def link_to_its_own_folder(at: Path) -> None:
    folder(at)
    (at / "again").symlink_to(".")


@becomes(OK)
def hard_links(at: Path) -> None:
    folder(at)
    os.link(at / "a.txt", at / "b.txt")


@becomes(NO, "DEP-FIFO")
def fifo(at: Path) -> None:
    folder(at)
    os.mkfifo(at / "pipe")


@becomes(NO, "DEP-SOCKET")
def a_socket(at: Path) -> None:
    folder(at)
    here = Path.cwd()
    os.chdir(at)  # a socket's path may be no longer than 107 octets
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("s")
    finally:
        os.chdir(here)


@becomes(NO, "DEP-DEVICE")
def device(at: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    folder(at)
    os.mknod(at / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(at / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 200))


@becomes(NO, "DEP-FIFO", "DEP-LINK", "DEP-LINK-ESCAPES", "DEP-NAME-ENCODING", "DEP-DEPTH")
def many_things_at_once(at: Path) -> None:
    folder(at)
    os.mkfifo(at / "pipe")
    (at / "in").symlink_to("a.txt")
    (at / "out").symlink_to("/")
    Path(os.fsdecode(os.fsencode(at) + b"/\xff")).touch()
    (at / "/".join("d" * 50)).mkdir(parents=True)


@becomes(NO, "DEP-FIFO")
def fifo_in_the_place_of_bagit_txt(at: Path) -> None:
    folder(at)
    os.mkfifo(at / "bagit.txt")


@becomes(NO, "DEP-LINK")
def digest_list_that_is_a_link(at: Path) -> None:
    folder(at)
    (at / "md5sums.txt").symlink_to("a.txt")


# --- folders: names ------------------------------------------------------------------------


@becomes(OK, "DEP-NAME-CONTROL")
def names_with_controls(at: Path) -> None:
    folder(at)
    for name in ("a\nb.txt", "a\rb.txt", "esc\x1b[31m", "tab\t", "del\x7f", "bell\x07"):
        (at / name).write_bytes(name.encode())


@becomes(OK)
def names_with_percent_and_spaces(at: Path) -> None:
    folder(at)
    for name in ("%0A", "%25", "%", " ", "a ", " a", "*a", "#a", "a  b", "~", "$HOME", "-rf", "C:"):
        (at / name).write_bytes(name.encode())


@becomes(OK)
def names_that_look_like_a_bags(at: Path) -> None:
    folder(at)
    for name in ("manifest-md5.txt", "fetch.txt", "tagmanifest-sha256.txt", "bag-info.txt"):
        (at / name).write_bytes(b"http://localhost/x 5 data/x\n")
    (at / "data").mkdir()
    (at / "data" / "bagit.txt").write_bytes(b"no bag")


@becomes(OK)
def names_that_mislead_the_eye(at: Path) -> None:
    folder(at)
    for name in ("\u202etxt.gpj", "\u200bzero", "а.txt", "\ufeffbom", "\U0001f600"):
        (at / name).write_bytes(name.encode())


@becomes(OK, "DEP-NAME-TWIN")
def twins_by_unicode_form_and_case(at: Path) -> None:
    folder(at)
    for name in ("é.txt", "e\u0301.txt", "READ.me", "read.ME", "ß", "ss"):
        (at / name).write_bytes(name.encode())


@becomes(NO, "DEP-NAME-ENCODING")
def names_that_are_not_utf_8(at: Path) -> None:
    folder(at)
    for name in (b"\xff\xfe", b"caf\xe9", b"\xc0\xaf", b"\xed\xa0\x80"):
        Path(os.fsdecode(os.fsencode(at) + b"/" + name)).write_bytes(name)


@becomes(OK)
def name_of_255_octets(at: Path) -> None:
    folder(at)
    (at / ("n" * 255)).write_bytes(b"long")
    (at / ("d" * 255) / ("n" * 255)).parent.mkdir()
    (at / ("d" * 255) / ("n" * 255)).write_bytes(b"longer")


@becomes(NO, "DEP-DEPTH", "DEP-PATH-LENGTH")
def three_hundred_folders_deep_beyond_path_max(at: Path) -> None:
    folder(at)
    fd = os.open(at, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 40, dir_fd=fd)
        deeper = os.open("d" * 40, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)


@becomes(OK)
def empty_folders_and_files(at: Path) -> None:
    (at / "empty/emptier").mkdir(parents=True)
    (at / "nothing").touch()


@becomes(KEPT)
def nothing_at_all(at: Path) -> None:
    at.mkdir()


@becomes(NO, "DEP-FILE-SIZE", "DEP-SIZE")
def sparse_file_of_a_terabyte(at: Path) -> None:
    folder(at)
    with (at / "hole").open("wb") as file:
        file.truncate(1 << 40)


@becomes(OK)
def file_that_nobody_may_read(at: Path) -> None:
    folder(at)
    (at / "a.txt").chmod(0)  # we are root in the tests, or own it


@becomes(NO, "DEP-NOT-A-DEPOSIT")
def lone_file(at: Path) -> Path:
    path = at.with_suffix(".pdf")
    path.write_bytes(b"%PDF")
    return path


@becomes(NO, "DEP-NOT-A-DEPOSIT")
def fifo_called_tar(at: Path) -> Path:
    path = at.with_suffix(".tar")
    os.mkfifo(path)
    return path


@becomes(NO, "DEP-NOT-A-DEPOSIT")
def link_called_tar(at: Path) -> Path:
    path = at.with_suffix(".tar")
    path.symlink_to("/etc/passwd")
    return path


@becomes(OK)
def digest_list_with_lines_that_would_hurt(at: Path) -> None:
    folder(at)
    digest = hashlib.sha256((at / "a.txt").read_bytes()).hexdigest()
    lines = [f"{digest}  a.txt\n"] * 20_000
    lines += [f"{digest}  ../../outside/canary\n", f"{digest}  /etc/passwd\n", "\0\0\n", "x" * 9999]
    (at / "sha256sums.txt").write_text("".join(lines))


@becomes(OK, "DEP-LISTS-LONG")
def digest_list_of_more_files_than_there_may_be(at: Path) -> None:
    folder(at)
    lines = (f"{n:064x}  not-there-{n}\n" for n in range(6000))
    (at / "sha256sums.txt").write_text("".join(lines))


# --- bags ----------------------------------------------------------------------------------

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

        KINDS[f"bag_with_{name}"] = Hostile(make, outcome, frozenset())


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


# --- tars ----------------------------------------------------------------------------------


def folder(at: Path) -> Path:
    at.mkdir()
    (at / "a.txt").write_bytes(b"one " + at.name.encode())
    return at


def member(name: str, data: bytes = b"one", **changes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def tarred(
    at: Path, *members: tuple[tarfile.TarInfo, bytes], suffix: str = ".tar", **how: object
) -> Path:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **how) as archive:  # type: ignore[call-overload]
        archive.addfile(*_with_data(member("first.txt", at.name.encode())))
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    path = at.with_suffix(suffix)
    path.write_bytes(out.getvalue())
    return path


def _with_data(made: tuple[tarfile.TarInfo, bytes]) -> tuple[tarfile.TarInfo, io.BytesIO]:
    return made[0], io.BytesIO(made[1])


@becomes(NO, "DEP-MEMBER-ESCAPES")
def tar_that_slips(at: Path) -> Path:
    return tarred(at, member("../../../../outside/new"), member("a/../../x"), member("./../y"))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def tar_with_absolute_names(at: Path) -> Path:
    return tarred(at, member("/tmp/samarkand-was-here"), member("//x"), member("C:/x"))


@becomes(NO, "DEP-LINK-ESCAPES", "DEP-LINK")
def tar_that_writes_through_a_link(at: Path) -> Path:
    link = member("sub", b"", type=tarfile.SYMTYPE, linkname="../../../../outside")
    return tarred(at, link, member("sub/new"), member("l", b"", type=tarfile.SYMTYPE, linkname="x"))


@becomes(NO, "DEP-LINK-ESCAPES", "DEP-LINK")
def tar_with_hard_links(at: Path) -> Path:
    return tarred(
        at,
        member("h", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        member("i", b"", type=tarfile.LNKTYPE, linkname="first.txt"),
    )


@becomes(NO, "DEP-DEVICE", "DEP-FIFO")
def tar_with_devices_and_a_fifo(at: Path) -> Path:
    return tarred(
        at,
        member("null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("disk", b"", type=tarfile.BLKTYPE, devmajor=8),
        member("pipe", b"", type=tarfile.FIFOTYPE),
        member("odd", b"", type=b"Z"),
    )


@becomes(NO, "DEP-MEMBER-TWICE")
def tar_with_a_name_twice(at: Path) -> Path:
    return tarred(at, member("x"), member("x", b"two"), member("x/y"), member("./first.txt"))


@becomes(NO, "DEP-CONTAINER")
def tar_cut_in_the_middle_of_a_file(at: Path) -> Path:
    path = tarred(at, member("x", b"x" * 5000))
    path.write_bytes(path.read_bytes()[:3000])
    return path


@becomes(NO, "DEP-CONTAINER")
def tar_cut_between_two_files(at: Path) -> Path:
    path = tarred(at, member("x", b"x" * 5000))
    path.write_bytes(path.read_bytes()[:1024])
    return path


@becomes(NO, "DEP-CONTAINER")
def tar_cut_in_a_header(at: Path) -> Path:
    path = tarred(at, member("x", b"x" * 5000))
    path.write_bytes(path.read_bytes()[:1300])
    return path


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_damaged_header_in_the_middle(at: Path) -> Path:
    path = tarred(at, member("x"), member("y"))
    data = bytearray(path.read_bytes())
    data[1024 + 3] ^= 1
    path.write_bytes(data)
    return path


@becomes(NO, "DEP-CONTAINER")
def two_tars_in_one_file(at: Path) -> Path:
    path = tarred(at)
    path.write_bytes(path.read_bytes() * 2)
    return path


@becomes(NO, "DEP-CONTAINER")
def tar_of_noise(at: Path) -> Path:
    path = at.with_suffix(".tar")
    path.write_bytes(hashlib.shake_128(b"noise").digest(20_000))
    return path


@becomes(NO, "DEP-CONTAINER")
def tar_of_no_octets(at: Path) -> Path:
    path = at.with_suffix(".tar")
    path.touch()
    return path


@becomes(KEPT)
def tar_of_no_members(at: Path) -> Path:
    path = at.with_suffix(".tar")
    path.write_bytes(bytes(10240))
    return path


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_gigantic_pax_header(at: Path) -> Path:
    return tarred(
        at, member("x", pax_headers={"comment": "x" * (2 << 20)}), format=tarfile.PAX_FORMAT
    )


@becomes(NO, "DEP-CONTAINER")
def tar_whose_pax_header_never_ends(at: Path) -> Path:
    path = tarred(at, member("x", pax_headers={"comment": "x"}), format=tarfile.PAX_FORMAT)
    path.write_bytes(path.read_bytes()[:1536])
    return path


@becomes(NO, "DEP-PATH-LENGTH")
def tar_with_long_gnu_names(at: Path) -> Path:
    return tarred(at, member("n" * 300), member("d/" * 20 + "n" * 200), format=tarfile.GNU_FORMAT)


@becomes(NO, "DEP-NAME-ENCODING")
def tar_with_names_that_are_not_utf_8(at: Path) -> Path:
    return tarred(at, member(os.fsdecode(b"caf\xe9")), errors="surrogateescape")


@becomes(OK)
def tar_with_impossible_times(at: Path) -> Path:
    return tarred(
        at,
        member("future", mtime=2**60),
        member("past", mtime=-(2**40)),
        member("nan", pax_headers={"mtime": "nan"}),
        member("inf", pax_headers={"mtime": "inf"}),
        format=tarfile.PAX_FORMAT,
    )


@becomes(OK)
def tar_with_bold_modes(at: Path) -> Path:
    return tarred(at, member("suid", mode=0o7777), member("none", mode=0))


@becomes(NO, "DEP-BOMB")
def tar_bomb(at: Path) -> Path:
    path = tarred(
        at, member("zeros", bytes(9 << 20)), *(member(f"z{n}", bytes(9 << 20)) for n in range(8))
    )
    packed = at.with_suffix(".tar.bz2")
    packed.write_bytes(bz2.compress(path.read_bytes()))
    path.unlink()
    return packed


@becomes(NO, "DEP-LINK")
def tar_bomb_behind_a_member_that_is_skipped(at: Path) -> Path:
    path = tarred(
        at, member("l", b"", type=tarfile.SYMTYPE, linkname="x"), member("\\", bytes(9 << 20))
    )
    packed = at.with_suffix(".tgz")
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    path.unlink()
    return packed


@becomes(NO, "DEP-FILE-SIZE")
def sparse_member_of_a_gigabyte(at: Path) -> Path:
    path = tarred(at, member("x", b""))
    data = bytearray(path.read_bytes())
    header = data[1024:1536]
    header[156:157] = b"S"
    header[386:482] = b"%011o\0%011o\0" % (0, 0) + bytes(72)
    header[483:495] = b"%011o\0" % (1 << 30)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data[1024:1536] = header
    path.write_bytes(data)
    return path


@becomes(NO, "DEP-FILES")
def tar_of_more_members_than_files_allowed(at: Path) -> Path:
    return tarred(at, *(member(f"n{n}", b"") for n in range(10_050)))


@becomes(NO, "DEP-CONTAINER")
def gzip_cut_short(at: Path) -> Path:
    path = at.with_suffix(".tar.gz")
    whole = gzip.compress(tarred(at, member("x", os.urandom(5000))).read_bytes())
    at.with_suffix(".tar").unlink()
    path.write_bytes(whole[:-9])
    return path


@becomes(NO, "DEP-CONTAINER")
def gzip_with_a_wrong_checksum(at: Path) -> Path:
    path = at.with_suffix(".tar.gz")
    whole = bytearray(gzip.compress(tarred(at).read_bytes()))
    at.with_suffix(".tar").unlink()
    whole[-6] ^= 1
    path.write_bytes(whole)
    return path


@becomes(NO, "DEP-CONTAINER")
def xz_that_wants_four_gigabytes(at: Path) -> Path:
    path = at.with_suffix(".tar.xz")
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0}]
    small = bytearray(lzma.compress(tarred(at).read_bytes(), filters=filters))
    at.with_suffix(".tar").unlink()
    assert small[14:16] == b"\x21\x01"  # LZMA2, one octet of properties: the dictionary's size
    small[16] = 40  # 4 GiB - 1
    size = (small[12] + 1) * 4
    small[12 + size - 4 : 12 + size] = struct.pack("<I", _crc32(small[12 : 12 + size - 4]))
    path.write_bytes(small)
    return path


@becomes(NO, "DEP-CONTAINER")
def xz_cut_short(at: Path) -> Path:
    path = at.with_suffix(".txz")
    path.write_bytes(lzma.compress(tarred(at).read_bytes())[:-4])
    at.with_suffix(".tar").unlink()
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_called_tar_gz(at: Path) -> Path:
    path = zipped(at)
    return path.rename(at.with_suffix(".tar.gz"))


# --- zips ----------------------------------------------------------------------------------


def _crc32(data: bytes) -> int:
    return zlib.crc32(data)


def zipped(at: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = at.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.txt", at.name)
        for name, data in members:
            archive.writestr(name, data)
    return path


def patched(path: Path, old: bytes, new: bytes, count: int = -1) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, count))
    return path


@becomes(NO, "DEP-MEMBER-ESCAPES")
def zip_that_slips(at: Path) -> Path:
    names = ("../../../../outside/new", "/tmp/samarkand-was-here", "a\\..\\b", "C:/x", "x//y")
    return zipped(at, *((name, b"") for name in names))


@becomes(NO, "DEP-LINK")
def zip_with_a_link(at: Path) -> Path:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped(at, (info, b"/etc"), ("link/passwd", b"x"))


@becomes(NO, "DEP-DEVICE")
def zip_with_a_device(at: Path) -> Path:
    info = zipfile.ZipInfo("null")
    info.external_attr = (stat.S_IFCHR | 0o666) << 16
    return zipped(at, (info, b""))


@becomes(NO, "DEP-ENCRYPTED")
def zip_that_is_encrypted(at: Path) -> Path:
    path = zipped(at)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_whose_local_name_is_another(at: Path) -> Path:
    return patched(zipped(at, ("honest.txt", b"x")), b"honest.txt", b"hidden.txt", 1)


@becomes(NO, "DEP-MEMBER-TWICE")
@pytest.mark.filterwarnings("ignore::UserWarning")
def zip_with_a_name_twice(at: Path) -> Path:
    return patched(zipped(at, ("twin1", b"x"), ("twin2", b"y")), b"twin2", b"twin1")


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_wrong_checksum(at: Path) -> Path:
    path = zipped(at)
    data = bytearray(path.read_bytes())
    for at_ in (data.find(b"PK\x03\x04") + 14, data.find(b"PK\x01\x02") + 16):
        data[at_] ^= 1
    path.write_bytes(data)
    return path


@becomes(NO, "DEP-NAME-ENCODING")
def zip_with_names_in_an_old_code_page(at: Path) -> Path:
    path = zipped(at, ("caf_.txt", b"x"))
    return patched(path, b"caf_.txt", b"caf\x82.txt")


@becomes(NO, "DEP-CONTAINER")
def two_zips_in_one_file(at: Path) -> Path:
    path = zipped(at, ("x", b"y"))
    path.write_bytes(path.read_bytes() * 2)
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_with_something_behind_it(at: Path) -> Path:
    path = zipped(at)
    path.write_bytes(path.read_bytes() + b"hidden")
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_member_that_the_directory_hides(at: Path) -> Path:
    path = zipped(at, ("hidden.txt", b"x" * 100), ("last.txt", b"y"))
    data = bytearray(path.read_bytes())
    start = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 1)
    stop = data.find(b"PK\x01\x02", start + 1)
    del data[start:stop]
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<HHI", data, end + 8, 2, 2, end - data.find(b"PK\x01\x02"))
    path.write_bytes(data)
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_whose_members_overlap(at: Path) -> Path:
    path = zipped(at, ("one.txt", b"x" * 1000), ("two.txt", b"y"))
    data = bytearray(path.read_bytes())
    last = data.rfind(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 1)
    data[last + 42 : last + 46] = data[second + 42 : second + 46]
    path.write_bytes(data)
    return path


@becomes(NO, "DEP-BOMB")
def zip_bomb(at: Path) -> Path:
    return zipped(at, *((f"zeros{n}", bytes(9 << 20)) for n in range(9)))


@becomes(OK)
def zip_in_a_zip_stays_packed(at: Path) -> Path:
    inner = zipped(at, ("x", b"y")).read_bytes()
    return zipped(at, ("inner.zip", inner), ("bomb.gz", gzip.compress(bytes(1 << 20))))


@becomes(NO, "DEP-CONTAINER")
def zip_packed_by_another_method(at: Path) -> Path:
    path = at.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x", b"y" * 1000)
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_cut_short(at: Path) -> Path:
    path = zipped(at)
    path.write_bytes(path.read_bytes()[:-30])
    return path


@becomes(OK)
def zip_with_folders_and_times_that_never_were(at: Path) -> Path:
    info = zipfile.ZipInfo("odd.txt", (1980, 0, 0, 0, 0, 0))
    return zipped(at, ("sub/", b""), ("sub/x", b"y"), (info, b"z"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", KINDS)
def test_each_hostile_deposit_comes_to_a_verdict_and_harms_nothing(
    shared: tuple[Archive, Path], name: str
) -> None:
    archive, outside = shared
    hostile = KINDS[name]
    made = hostile.make(archive.inbox / name) or archive.inbox / name
    before, canaries = snapshot(archive.inbox), snapshot(outside)
    result = archive.ingest(made)
    assert result.outcome in hostile.outcome
    assert hostile.codes <= codes(result)
    assert (hostile.outcome == NO) == any(f.severity.value == "error" for f in result.findings)
    assert snapshot(archive.inbox) == before
    assert snapshot(outside) == canaries
    assert archive.unfinished() == []
    assert not Path("/tmp/samarkand-was-here").exists()
    assert (archive.home / f"receipts/notes/{result.arrival}.txt").exists()
    assert all(line.isprintable() for line in _letter(archive, result.arrival))


def _letter(archive: Archive, arrival: str) -> list[str]:
    return (archive.home / f"receipts/notes/{arrival}.txt").read_text("utf-8").split("\n")


def test_there_are_many_kinds() -> None:
    assert len(KINDS) > 100
