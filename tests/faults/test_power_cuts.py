"""The power fails in the middle of ingest, replication, repair, drain and disposal: what had been
called durable is there, whatever of the rest got onto the medium; and the next run ends as if
nothing had been.

A few states of each here; ``SAMARKAND_SOAK`` makes it many (``SAMARKAND_MOMENTS`` says how many
of each, ``SAMARKAND_SEED`` which), with its figures printed.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from homes import SILENCE, Archive
from power_cuts import LEAST, MANNERS, NAMES_ALONE, Manner, Medium, State, lay, watched
from tiers import flip

from preservation.app.keeping import retention_of
from preservation.app.upkeep import check_catalogue
from preservation.bags import sealed
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.fixity.engine import EngineSettings
from preservation.model.outcome import Outcome
from preservation.model.replica import ReplicaState
from preservation.storage.mount import Mount

SOAK = bool(os.environ.get("SAMARKAND_SOAK"))
MOMENTS = int(os.environ.get("SAMARKAND_MOMENTS", "150" if SOAK else "2"))
SEED = os.environ.get("SAMARKAND_SEED", "17")
pytestmark = [pytest.mark.timeout(3 * 3600)] if SOAK else []
FILES = {"a.txt": b"one", "deep/er/b.txt": b"two" * 3000, "c.bin": bytes(200_000), "d": b""}


@dataclass
class Scene:
    """A home in which some work is due.

    Attributes:
        again: types of events that a second run may rightly give once more.
    """

    archive: Archive
    run: Callable[[Archive], object]
    again: frozenset[str] = frozenset()

    def fresh(self, kept: Path) -> Archive:
        """As it was before, under the same path."""
        remove_tree(self.archive.home)
        shutil.copytree(kept, self.archive.home, symlinks=True)
        archive = copy(self.archive)
        archive.clock = copy(self.archive.clock)
        return archive

    def ending(self, archive: Archive) -> dict[str, object]:
        """What there is in the end, but for what differs rightly."""
        told = {key: n for key, n in archive.told().items() if key[0] not in self.again}
        return archive.standing() | {"told": told}


def taken_in(root: Path, rules: dict[str, object] | None = None) -> Archive:
    archive = Archive(root, rules)
    archive.put("first", FILES)
    return archive


def replicated(root: Path, rules: dict[str, object] | None = None) -> Archive:
    archive = taken_in(root, rules)
    archive.take_inbox()
    archive.replicate()
    return archive


def ingest(root: Path) -> Scene:
    return Scene(taken_in(root), Archive.take_inbox)


def replicate(root: Path) -> Scene:
    archive = taken_in(root)
    archive.take_inbox()
    return Scene(archive, Archive.replicate)


def repair(root: Path) -> Scene:
    """Of a folder, file by file, and of a tar."""
    archive = replicated(root)
    flip(min(archive.tier("mirror").glob("notes/*/*/*/v1/data/deep/er/b.txt")), 4000)
    min(archive.tier("mirror").glob("notes/*/*/*/v1/data/a.txt")).unlink()
    flip(min(archive.tier("deep").glob("notes/*/*/*/v1.tar")), 9000)
    assert len(archive.audit().findings) == 2
    return Scene(archive, Archive.repair, frozenset({"repair begun", "fixity check", "quarantine"}))


def drain(root: Path) -> Scene:
    def drained(archive: Archive) -> None:
        with archive.opened() as (parts, _):
            parts.drain()

    return Scene(replicated(root), drained)


def dispose(root: Path) -> Scene:
    archive = replicated(root, {"retention": {"keep": "10y", "approvals": 1}})
    archive.clock.at += timedelta(days=11 * 366)
    with archive.opened() as (parts, policy):
        service = retention_of(parts)
        proposal = service.reviewer.review(policy).proposal
        assert proposal is not None
        service.approve(proposal.digest, "ana", "")

    def disposed(archive: Archive) -> None:
        with archive.opened() as (parts, _):
            service = retention_of(parts)
            service.finish(SILENCE)
            if not list(parts.catalogue.custody.tombstones()):
                service.dispose(proposal.digest, "ana", "kept long enough", SILENCE)

    return Scene(archive, disposed, frozenset({"fixity check"}))


def is_exempt(name: str) -> bool:
    """The catalogue is SQLite's to keep, the inbox its depositors'."""
    return name.startswith("catalogue") or name in ("inbox", "lock")


def states(scene: Scene, kept: Path, draw: random.Random) -> list[tuple[str, State]]:
    """What cuts at some moments of the work leave, and right behind its end."""
    count = [0]
    archive = scene.fresh(kept)
    with watched(Medium(archive.home, is_exempt), lambda number: count.__setitem__(0, number + 1)):
        scene.run(archive)
    points = Counter(draw.randrange(count[0]) for _ in range(MOMENTS))
    archive = scene.fresh(kept)
    medium, found = Medium(archive.home, is_exempt), []

    def cut(number: int) -> None:
        for _ in range(points[number]):
            manner: Manner = draw.choice(MANNERS)
            found.append((f"call {number} of {count[0]}, {manner}", medium.after_cut(manner, draw)))

    with watched(medium, cut):
        scene.run(archive)
    medium.look()
    ends = (LEAST, NAMES_ALONE)  # what was never synced is missed here for certain
    found += [(f"the end, {manner}", medium.after_cut(manner, draw)) for manner in ends]
    return found


def what_was_recorded_is_there(archive: Archive) -> None:
    """Each replica that the catalogue speaks of and does not call damaged, byte for byte; unless
    it is said to be taken away.
    """
    settings = EngineSettings(workers=1)
    with archive.opened() as (parts, _):
        leaving = {row.key for row in parts.catalogue.custody.removals(pending=True)}
        for row in parts.catalogue.replicas():
            if row.state is ReplicaState.DAMAGED or row.key in leaving:
                continue
            tier = parts.tiers[row.tier]
            sidecar = tier.sidecar(row.key)
            assert sidecar is not None, f"{row.tier}: no sidecar"
            assert (sidecar.seal, sidecar.tar) == (row.seal, row.tar)
            held = tier.held(row.key, row.packaging)
            seen = sealed.verify(held, row.seal, tar=row.tar, settings=settings, progress=SILENCE)
            assert seen.outcome is Outcome.INTACT, f"{row.tier}: {seen.outcome}"


@pytest.mark.parametrize("make", [ingest, replicate, repair, drain, dispose])
@pytest.mark.parametrize("at_once", [True, False] if SOAK else [True])
def test_a_power_cut_loses_nothing_that_was_called_durable(
    make: Callable[[Path], Scene], at_once: bool, ground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mount, "syncs_as_one", property(lambda _: at_once))
    draw = random.Random(f"{make.__name__} {SEED}")
    scene = make(ground)
    kept = scene.archive.copied_to(ground / "kept").home
    before = {event.id for event in scene.archive.events()}
    archive = scene.fresh(kept)
    scene.run(archive)
    wanted = scene.ending(archive)
    cuts = states(scene, kept, draw)
    for told, state in cuts:
        try:
            lay(state, scene.archive.home)
            archive = copy(scene.archive)
            archive.clock = copy(scene.archive.clock)
            archive.clock.at += timedelta(days=2)  # whoever was at work has lost its lease
            what_was_recorded_is_there(archive)
            scene.run(archive)
            assert scene.ending(archive) == wanted
            assert before <= {event.id for event in archive.events()}
            what_was_recorded_is_there(archive)
            if SOAK:
                with archive.opened() as (parts, _):
                    parts.drain()
                _, different = check_catalogue(archive.home)
                assert different == []
        except Exception as error:
            error.add_note(f"a cut at {told}")
            raise
    print(f"{make.__name__}, {at_once=}: {len(cuts)} cuts")


def test_a_rename_that_is_never_synced_is_seen_to_be_lost(
    tmp_path: Path,
) -> None:
    """What the rig must be able to see: what is written without a sync does not survive."""
    (tmp_path / "former").write_bytes(b"former")
    medium, draw = Medium(tmp_path, lambda _: False), random.Random(1)
    with watched(medium, lambda _: None):
        (tmp_path / "new").write_bytes(b"new")
        os.rename(tmp_path / "new", tmp_path / "former")
    assert medium.after_cut(MANNERS[0], draw) == {"former": b"former"}
    torn = medium.after_cut(MANNERS[1], draw)
    assert list(torn) == ["former"]
    assert torn["former"] not in (b"former", b"new")
    with watched(medium, lambda _: None):
        durable.replace(tmp_path / "former", b"new")
        durable.write_new(tmp_path / "other", b"other")
    for manner in MANNERS:
        assert medium.after_cut(manner, draw) == {"former": b"new", "other": b"other"}
