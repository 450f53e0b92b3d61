"""Helpers that stay read whichever folder they are sent to, that folder only, and let it go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from preservation.errors import MalformedError
from preservation.fixity import kept as kept_helpers
from preservation.fixity.engine import EngineSettings, Measured, Reading, measure
from preservation.fixity.helpers import Helper
from preservation.fixity.kept import Kept
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

FILES = 3 * kept_helpers.ENOUGH


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.setattr(kept_helpers, "START", 0)
    with Kept(4096, drop_cache=True) as helpers:
        yield helpers


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What helpers said, file by file."""
    said: list[int] = []
    hear = Helper.hear

    def noting(self: Helper) -> tuple[list[int], list[bytes]]:
        octets, columns = hear(self)
        said.extend(octets)
        return octets, columns

    monkeypatch.setattr(Helper, "hear", noting)
    return said


def filled(folder: Path, octet: bytes) -> Path:
    for number in range(FILES):
        place = folder / f"d{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        (place / str(number)).write_bytes(octet * number * 60)  # the last are above 4096
    (folder / "d1" / "link").symlink_to("1")
    return folder


def read(folder: Path, kept: Kept | None) -> list[Measured]:
    settings = EngineSettings(workers=2, drop_cache=True, kept=kept)
    paths = [b"d%d/%d" % (number % 3, number) for number in range(FILES)]
    some = measure(folder, [*paths, b"d1/link", b"gone"], (Algorithm.SHA256,), settings, Silence())
    return sorted(some, key=lambda one: one.path)


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_folder_after_folder_is_read_as_without_them(
    kept: Kept, taken: list[int], tmp_path: Path
) -> None:
    for octet in (b"a", b"b", b"c"):
        folder = filled(tmp_path / octet.decode(), octet)
        taken.clear()
        told = read(folder, kept)
        assert sum(size >= 0 for size in taken) > FILES / 2
        assert told == read(folder, None)


def test_what_took_the_place_of_a_folder_is_not_read_for_it(
    kept: Kept, taken: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(filled(tmp_path / "first", b"x"), kept)
    folder, away = filled(tmp_path / "bag", b"a"), tmp_path / "away"
    filled(tmp_path / "other", b"b")
    move = Helper.move

    def swapped(self: Helper, root: int, path: Path) -> None:
        if not away.exists():
            folder.rename(away)
            (tmp_path / "other").rename(folder)
        move(self, root, path)

    monkeypatch.setattr(Helper, "move", swapped)
    taken.clear()
    told = read(folder, kept)
    assert max(taken, default=-1) < 0
    assert told == read(away, None)


def test_an_idle_one_holds_no_folder_open(kept: Kept, tmp_path: Path) -> None:
    folder = filled(tmp_path / "bag", b"a")
    before = children()
    read(folder, kept)
    (helper, *_) = kept._idle
    # It has dealt with what it was told before when it answers.
    root = os.open(tmp_path, os.O_RDONLY)
    helper.ask(["sha256"], [b"bag/d0/0"])
    assert helper.hear()[0] == [-1]
    os.close(root)
    for pid in children() - before:
        held = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
        assert not [one for one in held if one.startswith(str(tmp_path))]


def test_one_that_was_killed_does_not_come_back(kept: Kept, tmp_path: Path) -> None:
    folder = filled(tmp_path / "bag", b"a")
    alone = read(folder, None)
    read(folder, kept)
    for helper in kept._idle:
        helper.leave()
    assert read(folder, kept) == alone
    assert [one.reading for one in read(folder, kept)].count(Reading.READ) == FILES
    assert all(helper.is_idle for helper in kept._idle)


def test_for_a_few_files_none_is_started(tmp_path: Path, taken: list[int]) -> None:
    with Kept(4096, drop_cache=True) as helpers:
        folders = [filled(tmp_path / str(number), b"a") for number in range(12)]
        for folder in folders:
            assert not taken
            read(folder, helpers)
            if FILES * (int(folder.name) + 1) >= kept_helpers.START:
                break
        assert taken


def test_none_is_left_at_the_end(tmp_path: Path) -> None:
    before = children()
    with Kept(4096, drop_cache=True) as helpers:
        read(filled(tmp_path / "bag", b"a"), helpers)
        root = os.open(tmp_path, os.O_RDONLY)
        late = helpers.take(root, tmp_path)
        assert children() > before
    os.close(root)
    helpers.give_back(late)
    assert children() == before


def test_those_that_do_not_pass_the_cache_do_not_read_for_whoever_says_they_do(
    tmp_path: Path,
) -> None:
    with (
        Kept(4096, drop_cache=False) as helpers,
        pytest.raises(MalformedError, match="pass the cache"),
    ):
        read(filled(tmp_path / "bag", b"a"), helpers)
