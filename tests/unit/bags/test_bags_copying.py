"""Helper processes copy small files into a bag exactly as the bag's writer does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bagmaker import QUIET, everything

from preservation.bags import copying
from preservation.bags.create import BagPlan, CreateReport, create
from preservation.errors import NotNowError
from preservation.fixity import helpers
from preservation.fixity.engine import EngineSettings
from preservation.fixity.helpers import Helpers
from preservation.model.digest import Algorithm


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number in range(60):
        place = tmp_path / "source" / f"d{number % 4}" / f"имя {number}\n.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(number * number * 60))
    return tmp_path / "source"


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start helpers for a handful of files, and let most of the files be small."""
    monkeypatch.setattr(copying, "MANY", 4)
    monkeypatch.setattr(copying, "BATCH", 7)


def make(source: Path, dest: Path, workers: int = 2) -> CreateReport:
    return create(
        source,
        dest,
        BagPlan((Algorithm.SHA512, Algorithm.BLAKE2B)),
        settings=EngineSettings(workers=workers),
        progress=QUIET,
    )


def test_a_bag_that_was_made_with_helpers_is_the_same_bag(
    source: Path, tmp_path: Path, few_are_enough: None
) -> None:
    mask = os.umask(0o077)
    try:
        helped, plain = make(source, tmp_path / "a"), make(source, tmp_path / "b", workers=1)
    finally:
        os.umask(mask)
    assert helped == plain
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_what_helpers_leave_is_copied_all_the_same(
    source: Path, tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make(source, tmp_path / "a", workers=1)
    monkeypatch.setattr(helpers.sys, "executable", "/bin/false")
    assert make(source, tmp_path / "b") == plain
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def test_a_file_that_cannot_be_read_leaves_nothing_behind(
    source: Path, tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, before = Helpers.take, everything(source)

    def losing_one(self: Helpers, paths: list[bytes]) -> helpers.Taken:
        victim = source / os.fsdecode(paths[0])
        data = victim.read_bytes()
        victim.unlink()
        try:
            return take(self, paths)
        finally:
            monkeypatch.setattr(copying, "add_fenced", refused)
            victim.write_bytes(data)

    def refused(*_: object, **__: object) -> None:
        raise NotNowError("cannot be read")

    monkeypatch.setattr(Helpers, "take", losing_one)
    with pytest.raises(NotNowError):
        make(source, tmp_path / "bag")
    assert everything(source) == before
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
