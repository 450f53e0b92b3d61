"""Threads copy a sealed bag some files at a time, and what comes out is all of it, or nothing."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bagmaker import QUIET, everything, held, sealed

from preservation.bags import copy_sealed, members
from preservation.bags.members import Member, SealedFolder
from preservation.bags.sealed import copy, copy_and_check
from preservation.errors import NotNowError, SourceDamagedError
from preservation.fixity import helper_main
from preservation.fixity.helper_main import Plain, Taken
from preservation.model.digest import Digest

PAYLOAD = {
    **{b"d%d/inner/f%d" % (number % 3, number): os.urandom(number * 7) for number in range(40)},
    b"large": os.urandom(10_000),
    "Größe\n%0A".encode(): b"odd",
}


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_sealed, "_AT_ONCE", 4)
    monkeypatch.setattr(copy_sealed, "LARGE_FOR_HELPERS", 4096)


def copied(bag: Path, seal: Digest) -> dict[str, bytes]:
    target = bag.with_name("target")
    target.mkdir()
    copy(held(bag), seal, target, QUIET)
    modes = {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_file()}
    assert modes == {0o644}
    return everything(target)


def test_every_file_arrives(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    seal = sealed(bag, PAYLOAD)
    assert copied(bag, seal) == everything(bag)


@pytest.mark.parametrize("harm", ["flip", "cut", "take away", "link"])
def test_a_damaged_source_is_noticed(tmp_path: Path, harm: str) -> None:
    bag = tmp_path / "bag"
    seal = sealed(bag, PAYLOAD)
    file = bag / "data/d1/inner/f13"
    data = file.read_bytes()
    file.unlink()
    if harm == "link":
        file.symlink_to(bag / "data/d0/inner/f12")
    elif harm != "take away":
        file.write_bytes(data[:-1] if harm == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SourceDamagedError, match="f13"):
        copied(bag, seal)


def test_files_of_all_sizes_arrive_whether_or_not_they_pass_the_page_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_sealed, "LARGE_FOR_HELPERS", 512 << 10)
    sizes = [side + one for side in (4096, 128 << 10, 512 << 10, 1 << 20) for one in (-1, 0, 1)]
    payload = {b"f%d" % size: os.urandom(size) for size in sizes}
    bag = tmp_path / "bag"
    seal = sealed(bag, payload)
    assert copied(bag, seal) == everything(bag)


def test_lanes_that_err_call_no_file_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lanes that hash several files at once are asked first, and OpenSSL has the last word."""
    bag = tmp_path / "bag"
    seal = sealed(bag, PAYLOAD)
    erred = []

    class Erring(Plain):
        def take(self, *asked: Any) -> Taken:
            octets, columns = super().take(*asked)
            erred.append(len(octets))
            return octets, [bytes([column[0] ^ 1]) + column[1:] for column in columns if column]

    monkeypatch.setattr(copy_sealed, "Plain", Erring)
    assert copied(bag, seal) == everything(bag)
    assert erred


@pytest.mark.usefixtures("in_python")
def test_without_c_every_file_arrives_all_the_same(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    seal = sealed(bag, PAYLOAD | {b"passes the cache": os.urandom(200_000)})
    assert copied(bag, seal) == everything(bag)


def test_where_memory_is_short_nothing_is_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = tmp_path / "bag"
    seal = sealed(bag, PAYLOAD)

    def none_left(_: int) -> memoryview:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(helper_main, "_memory", none_left)
    with pytest.raises(NotNowError, match="ran out of what it works with"):
        copied(bag, seal)


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
def test_a_medium_that_takes_nothing_is_told_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    bag, target = tmp_path / "bag", tmp_path / "target"
    seal = sealed(bag, {b"deep/in/large": os.urandom(300_000)})
    target.mkdir()

    def refused(fd: int, data: bytes) -> int:
        if len(data) < 100_000:  # the bag's own files
            return written(fd, data)
        raise OSError(number, os.strerror(number))

    written = os.write
    monkeypatch.setattr(os, "write", refused)
    with pytest.raises((OSError, NotNowError)) as told:
        copy(held(bag), seal, target, QUIET)
    monkeypatch.undo()
    assert str(target / "data/deep/in/large") in str(told.value)
    assert not list(target.rglob("large"))


def test_large_files_are_copied_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = tmp_path / "bag"
    seal = sealed(bag, {b"one": os.urandom(9000), b"two": os.urandom(9000)})
    met, apart = threading.Barrier(2, timeout=60), SealedFolder.apart

    def together(self: SealedFolder, *said: Any) -> Any:
        met.wait()
        return apart(self, *said)

    monkeypatch.setattr(SealedFolder, "apart", together)
    assert copied(bag, seal) == everything(bag)


def test_a_large_file_is_left_where_it_is_once_another_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = tmp_path / "bag"
    seal = sealed(bag, {b"damaged": b"one", b"endless": b"two"})
    (bag / "data/damaged").write_bytes(b"eno")
    apart = SealedFolder.apart

    def endless(self: SealedFolder, path: bytes, expected: Any) -> Any:
        if path.endswith(b"endless"):
            return (Member(path, 1, itertools.repeat(b"x")) for _ in range(1))
        return apart(self, path, expected)

    monkeypatch.setattr(SealedFolder, "apart", endless)
    with pytest.raises(SourceDamagedError, match="damaged"):
        copied(bag, seal)


@pytest.mark.parametrize("stays", [False, True])
def test_what_stays_in_the_page_cache_is_read_past_it_where_the_copy_is_a_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stays: bool
) -> None:
    bag, target = tmp_path / "bag", tmp_path / "target"
    seal = sealed(bag, PAYLOAD)
    target.mkdir()
    past: list[bytes] = []

    def noted(fd: int, path: bytes) -> Iterator[bytes]:
        past.append(path)
        return real(fd, path)

    real = members._read_past_cache
    monkeypatch.setattr(members, "_read_past_cache", noted)
    monkeypatch.setattr(members, "stays_cached", lambda *_: stays)
    copy_and_check(held(bag), seal, target, QUIET)
    assert (b"data/large" in past) is stays
    assert everything(target) == everything(bag)
