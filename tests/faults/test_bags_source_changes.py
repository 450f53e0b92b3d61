"""A folder that changes while it is bagged: always noticed, whatever changes and whenever."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from preservation.bags import copying
from preservation.bags import notes as lots
from preservation.bags import source as source_notes
from preservation.bags.create import BagPlan, create
from preservation.bags.validate import validate
from preservation.errors import NotNowError
from preservation.files import walk as walking
from preservation.files.walk import walk
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

SEEDS = range(400 if os.environ.get("SAMARKAND_SOAK") else 40)
Change = Callable[[Path, random.Random], None]


def append(victim: Path, dice: random.Random) -> None:
    with victim.open("ab") as file:
        file.write(dice.randbytes(1))


def truncate(victim: Path, dice: random.Random) -> None:
    os.truncate(victim, victim.stat().st_size // 2)


def rewrite(victim: Path, dice: random.Random) -> None:
    """The same size, other bytes, and the time put back."""
    seen = victim.stat()
    with victim.open("r+b") as file:
        file.write(dice.randbytes(seen.st_size))
    os.utime(victim, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def touch_nothing_but_times(victim: Path, dice: random.Random) -> None:
    os.utime(victim, ns=(0, dice.randrange(10**18)))


def replace(victim: Path, dice: random.Random) -> None:
    """Another inode, the same size and time."""
    seen = victim.stat()
    other = victim.parent.parent / f"other-{dice.random()}"
    other.write_bytes(dice.randbytes(seen.st_size))
    os.utime(other, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    other.replace(victim)


def link(victim: Path, dice: random.Random) -> None:
    aside = victim.parent.parent / f"aside-{dice.random()}"
    victim.rename(aside)
    victim.symlink_to(aside)


def fifo(victim: Path, dice: random.Random) -> None:
    victim.unlink()
    os.mkfifo(victim)


def remove(victim: Path, dice: random.Random) -> None:
    victim.unlink()


def rename(victim: Path, dice: random.Random) -> None:
    victim.rename(victim.with_name(f"renamed-{dice.random()}"))


def add(victim: Path, dice: random.Random) -> None:
    victim.with_name(f"new-{dice.random()}").write_bytes(b"new")


def add_folder(victim: Path, dice: random.Random) -> None:
    victim.with_name(f"folder-{dice.random()}").mkdir()


CHANGES: tuple[Change, ...] = (
    append,
    truncate,
    rewrite,
    touch_nothing_but_times,
    replace,
    link,
    fifo,
    remove,
    rename,
    add,
    add_folder,
)


class Meddler(Silence):
    """Progress that changes something once, at a moment that is drawn."""

    def __init__(self, moment: int, change: Callable[[], None]) -> None:
        self._left, self._change = moment, change
        self.done = False

    def begin(self, what: str, total_bytes: int | None) -> None:
        self._tick()

    def advance(self, read_bytes: int) -> None:
        self._tick()

    def _tick(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._change()
            self.done = True


def grow(root: Path, dice: random.Random) -> list[Path]:
    """A few files, one of them larger than one read; no empty one, which some changes need."""
    sizes = [dice.choice([1, 100, 70_000, 300_000]) for _ in range(8)] + [3_000_000]
    files = []
    for number, size in enumerate(sizes):
        file = root / f"f{number % 3}" / f"{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(dice.randbytes(size))
        files.append(file)
    return files


def walking_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first files are copied while the last are still to be walked."""
    for room in (walking, lots):
        monkeypatch.setattr(room, "RUN", 1)

    def walk_runs(root: Path) -> Iterator[object]:
        for told in walking.walk_runs(root):
            time.sleep(0.005)
            yield told

    monkeypatch.setattr(source_notes, "walk_runs", walk_runs)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_while_a_folder_is_bagged_is_always_noticed(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    if seed % 2:
        walking_slowly(monkeypatch)
    if seed % 4 > 1:  # helper processes copy all but the largest
        monkeypatch.setattr(copying, "MANY", 1)
    source, bag = tmp_path / "place" / "source", tmp_path / "bag"
    files = grow(source, dice)
    victim, change = dice.choice(files), CHANGES[seed % len(CHANGES)]
    meddler = Meddler(dice.randrange(1, 12), lambda: change(victim, dice))
    settings = EngineSettings(workers=dice.choice([1, 2]))
    before = {entry.path: entry.octets for entry in walk(source)}
    try:
        create(source, bag, BagPlan((Algorithm.MD5,)), settings=settings, progress=meddler)
    except NotNowError:
        assert meddler.done
        assert not bag.exists()
    else:
        assert not meddler.done, f"{change.__name__} was not noticed"
        assert validate(bag, settings=settings, progress=Silence()).valid
        assert {entry.path: entry.octets for entry in walk(source)} == before
    assert sorted(os.listdir(tmp_path)) in (["place"], ["bag", "place"])
