"""Larger files that are copied several at once come out as if each had been copied alone."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import random
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace

import pytest
from bagmaker import QUIET, everything

from preservation.bags import abreast, copying
from preservation.bags.copies import Wanted
from preservation.bags.copying import Copier
from preservation.bags.create import BagPlan, CreateReport, create
from preservation.bags.fenced import Fenced, SourceChangedError
from preservation.bags.write import BagWriter
from preservation.errors import NotNowError
from preservation.fixity import sha2
from preservation.fixity.engine import EngineSettings
from preservation.fixity.fence import Fence
from preservation.model.digest import Algorithm

BOTH = (Algorithm.SHA256, Algorithm.SHA512, Algorithm.MD5)


@pytest.fixture(params=[True, False], ids=["lanes", "OpenSSL"])
def lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With the extension, and as where there is none."""
    if request.param and not sha2.LANES:
        pytest.skip("no lanes here: no compiler was there, or the processor has no AVX-512")
    if not request.param:
        monkeypatch.setattr(sha2, "LANES", {})
    return bool(request.param)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of very different lengths, most of them larger than what is left to helpers."""
    monkeypatch.setattr(copying, "LARGE_FOR_HELPERS", 100)
    draw = random.Random(11)
    for number in range(45):
        place = tmp_path / "source" / f"d{number % 4}" / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(
            draw.randbytes(draw.choice((0, 99, 101, 65_535, 65_536, 65_537, 300_000)))
        )
    return tmp_path / "source"


def make(source: Path, dest: Path, workers: int = 2) -> CreateReport:
    settings = EngineSettings(workers=workers)
    return create(source, dest, BagPlan(BOTH), settings=settings, progress=QUIET)


def before_each_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[Fenced], None]) -> None:
    """Do something whenever octets of a file are asked for."""
    read, read_to = Fenced.read, Fenced.read_to

    def reading(self: Fenced, size: int) -> bytes:
        act(self)
        return read(self, size)

    def reading_to(self: Fenced, room: memoryview) -> memoryview:
        act(self)
        return read_to(self, room)

    monkeypatch.setattr(Fenced, "read", reading)
    monkeypatch.setattr(Fenced, "read_to", reading_to)


def at_third_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something when files are being read."""
    reads = itertools.count()
    before_each_read(monkeypatch, lambda _: act() if next(reads) == 2 else None)


@pytest.mark.parametrize("workers", [1, 2])
def test_digests_are_those_that_hashlib_takes(
    source: Path, tmp_path: Path, lanes: bool, workers: int
) -> None:
    make(source, tmp_path / "bag", workers)
    for algorithm in BOTH:
        lines = (tmp_path / "bag" / f"manifest-{algorithm.value}.txt").read_text().splitlines()
        assert len(lines) == 45
        for line in lines:
            digest, path = line.split("  ", 1)
            content = (tmp_path / "bag" / path).read_bytes()
            assert content == (source / path.removeprefix("data/")).read_bytes()
            assert hashlib.new(algorithm.value, content).hexdigest() == digest


def test_the_bag_is_the_same_without_lanes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(source, tmp_path / "a")
    monkeypatch.setattr(sha2, "LANES", {})
    make(source, tmp_path / "b")
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def test_a_file_that_grows_while_others_are_at_work_is_noticed(
    source: Path, tmp_path: Path, lanes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grow() -> None:
        for place in source.rglob("*.bin"):
            with place.open("ab") as file:
                file.write(b"more")

    at_third_read(monkeypatch, grow)
    with pytest.raises(SourceChangedError):
        make(source, tmp_path / "bag")
    assert os.listdir(tmp_path) == ["source"]


def test_a_file_that_is_swapped_for_a_link_or_a_pipe_is_not_followed(
    source: Path, tmp_path: Path, lanes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap() -> None:
        for number, place in enumerate(sorted(source.rglob("*.bin"))):
            place.unlink()
            os.mkfifo(place) if number % 2 else place.symlink_to("/etc/passwd")

    at_third_read(monkeypatch, swap)
    with pytest.raises(SourceChangedError):
        make(source, tmp_path / "bag")
    assert os.listdir(tmp_path) == ["source"]


def test_one_that_cannot_be_read_ends_all_at_once(
    source: Path, tmp_path: Path, lanes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = itertools.count()

    def failing(file: Fenced) -> None:
        if next(reads) == 5:
            raise file.told(OSError(5, "the medium failed"))

    before_each_read(monkeypatch, failing)
    with pytest.raises(NotNowError, match="the medium failed"):
        make(source, tmp_path / "bag")
    assert os.listdir(tmp_path) == ["source"]


@pytest.mark.timeout(20)
def test_what_was_not_begun_when_all_is_stopped_is_waited_for_by_nobody(tmp_path: Path) -> None:
    never = Wanted(b"absent", b"absent", Fence(0, 0, 10, 0, 0))
    writer, root = BagWriter(tmp_path, BOTH), os.open(tmp_path, os.O_RDONLY)
    with Copier(writer, root, 2, QUIET) as copier:
        copier._stopped = True
        with pytest.raises(CancelledError):
            copier._some([never])
    os.close(root)
    writer.close()


def test_a_defect_while_hashing_is_raised_and_nobody_waits(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sha2.LANES:
        pytest.skip("no lanes here")

    def failing(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(sha2, "update", failing)
    with pytest.raises(MemoryError, match="no room"):
        make(source, tmp_path / "bag")
    assert os.listdir(tmp_path) == ["source"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("workers", [1, 2])
def test_where_there_is_no_memory_to_begin_nobody_waits(
    source: Path, tmp_path: Path, lanes: bool, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def failing(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(abreast, "mmap", SimpleNamespace(mmap=failing))
    with pytest.raises(NotNowError, match="Cannot allocate memory") as raised:
        make(source, tmp_path / "bag", workers)
    assert raised.value.code == "FS-OUT-OF-MEANS"
    assert os.listdir(tmp_path) == ["source"]


def test_giants_and_few_files_are_copied_each_by_itself() -> None:
    if not sha2.LANES:
        pytest.skip("no lanes here")
    giant, usual = 10 << 30, 1 << 20
    assert abreast.apart([usual] * 7) == [True] * 7
    assert abreast.apart([usual] * 8) == [False] * 8
    assert abreast.apart([giant, *[usual] * 8]) == [True, *[False] * 8]
    assert abreast.apart([giant] * 8) == [False] * 8
