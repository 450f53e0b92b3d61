"""Hostile packed streams: gzip, bzip2, xz and zstd, cut, damaged, with something behind."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from pathlib import Path

import zstandard
from hostile_headers import END, one
from hostile_kinds import NO, OK, becomes

RLE_BLOCK = (1 | 1 << 1 | (128 << 10) << 3).to_bytes(3, "little")  # last, one octet, 128 KiB of it


def _tar(at: Path) -> bytes:
    return one(b"first.txt", at.name.encode()) + one(b"x", bytes(range(256)) * 40) + END


def _put(at: Path, suffix: str, data: bytes) -> Path:
    path = at.with_name(at.name + suffix)
    path.write_bytes(data)
    return path


@becomes(OK)
def tar_zst(at: Path) -> Path:
    return _put(at, ".tar.zst", zstandard.compress(_tar(at)))


@becomes(OK)
def tar_zst_of_many_frames(at: Path) -> Path:
    tar, pack = _tar(at), zstandard.ZstdCompressor(write_checksum=True)
    frames = (pack.compress(tar[n : n + 999]) for n in range(0, len(tar), 999))
    skipped = b"\x50\x2a\x4d\x18" + struct.pack("<L", 5) + b"hello"
    return _put(at, ".tzst", skipped + b"".join(frames))


@becomes(OK, "DEP-CONTAINER-NAME")
def tar_zst_called_tar_gz(at: Path) -> Path:
    return _put(at, ".tar.gz", zstandard.compress(_tar(at)))


@becomes(OK, "DEP-CONTAINER-NAME")
def tar_gz_without_a_suffix(at: Path) -> Path:
    return _put(at, "", gzip.compress(_tar(at)))


@becomes(OK, "DEP-CONTAINER-NAME")
def tar_called_zip(at: Path) -> Path:
    return _put(at, ".zip", _tar(at))


@becomes(NO, "DEP-CONTAINER")
def zst_cut_short(at: Path) -> Path:
    return _put(at, ".tar.zst", zstandard.compress(_tar(at))[:-1])


@becomes(NO, "DEP-CONTAINER")
def zst_cut_between_two_frames(at: Path) -> Path:
    return _put(at, ".tar.zst", zstandard.compress(_tar(at)[:700]))


@becomes(NO, "DEP-CONTAINER")
def zst_with_a_wrong_checksum(at: Path) -> Path:
    whole = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(_tar(at)))
    whole[-1] ^= 1
    return _put(at, ".tar.zst", bytes(whole))


@becomes(NO, "DEP-CONTAINER")
def zst_with_something_behind_it(at: Path) -> Path:
    return _put(at, ".tar.zst", zstandard.compress(_tar(at)) + b"hidden")


@becomes(NO, "DEP-CONTAINER")
def zst_that_wants_two_gigabytes(at: Path) -> Path:
    frame = b"\x28\xb5\x2f\xfd" + bytes((0, (31 - 10) << 3)) + b"\1\0\0"
    return _put(at, ".tar.zst", frame)


@becomes(NO, "DEP-CONTAINER")
def zst_of_runs(at: Path) -> Path:
    """Four octets become 128 KiB, again and again: 8 GiB of zeros."""
    run = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    frame = b"\x28\xb5\x2f\xfd" + bytes((0, 7 << 3))
    return _put(at, ".tar.zst", frame + run * (1 << 16) + RLE_BLOCK + b"\0")


@becomes(OK)
def gzip_of_many_members(at: Path) -> Path:
    tar = _tar(at)
    pieces = (gzip.compress(tar[n : n + 999]) for n in range(0, len(tar), 999))
    return _put(at, ".tar.gz", b"".join(pieces) + bytes(700))


@becomes(NO, "DEP-CONTAINER")
def gzip_with_something_behind_it(at: Path) -> Path:
    return _put(at, ".tar.gz", gzip.compress(_tar(at)) + b"hidden")


@becomes(NO, "DEP-CONTAINER")
def gzip_with_a_second_member_that_is_damaged(at: Path) -> Path:
    return _put(at, ".tgz", gzip.compress(_tar(at)) + gzip.compress(b"")[:-3])


@becomes(NO, "DEP-CONTAINER")
def gzip_with_another_tar_behind_it(at: Path) -> Path:
    return _put(at, ".tgz", gzip.compress(_tar(at)) + gzip.compress(_tar(at)))


@becomes(NO, "DEP-CONTAINER")
def gzip_of_no_tar(at: Path) -> Path:
    return _put(at, ".tar.gz", gzip.compress(b"year,count\n2024,7\n" * 99))


@becomes(NO, "DEP-NOT-A-DEPOSIT")
def lone_table_that_is_packed(at: Path) -> Path:
    return _put(at, ".csv.gz", gzip.compress(b"year,count\n2024,7\n" * 99))


@becomes(NO, "DEP-CONTAINER")
def gzip_of_a_gzip(at: Path) -> Path:
    return _put(at, ".tar.gz", gzip.compress(gzip.compress(_tar(at))))


@becomes(NO, "DEP-CONTAINER")
def gzip_of_nothing(at: Path) -> Path:
    return _put(at, ".tar.gz", gzip.compress(b""))


@becomes(NO, "DEP-CONTAINER")
def gzip_with_a_header_alone(at: Path) -> Path:
    return _put(at, ".tar.gz", b"\x1f\x8b\x08")


@becomes(OK)
def bzip2_of_many_streams(at: Path) -> Path:
    tar = _tar(at)
    return _put(at, ".tbz2", bz2.compress(tar[:5000]) + bz2.compress(tar[5000:]))


@becomes(NO, "DEP-CONTAINER")
def bzip2_cut_short(at: Path) -> Path:
    return _put(at, ".tar.bz2", bz2.compress(_tar(at))[:-5])


@becomes(NO, "DEP-CONTAINER")
def bzip2_with_a_damaged_block(at: Path) -> Path:
    whole = bytearray(bz2.compress(_tar(at)))
    whole[len(whole) // 2] ^= 0x10
    return _put(at, ".tar.bz2", bytes(whole))


@becomes(NO, "DEP-CONTAINER")
def bzip2_with_something_behind_it(at: Path) -> Path:
    return _put(at, ".tar.bz2", bz2.compress(_tar(at)) + b"hidden")


@becomes(NO, "DEP-CONTAINER")
def xz_with_something_behind_it(at: Path) -> Path:
    return _put(at, ".tar.xz", lzma.compress(_tar(at)) + b"hidden")


@becomes(NO, "DEP-CONTAINER")
def xz_with_a_second_stream_that_is_cut(at: Path) -> Path:
    tar = _tar(at)
    return _put(at, ".txz", lzma.compress(tar[:700]) + lzma.compress(tar[700:])[:-9])


@becomes(NO, "DEP-CONTAINER")
def xz_with_a_wrong_checksum(at: Path) -> Path:
    whole = bytearray(lzma.compress(_tar(at), check=lzma.CHECK_SHA256))
    whole[len(whole) // 2] ^= 0x10
    return _put(at, ".tar.xz", bytes(whole))


@becomes(NO, "DEP-BOMB")
def xz_bomb(at: Path) -> Path:
    zeros = b"".join(one(b"z%d" % n, bytes(9 << 20)) for n in range(8))
    return _put(at, ".tar.xz", lzma.compress(_tar(at)[:-1024] + zeros + END, preset=0))


@becomes(NO, "DEP-BOMB")
def zst_bomb(at: Path) -> Path:
    zeros = b"".join(one(b"z%d" % n, bytes(9 << 20)) for n in range(8))
    return _put(at, ".tar.zst", zstandard.compress(_tar(at)[:-1024] + zeros + END))
