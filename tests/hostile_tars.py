"""Hostile tars, plain and packed."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import struct
import tarfile
import zlib
from pathlib import Path

from hostile_headers import one, tar
from hostile_kinds import KEPT, NO, OK, becomes


def _crc32(data: bytes) -> int:
    return zlib.crc32(data)


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


@becomes(NO, "DEP-LINK-ESCAPES")
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
    packed = at.with_suffix(".tar.gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
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
    return tar(at, *(one(b"n%d" % n, b"") for n in range(10_050)))


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
