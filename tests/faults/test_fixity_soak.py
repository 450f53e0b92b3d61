"""A sound file is never called damaged, however late the threads and processes that hash it are.

A block whose buffer is filled anew before a digest's thread is done with it would give a wrong
digest, once in a long while. So here threads are late on purpose, everything is small enough
to change hands often, and all cores have other work. ``make soak`` goes on for some minutes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from preservation.bags.create import BagPlan, create
from preservation.bags.validate import BagReport, validate
from preservation.fixity import crew, helpers, lanes, multihash, reading
from preservation.fixity.engine import EngineSettings, measure
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

pytestmark = pytest.mark.slow
ROUNDS = 300 if os.environ.get("SAMARKAND_SOAK") else 4
BOTH = (Algorithm.SHA256, Algorithm.SHA512)
_BURN = "import hashlib\nwhile True: hashlib.sha256(bytes(1 << 20))"


@pytest.fixture
def busy() -> Iterator[None]:
    """Every core has one process more than it can run."""
    burning = [subprocess.Popen([sys.executable, "-c", _BURN]) for _ in range(os.cpu_count() or 1)]
    yield
    for each in burning:
        each.kill()
        each.wait()


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some KiB go every way that huge ones go."""
    monkeypatch.setattr(crew, "LARGE", 2048)
    monkeypatch.setattr(crew, "LARGE_FOR_HELPERS", 4096)
    monkeypatch.setattr(helpers, "ENOUGH", 64)
    monkeypatch.setattr(reading, "WORTH", 8192)
    monkeypatch.setattr(reading, "BLOCK", 1000)


def a_bag(folder: Path, sizes: Sequence[int]) -> Path:
    dice = random.Random(20261122)
    source, bag = folder / "source", folder / "bag"
    for number, size in enumerate(sizes):
        path = source / f"{number % 7}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(size))
    plan = BagPlan(algorithms=BOTH)
    create(source, bag, plan, settings=EngineSettings(workers=2), progress=Silence())
    return bag


def verdict(bag: Path, workers: int) -> BagReport:
    return validate(bag, settings=EngineSettings(workers=workers), progress=Silence())


def test_a_sound_bag_is_never_called_damaged(tmp_path: Path, busy: None, small_steps: None) -> None:
    sizes = [random.Random(7).choice([0, 900, 5000, 60_000, 300_000]) for _ in range(200)]
    bag = a_bag(tmp_path, sizes)
    for number in range(ROUNDS):
        report = verdict(bag, workers=1 + number % 4)
        assert (report.valid, report.findings) == (True, ()), f"round {number}"
        assert report.fixity_checked
        assert report.octets_read >= sum(sizes)


def test_a_sound_bag_of_real_giants_is_never_called_damaged(tmp_path: Path, busy: None) -> None:
    # The first is read with company, as far as the others reach; lanes take its SHA-512.
    bag = a_bag(tmp_path, [11 << 20, 7 << 20, *[6 << 20] * 3, (5 << 20) + 1, 300_000, 12])
    for number in range(max(2, ROUNDS // 4)):
        report = verdict(bag, workers=2 + number % 2)
        assert (report.valid, report.findings) == (True, ()), f"round {number}"


def test_one_wrong_octet_is_found_in_every_round(
    tmp_path: Path, busy: None, small_steps: None
) -> None:
    bag, dice = a_bag(tmp_path, [300_000, 60_000, 5000, 900] * 20), random.Random(3)
    files = sorted(path for path in (bag / "data").rglob("*") if path.is_file())
    for number in range(ROUNDS):
        victim = dice.choice(files)
        right = victim.read_bytes()
        at = dice.randrange(len(right))
        victim.write_bytes(
            right[:at] + bytes([right[at] ^ 1 << dice.randrange(8)]) + right[at + 1 :]
        )
        report = verdict(bag, workers=1 + number % 4)
        named = {(each.code, each.subject) for each in report.findings}
        assert named == {("BAG-FILE-DIFFERS", str(victim.relative_to(bag)))}, f"round {number}"
        victim.write_bytes(right)


class _Late:
    """A digest that looks at its octets long after it was given them."""

    def __init__(self, state: Any) -> None:
        self._state, self._dice = state, random.Random(5)

    def update(self, data: Any) -> None:
        time.sleep(self._dice.choice([0, 0, 0.001, 0.004]))
        self._state.update(data)


def test_a_buffer_is_not_filled_again_before_the_last_digest_has_seen_it(
    tmp_path: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane, read, trouble = lanes.Beside, os.readv, iter([False] * 40 + [True] + [False] * 10_000)

    def sometimes(fd: int, buffers: Any) -> int:
        """The medium fails once in the middle: all is read again, into the same buffers."""
        if next(trouble):
            raise OSError(errno.EIO, "once")
        return read(fd, buffers)

    monkeypatch.setattr(lanes, "Beside", lambda state: lane(_Late(state)))
    monkeypatch.setattr(os, "readv", sometimes)
    contents = {b"%d" % n: os.urandom(30_000 + 777 * n) for n in range(4)}
    for name, data in contents.items():
        (tmp_path / os.fsdecode(name)).write_bytes(data)
    settings = EngineSettings(workers=3)
    for seen in measure(tmp_path, contents, BOTH, settings, Silence()):
        wanted = {each: multihash.digest_bytes(contents[seen.path], each) for each in BOTH}
        assert dict(seen.digests) == wanted
        assert seen.digests[Algorithm.SHA512].value == hashlib.sha512(contents[seen.path]).digest()
