"""Several replicas from one read: the source is read once, and no target harms another."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from homes import SILENCE, Archive
from tiers import flip

from preservation.bags.members import Member, members
from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import NoSpaceError, SamarkandError, SourceDamagedError
from preservation.files.held import HeldFolder
from preservation.model.allowance import Allowance
from preservation.model.replica import Packaging, ReplicaState
from preservation.replication import tee, writing
from preservation.replication.planning import plan_replicas
from preservation.replication.result import ReplicaResult
from preservation.replication.writing import Target, write_replicas
from preservation.storage.local import LocalTier, create_tier

FILES = {"a.txt": b"one", "empty": b"", "large.bin": bytes(range(256)) * 36_000}


class Reads:
    """Counts how often a source is begun, and the payload's octets that it gives."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun = self.octets = 0
        patch.setattr(writing, "members", self.members)
        patch.setattr("preservation.bags.sealed.members", self.members)
        patch.setattr("preservation.bags.sealed.copy_folder", self.refuse)

    def members(self, *args: Any) -> Iterator[Member]:
        self.begun += 1
        for path, octets, chunks in members(*args):
            yield Member(path, octets, self.counted(path, chunks))

    def counted(self, path: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.octets += len(chunk) if path.startswith(b"data/") else 0
            yield chunk

    def refuse(self, *_: object) -> None:
        raise AssertionError("read by helpers beside the one read")


@pytest.fixture
def one(archive: Archive) -> Archive:
    archive.ingest(archive.put("first", FILES))
    return archive


def states(results: Iterable[ReplicaResult]) -> dict[str, str]:
    return {made.tier: made.state for made in results}


def test_what_is_due_on_several_tiers_is_read_once(
    one: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    assert states(one.replicate()) == {"mirror": "verified", "deep": "verified"}
    assert (reads.begun, reads.octets) == (1, sum(map(len, FILES.values())))
    assert one.audit().outcomes["intact"] == 3


def test_where_each_tier_has_a_queue_each_is_planned_for_itself(one: Archive) -> None:
    with one.opened() as (parts, policy):
        apart = parts.replication.plan(policy, together=False)
        assert [shard.tiers for shard in apart] == [("mirror",), ("deep",)]
        (both,) = parts.replication.plan(policy)
        assert both.tiers == ("mirror", "deep")
        assert both.label == "mirror, deep · 1 AIP"
        assert type(both).from_json(both.to_json()) == both
        (one_tier,) = parts.replication.plan(policy, tier="deep")
        assert one_tier.tiers == ("deep",)


def test_what_was_written_before_takes_nothing_from_the_budget_for_writing(one: Archive) -> None:
    second = one.ingest(one.put("second", {"b.bin": bytes(1 << 20)}))
    one.replicate()
    with one.opened() as (parts, policy):
        rows = {row.key.aip: row for row in parts.catalogue.replicas(tier="mirror")}
        octets = {aip: row.octets for aip, row in rows.items()}
        unread = replace(rows[second.aip], state=ReplicaState.WRITTEN)

        def replicas(*_: object, **__: object) -> Iterator[ReplicaRow]:
            return iter([unread])

        catalogue = SimpleNamespace(versions=parts.catalogue.versions, replicas=replicas)

        def planned(budget: int) -> set[str]:
            shards = plan_replicas(
                catalogue, policy, one.clock.now(), tier="mirror", budget=Allowance(budget)
            )
            return {key.aip for shard in shards for key in shard.keys}

        assert planned(octets[second.aip]) == set(octets)


def test_a_tier_that_is_away_costs_the_others_nothing(one: Archive) -> None:
    one.ingest(one.put("second", {"b.txt": b"two"}))
    marker = one.tier("mirror") / "samarkand-tier.json"
    data = marker.read_bytes()
    marker.unlink()
    made = one.replicate()
    assert [(r.tier, r.state) for r in made] == [("mirror", "not now"), ("deep", "verified")] * 2
    assert {found.code for found in one.audit("deep").findings} == set()
    marker.write_bytes(data)
    assert states(one.replicate()) == {"mirror": "verified"}
    assert one.standing()["findings"] == []


def test_a_source_that_lies_makes_no_replica_anywhere_and_the_next_one_serves_all(
    one: Archive,
) -> None:
    with one.opened() as (parts, policy):
        for shard in parts.replication.plan(policy, tier="deep"):
            parts.replication.run(policy, shard, SILENCE)
    tar = next(one.tier("deep").glob("notes/*/*/*/v1.tar"))
    flip(next(one.tier("vault").glob("notes/*/*/*/v1")) / "data/large.bin", 4 << 20)
    (made,) = one.replicate()
    assert (made.tier, made.source, made.state) == ("mirror", "deep", "verified")
    assert tar.exists()
    assert [code for code, *_ in one.standing()["findings"]] == ["FIX-ALTERED"]


# -- the writers themselves, with targets that do harm


class Full:
    """A tar target that is full after some octets."""

    def write(self, chunks: Iterable[bytes]) -> None:
        next(iter(chunks))
        raise NoSpaceError("full")


class Hanging:
    """Takes one piece, and no other."""

    def __init__(self) -> None:
        self.wakes = threading.Event()

    def write(self, chunks: Iterable[bytes]) -> None:
        next(iter(chunks))
        self.wakes.wait(30)


class Scene:
    """A held folder, and new tiers to write to."""

    def __init__(self, archive: Archive) -> None:
        with archive.opened() as (parts, _):
            (self.version,) = parts.catalogue.versions()
            (self.source,) = parts.catalogue.replicas(tier="vault")
        self.path = archive.tier("vault") / self.source.key.place(Packaging.FOLDER)
        self.root = archive.home / "more"

    def target(self, name: str, packaging: Packaging) -> Target:
        create_tier(self.root / name, name)
        incoming = LocalTier(self.root / name, name).incoming(self.version.key, packaging)
        return Target(name, packaging, incoming, SILENCE)

    def write(self, targets: list[Target]) -> list[Any]:
        held = HeldFolder(self.path, False)
        return write_replicas(self.version, held, self.source, targets, SILENCE, None)


@pytest.fixture
def scene(one: Archive) -> Scene:
    return Scene(one)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_folders_and_tars_are_written_alike(scene: Scene) -> None:
    kinds = [Packaging.FOLDER, Packaging.TAR, Packaging.FOLDER, Packaging.TAR]
    targets = [scene.target(f"t{n}", kind) for n, kind in enumerate(kinds)]
    sidecars = scene.write(targets)
    assert [made.packaging for made in sidecars] == kinds
    assert sidecars[1].tar == sidecars[3].tar is not None
    for target in (targets[0], targets[2]):
        assert files(target.incoming.folder) == files(scene.path)
    for target, sidecar in zip(targets, sidecars, strict=True):
        target.incoming.commit(sidecar)


def test_one_that_is_full_and_one_that_hangs_do_not_stop_the_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tee.Lane, "__init__", _impatient(tee.Lane.__init__))
    monkeypatch.setattr(writing, "_LAST_BREATH", 0.1)
    hanging: Any = Hanging()
    full: Any = Full()
    bad = [Target("bad", Packaging.TAR, each, SILENCE) for each in (full, hanging)]
    good = [scene.target("folder", Packaging.FOLDER), scene.target("tar", Packaging.TAR)]
    sidecars = scene.write([bad[0], good[0], bad[1], good[1]])
    hanging.wakes.set()
    assert [sidecar is not None for sidecar in sidecars] == [False, True, False, True]
    assert isinstance(bad[0].error, NoSpaceError)
    assert isinstance(bad[1].error, tee.LeftBehindError)
    assert bad[1].hangs
    assert files(good[0].incoming.folder) == files(scene.path)


def _impatient(init: Any) -> Any:
    return lambda self, *_: init(self, 0.3)


def test_no_target_gets_a_sidecar_from_a_source_that_lies(scene: Scene) -> None:
    flip(scene.path / "data/large.bin", 4 << 20)
    targets = [scene.target("folder", Packaging.FOLDER), scene.target("tar", Packaging.TAR)]
    with pytest.raises(SourceDamagedError):
        scene.write(targets)
    assert all(isinstance(target.error, SamarkandError) for target in targets)


def test_when_nobody_takes_any_more_the_source_is_not_read_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    full: Any = Full()
    assert scene.write([Target("bad", Packaging.TAR, full, SILENCE)]) == [None]
    assert reads.octets < len(FILES["large.bin"])
