"""kill -9 before every write of a drain: the next drain finishes it, no event lost, none twice.

Invariants 5 and 6.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from catalogues import a_key, check, kept
from clocks import FakeClock
from killing import each_kill

from preservation.catalogue.sql import SqlCatalogue, create_catalogue, open_catalogue
from preservation.ledger.drain import PREFIX, drain
from preservation.ledger.journal import FileJournal
from preservation.storage.local import LocalTier, create_tier


class Scene:
    """A home with two undrained batches, one of them cites a result, and a tier for copies."""

    def __init__(self, root: Path, pristine: Path) -> None:
        root.mkdir()
        shutil.copy(pristine, root / "catalogue.sqlite")
        create_tier(root / "vault", "vault")
        self.root = root
        self.journal = FileJournal.create(root / "journal")
        result = str(self.journal.put_result({"files": ["data/a"]}))
        self.events = [*kept(a_key(), "vault"), check(a_key(), outcome="altered", result=result)]
        self.catalogue().record(self.events)

    def catalogue(self) -> SqlCatalogue:
        return open_catalogue(f"sqlite:///{self.root}/catalogue.sqlite")

    def tier(self) -> LocalTier:
        return LocalTier(self.root / "vault", "vault")

    def drain(self) -> None:
        drain(self.catalogue(), self.journal, [self.tier()], FakeClock())

    def assert_drained_once(self) -> None:
        assert list(self.journal.events()) == self.events
        assert self.catalogue().outbox_size() == 0
        copied = dict(self.tier().kept(PREFIX))
        assert copied == {
            PREFIX + str(path.relative_to(self.journal.root)): path.read_bytes()
            for path in self.journal.root.rglob("*.json*")
        }


@pytest.fixture
def fresh(scenes: Path) -> Callable[[], Scene]:
    pristine = scenes / "pristine.sqlite"
    create_catalogue(f"sqlite:///{pristine}").close()
    numbers = itertools.count()
    return lambda: Scene(scenes / str(next(numbers)), pristine)


def test_killed_at_every_write(fresh: Callable[[], Scene]) -> None:
    at_hand: list[Scene] = []

    def prepare() -> Callable[[], object]:
        at_hand.append(fresh())
        return at_hand[-1].drain

    points = 0
    for points in each_kill(prepare):
        scene = at_hand.pop()
        assert list(scene.journal.events()) in ([], scene.events), f"half a drain at {points}"
        scene.drain()
        scene.assert_drained_once()
    assert points > 10


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_around_clearing_the_outbox(fresh: Callable[[], Scene], before: bool) -> None:
    scene = fresh()

    class Dying(SqlCatalogue):
        def drained(self, ids: Iterable[str]) -> None:
            if not before:
                super().drained(ids)
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        dying = Dying(scene.catalogue().database)
        drain(dying, scene.journal, [scene.tier()], FakeClock())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert list(scene.journal.events()) == scene.events
    scene.drain()
    scene.assert_drained_once()
