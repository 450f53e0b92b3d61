"""Reads past the page cache give the same octets, wherever they are possible or not."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import random
from pathlib import Path

import pytest

from preservation.fixity.direct import Direct, stays_cached
from preservation.storage.mount import mount_of

BLOCK = 8192
DATA = random.Random(3).randbytes(5 * BLOCK)
SIZES = [0, 1, 511, 512, 4095, 4096, 4097, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 700]


def read(path: Path, at: int = 0) -> bytes:
    """By blocks, into memory that begins ``at`` octets behind a page."""
    view = memoryview(mmap.mmap(-1, 2 * BLOCK))[at : at + BLOCK]
    fd = os.open(path, os.O_RDONLY)
    try:
        direct, octets = Direct(fd), b""
        while got := direct.into(view):
            octets += view[:got]
        assert direct.into(view) == 0
        return octets
    finally:
        os.close(fd)


@pytest.mark.parametrize("size", SIZES)
def test_all_octets_come_whatever_the_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA[:size])
    assert read(path) == DATA[:size]
    assert read(path, at=3) == DATA[:size]


def test_it_goes_on_through_the_cache_where_the_file_system_can_not_pass_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    kept = fcntl.fcntl

    def refusing(fd: int, command: int, flags: int = 0) -> int:
        if command == fcntl.F_SETFL and flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "no such thing")
        return kept(fd, command, flags)

    monkeypatch.setattr(fcntl, "fcntl", refusing)
    assert read(path) == DATA


def test_an_error_of_the_medium_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "the medium")

    monkeypatch.setattr(os, "readv", broken)
    with pytest.raises(OSError, match="medium"):
        read(path)


def test_what_a_program_has_mapped_does_not_leave_the_cache(tmp_path: Path) -> None:
    if not mount_of(tmp_path).bypasses_cache:
        pytest.skip("this file system does not say what it has in the page cache")
    path = tmp_path / "file"
    path.write_bytes(bytes(3 << 20))
    fd = os.open(path, os.O_RDWR)
    try:
        os.fsync(fd)
        assert stays_cached(fd, 3 << 20)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        assert not stays_cached(fd, 3 << 20)
        with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as mapped:
            assert mapped[2 << 20] == 0
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            assert stays_cached(fd, 3 << 20)
    finally:
        os.close(fd)
