"""Which replicas are made, from what, and what is said of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from homes import COMMUNITY, SILENCE, Archive
from tiers import flip

from preservation.app.policies import apply_policies, read_policies


@pytest.fixture
def one(archive: Archive) -> Archive:
    archive.ingest(archive.put("first", {"a.txt": b"one"}))
    return archive


def test_folder_and_tar_are_made_and_verified_from_a_verified_folder(one: Archive) -> None:
    made = [(r.tier, r.packaging.value, r.state, r.source) for r in one.replicate()]
    assert made == [
        ("mirror", "folder", "verified", "vault"),
        ("deep", "tar", "verified", "vault"),
    ]
    assert one.replicate() == []


def test_a_tar_can_be_the_only_source_left(one: Archive) -> None:
    with one.opened() as (parts, policy):
        for shard in parts.replication.plan(policy, tier="deep"):
            parts.replication.run(policy, shard, SILENCE)
    bag = next(one.tier("vault").glob("notes/*/*/*/v1"))
    flip(bag / "data/a.txt")
    one.audit("vault")
    (made,) = one.replicate()
    assert (made.tier, made.source, made.state) == ("mirror", "deep", "verified")


def test_a_replica_that_was_never_read_back_may_be_a_source(
    one: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = one.put("second", {"b.txt": b"two"})
    with one.opened() as (parts, policy):
        monkeypatch.setattr(parts.ingest._first, "_check", lambda *_, **__: None)
        arrival = parts.ingest.arrive(policy, other)
        result = parts.ingest.take(policy, arrival, SILENCE)
        assert [replica.state for replica in result.replicas] == ["written"]
        for shard in parts.replication.plan(policy, tier="mirror"):
            made = parts.replication.run(policy, shard, SILENCE)
            assert {row.state for row in made} == {"verified"}


def test_another_seal_in_the_replicas_place_is_a_dispute_that_nothing_overwrites(
    one: Archive,
) -> None:
    vault = next(one.tier("vault").glob("notes/*/*/*/v1.seal.json"))
    document = json.loads(vault.read_bytes()) | {"seal": "sha256:" + "0" * 64}
    stranger = one.tier("mirror") / vault.relative_to(one.tier("vault"))
    stranger.parent.mkdir(parents=True)
    stranger.write_text(json.dumps(document))
    before = stranger.read_bytes()
    states = {made.tier: (made.state, made.reason[:16]) for made in one.replicate()}
    assert states["mirror"] == ("not made", "[REP-OTHER-SEAL]")
    assert states["deep"][0] == "verified"
    assert stranger.read_bytes() == before


def test_a_replica_that_is_promised_no_more_is_still_a_source(one: Archive, tmp_path: Path) -> None:
    one.replicate()
    kept = [{"tier": tier, "packaging": "folder"} for tier in ("vault", "mirror")]
    one.write_policies({"replicas": kept})
    with one.opened() as (parts, _):
        checked = read_policies(one.policies)
        apply_policies(parts.home, checked, "us", "moving", one.clock, consent="we")
    flip(next(one.tier("vault").glob("notes/*/*/*/v1/data/a.txt")))
    shutil.rmtree(next(one.tier("mirror").glob("notes/*/*/*/v1")))
    one.audit()
    (tmp_path / "out").mkdir()
    with one.opened() as (parts, _):
        (version,) = parts.catalogue.versions(COMMUNITY)
        assert parts.restore.restore(version, tmp_path / "out", SILENCE).tiers == ("deep",)
    assert (tmp_path / "out/data/a.txt").read_bytes() == b"one"
    assert "deep" in {made.source for made in one.repair()}
    assert one.audit().outcomes["intact"] == 2
