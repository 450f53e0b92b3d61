"""The writer: the same bytes whatever the order, and nothing outside of its folder."""

from __future__ import annotations

import errno
import io
import os
import random
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bagit
import pytest
from bagmaker import PAYLOAD, QUIET, SETTINGS, everything, held, sealed

from preservation.bags.sealed import verify
from preservation.bags.write import BagWriter
from preservation.errors import MalformedError, NoSpaceError, NotNowError
from preservation.model.digest import Algorithm
from preservation.model.outcome import Outcome


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bag").mkdir()
    return tmp_path / "bag"


def put(writer: BagWriter, path: bytes, data: bytes = b"x") -> None:
    writer.add(path, io.BytesIO(data), QUIET)


def test_threads_and_order_change_no_byte(tmp_path: Path, folder: Path) -> None:
    payload = {b"%d/%d/%d" % (n % 7, n % 3, n): b"%d" % n * n for n in range(200)}
    first = tmp_path / "first"
    seal = sealed(first, payload)
    shuffled = list(payload)
    random.Random(8).shuffle(shuffled)
    writer = BagWriter(folder, [Algorithm.SHA512])
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda path: put(writer, path, payload[path]), shuffled))
    writer.tag(b"metadata/tree.csv", [b"pa", b"th\n"])
    oxum = writer.payload().oxum
    again = writer.finish([("Payload-Oxum", oxum), ("Bagging-Date", "2026-11-22")])
    assert again == seal
    assert everything(folder) == everything(first)


def test_other_peoples_tools_agree(tmp_path: Path) -> None:
    folder = tmp_path / "bag"
    plain = {path: data for path, data in PAYLOAD.items() if b"%" not in path}
    seal = sealed(folder, plain)
    bagit.Bag(str(folder)).validate()
    for command in (
        ["sha256sum", "--strict", "-c", "manifest-sha256.txt", "tagmanifest-sha256.txt"],
        ["sha512sum", "--strict", "-c", "manifest-sha512.txt"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    printed = subprocess.run(
        ["sha256sum", "tagmanifest-sha256.txt"], cwd=folder, check=True, capture_output=True
    )
    assert printed.stdout.split()[0].decode() == seal.hex


def test_the_content_digest_is_that_of_the_manifest_and_of_nothing_else(tmp_path: Path) -> None:
    digests = []
    for number, algorithms in enumerate(([], [Algorithm.SHA512, Algorithm.MD5])):
        place = tmp_path / str(number)
        place.mkdir()
        writer = BagWriter(place, algorithms)
        put(writer, b"b")
        put(writer, b"a")
        digests.append(writer.payload().content_digest)
        writer.finish([("Number", str(number))])
        printed = subprocess.run(
            ["sha256sum", place / "manifest-sha256.txt"], check=True, capture_output=True
        )
        assert printed.stdout.split()[0].decode() == digests[-1].hex
    assert digests[0] == digests[1]


def test_modes_do_not_depend_on_the_umask(folder: Path) -> None:
    before = os.umask(0o777 & ~0o700)
    try:
        writer = BagWriter(folder, [])
        put(writer, b"deep/a")
        writer.finish([])
    finally:
        os.umask(before)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o644}


def test_a_path_longer_than_the_system_takes_at_once_is_written_and_verified(
    folder: Path,
) -> None:
    writer = BagWriter(folder, [])
    put(writer, b"/".join([b"d" * 200] * 30) + b"/file")
    seal = writer.finish([])
    assert verify(held(folder), seal, settings=SETTINGS, progress=QUIET).outcome is Outcome.INTACT


@pytest.mark.parametrize(
    "path",
    [b"../x", b"/x", b"a/../x", b"", b"a//b", b"nul\0", b"latin-\xe9", b"n" * 300, b"file/below"],
)
def test_names_that_cannot_be_held_are_refused(folder: Path, path: bytes) -> None:
    writer = BagWriter(folder, [])
    put(writer, b"file")
    before = everything(folder.parent)
    with pytest.raises(MalformedError):
        put(writer, path)
    assert everything(folder.parent) == before


def test_a_path_comes_once(folder: Path) -> None:
    writer = BagWriter(folder, [])
    put(writer, b"a", b"first")
    with pytest.raises(MalformedError):
        put(writer, b"a", b"second")
    assert (folder / "data/a").read_bytes() == b"first"
    assert writer.payload().oxum == "5.1"


@pytest.mark.parametrize(
    "path",
    [
        b"bagit.txt",
        b"bag-info.txt",
        b"fetch.txt",
        b"manifest-md5.txt",
        b"TagManifest-x.txt",
        b"data",
    ],
)
def test_reserved_names_are_no_tag_files(folder: Path, path: bytes) -> None:
    with pytest.raises(MalformedError):
        BagWriter(folder, []).tag(path, b"")


def test_a_link_planted_in_the_folder_is_not_followed(tmp_path: Path, folder: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    writer = BagWriter(folder, [])
    (folder / "data/sub").symlink_to(outside)
    (folder / "data/file").symlink_to(outside / "file")
    for path in (b"sub/x", b"file"):
        with pytest.raises(MalformedError):
            put(writer, path)
    assert os.listdir(outside) == []


def test_what_is_raised_at_the_end_takes_the_file_back(folder: Path) -> None:
    writer = BagWriter(folder, [])

    def changed() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        writer.add(b"a", io.BytesIO(b"x"), QUIET, changed)
    assert os.listdir(folder / "data") == []
    put(writer, b"a", b"again")
    assert writer.payload().oxum == "5.1"


def test_a_digest_taken_beside_is_in_no_manifest(folder: Path) -> None:
    writer = BagWriter(folder, [])
    written = writer.add(b"a", io.BytesIO(b"abc"), QUIET, also=[Algorithm.MD5, Algorithm.SHA256])
    writer.finish([])
    assert written.digests[Algorithm.MD5].hex == "900150983cd24fb0d6963f7d28e17f72"
    assert sorted(path.name for path in folder.glob("manifest*")) == ["manifest-sha256.txt"]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, NoSpaceError), (errno.EROFS, NotNowError)]
)
def test_a_medium_in_the_way_is_told_plainly(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    writer = BagWriter(folder, [])

    def refuse(fd: int, data: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(kind):
        put(writer, b"a")
    assert os.listdir(folder / "data") == []


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    sealed(tmp_path / "warm-up")
    before = len(os.listdir("/proc/self/fd"))
    seal = sealed(tmp_path / "bag")
    verify(held(tmp_path / "bag"), seal, settings=SETTINGS, progress=QUIET)
    assert len(os.listdir("/proc/self/fd")) == before
