"""Hostile folders: entries, names and lists that would do harm."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from pathlib import Path

import pytest
from hostile_kinds import KEPT, NO, OK, becomes, folder


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
