"""Hostile zips."""

from __future__ import annotations

import gzip
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hostile_kinds import NO, OK, becomes


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


@becomes(NO, "DEP-LINK-ESCAPES")
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


@becomes(NO, "DEP-MEMBER-DIFFERS")
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


@becomes(OK)
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


@becomes(OK, "DEP-CONTAINER-NAME")
def zip_called_tar_gz(at: Path) -> Path:
    path = zipped(at)
    return path.rename(at.with_suffix(".tar.gz"))
