"""Very large replicas are read in parts, which come to exactly one check."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from buckets import KEYS, Server, described, serving
from homes import SILENCE, Archive, only
from tiers import flip

from preservation.app.parts import Parts
from preservation.audit import parted, service
from preservation.audit.outlook import unreached
from preservation.audit.service import AuditResult, total
from preservation.model.event import EventType
from preservation.model.shard import Shard
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.work import audit as work
from preservation.policy.policy import Policy

FILES = {f"d/{number:02d} ü.bin": bytes([number]) * 3000 for number in range(20)}


def split_above(monkeypatch: pytest.MonkeyPatch, octets: int) -> None:
    """Smaller than any policy may say, so that small files will do."""
    really = Policy.from_effective

    def smaller(data: Mapping[str, Any]) -> Policy:
        policy = really(data)
        return replace(policy, audit=replace(policy.audit, split_above=octets))

    monkeypatch.setattr(Policy, "from_effective", smaller)


@pytest.fixture
def large(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """One AIP of 20 files on all tiers, to be read in six parts."""
    split_above(monkeypatch, 40_000)
    archive.ingest(archive.put("large", FILES))
    archive.replicate()
    return archive


@contextmanager
def planned(archive: Archive, tier: str) -> Iterator[tuple[Parts, Policy, list[Shard]]]:
    with archive.opened() as (parts, policy):
        yield parts, policy, parts.audit.plan(policy, tier=tier, everything=True)


def run(archive: Archive, tier: str, only_parts: range | None = None) -> list[AuditResult]:
    with planned(archive, tier) as (parts, policy, shards):
        return [
            parts.audit.run(policy, shard, SILENCE)
            for shard in shards
            if only_parts is None or shard.part in only_parts
        ]


def checks(archive: Archive, tier: str) -> list[dict[str, object]]:
    """What audits recorded: every check but the read-back of the fresh replica."""
    with archive.opened() as (parts, _):
        found = [one for one in parts.all_events() if one.type is EventType.FIXITY_CHECK]
        return [dict(one.detail) for one in found if one.tier == tier][1:]


def bag(archive: Archive, tier: str = "vault") -> Path:
    return next(archive.tier(tier).glob("notes/*/*/*/v1"))


def tar(archive: Archive) -> Path:
    return next(archive.tier("deep").glob("notes/*/*/*/v1.tar"))


@pytest.mark.parametrize("tier", ["vault", "deep"])
def test_all_parts_are_one_check_that_says_what_a_whole_one_says(
    large: Archive, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = run(large, tier)
    assert [result.checked for result in results] == [0, 0, 0, 0, 0, 1]
    split_above(monkeypatch, 10**9)
    assert only(run(large, tier)).checked == 1
    in_parts, whole = checks(large, tier)
    assert in_parts["parts"] == 6
    assert in_parts["files"] == whole["files"]
    assert in_parts["algorithms"] == whole["algorithms"]


@pytest.mark.parametrize("tier", ["vault", "deep"])
def test_a_killed_night_goes_on_inside_the_replica(large: Archive, tier: str) -> None:
    run(large, tier, range(1, 5))
    with planned(large, tier) as (_, _, shards):
        assert [shard.part for shard in shards] == [5, 6]
    assert run(large, tier)[-1].outcomes["intact"] == 1


def test_where_a_new_policy_cuts_otherwise_the_check_begins_anew(
    large: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(large, "vault", range(1, 5))
    split_above(monkeypatch, 59_999)
    assert [result.checked for result in run(large, "vault")] == [0, 0, 0, 0, 1]
    (only_check,) = checks(large, "vault")
    assert only_check["parts"] == 5
    with large.opened() as (parts, _):
        assert list(parts.catalogue.check_parts.begun("notes")) == []


def test_without_its_last_part_there_is_no_outcome(large: Archive) -> None:
    run(large, "vault", range(1, 6))
    with large.opened() as (parts, policy):
        settled = parts.audit.settle(policy, SILENCE)
    assert (settled.checked, settled.left) == (0, 1)
    assert checks(large, "vault") == []


@pytest.mark.parametrize("tier", ["vault", "deep"])
def test_parts_that_are_too_old_are_read_again(large: Archive, tier: str) -> None:
    run(large, tier, range(1, 5))
    large.clock.at += parted.SPAN + timedelta(seconds=1)
    with planned(large, tier) as (_, _, shards):
        assert len(shards) == 6


def test_a_file_that_changed_after_its_part_was_read_is_noticed(large: Archive) -> None:
    run(large, "vault", range(1, 6))
    flip(bag(large) / "data/d/00 ü.bin")
    assert run(large, "vault")[-1].outcomes["unchecked"] == 1
    assert run(large, "vault")[-1].outcomes["altered"] == 1


@pytest.mark.parametrize("octet", [0, 30_000])
def test_a_tar_that_changed_after_its_part_was_read_is_noticed(large: Archive, octet: int) -> None:
    run(large, "deep", range(1, 6))
    flip(tar(large), octet)
    assert run(large, "deep")[-1].outcomes["unchecked"] == 1
    found = run(large, "deep")
    assert sum(result.outcomes["altered"] for result in found) == 1


def test_an_extra_file_and_a_lost_one_are_damage(large: Archive) -> None:
    (bag(large) / "data/d").chmod(0o755)
    (bag(large) / "data/d/extra").write_bytes(b"?")
    (bag(large) / "data/d/07 ü.bin").unlink()
    found = run(large, "vault")[-1]
    assert found.outcomes["altered"] == 1
    detail = checks(large, "vault")[0]["files"]
    assert isinstance(detail, dict)
    assert (detail["altered"], detail["missing"]) == (1, 1)


def altered(archive: Archive) -> int:
    return sum(result.outcomes["altered"] for result in run(archive, "deep"))


def test_no_octet_of_a_tar_is_left_out(large: Archive) -> None:
    """Headers, padding, tag files, contents and the end: whatever a flip hits is found."""
    path = tar(large)
    size = path.stat().st_size
    for octet in (0, 515, 2_000, 20_000, 40_000, size - 600, size - 1):
        flip(path, octet)
        assert altered(large) == 1, octet
        flip(path, octet)


def test_a_tar_of_another_length_is_damaged(large: Archive) -> None:
    path = tar(large)
    data = path.read_bytes()
    path.chmod(0o644)
    for other in (data[:-1], data[:-70_000], data + b"\0"):
        path.write_bytes(other)
        assert altered(large) == 1, len(other)


def test_damage_that_is_known_is_told_though_a_part_was_not_read(large: Archive) -> None:
    flip(bag(large) / "data/d/00 ü.bin")
    run(large, "vault", range(1, 4))
    with large.opened() as (parts, policy):
        settled = parts.audit.settle(policy, SILENCE)
        assert settled.outcomes["altered"] == 1
        assert only(parts.catalogue.findings()).code == "FIX-ALTERED"
    detail = checks(large, "vault")[0]["files"]
    assert isinstance(detail, dict)
    assert detail["unchecked"] > 0


def test_a_bag_whose_inventory_is_damaged_is_read_as_a_whole_and_once(large: Archive) -> None:
    flip(bag(large) / "metadata/inventory.csv")
    found = run(large, "vault")
    assert sum(result.outcomes["altered"] for result in found) == 1
    assert len(checks(large, "vault")) == 1


def test_a_tier_that_is_away_between_the_parts_leaves_the_replica_unchecked(
    large: Archive,
) -> None:
    run(large, "vault", range(1, 4))
    marker = large.tier("vault") / "samarkand-tier.json"
    away = marker.rename(marker.with_name("away"))
    with planned(large, "vault") as (parts, policy, shards):
        last = parts.audit.run(policy, shards[-1], SILENCE)
    assert last.outcomes["unchecked"] == 1
    away.rename(marker)
    assert run(large, "vault")[-1].outcomes["intact"] == 1
    assert len(checks(large, "vault")) == 1


def test_of_a_replica_that_is_read_in_part_only_the_rest_is_charged(large: Archive) -> None:
    run(large, "vault", range(1, 4))
    with large.opened() as (parts, policy):
        # The first tier takes 60,000 octets; then a whole replica is too much, half of one not.
        shards = parts.audit.plan(policy, everything=True, budget=95_000)
    assert {shard.tier for shard in shards} == {"deep", "vault"}
    assert [shard.part for shard in shards if shard.tier == "vault"] == [4, 5, 6]


def test_a_replica_whose_parts_could_not_be_read_is_unchecked_once(large: Archive) -> None:
    marker = large.tier("vault") / "samarkand-tier.json"
    with planned(large, "vault") as (parts, policy, shards):
        marker.rename(marker.with_name("away"))
        whole = total(parts.audit.run(policy, shard, SILENCE) for shard in shards)
        told = work.summed([[work.check(parts, shard.to_json(), SILENCE) for shard in shards]])
    assert len(shards) == 6
    assert (len(whole.checks), whole.outcomes["unchecked"]) == (1, 1)
    assert (len(told["unchecked"]), told["outcomes"]["unchecked"]) == (1, 1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


def test_a_tar_in_several_objects_is_read_in_parts_and_one_check(
    ground: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    split_above(monkeypatch, 3 * 1024**2)
    monkeypatch.setattr(parted, "SHARE", 1)
    declared = described(server.endpoint, "parted", object_limit="8 MiB")
    archive = Archive(ground, tiers={"deep": declared})
    archive.ingest(archive.put("large", {f"{n}.bin": os.urandom(3 * 1024**2) for n in range(3)}))
    archive.replicate()
    results = run(archive, "deep")
    assert [result.checked for result in results] == [0, 0, 1]
    client = server.client()
    listed = client.list_objects_v2(Bucket="keeping", Prefix="parted/notes/")["Contents"]
    (second,) = [one["Key"] for one in listed if one["Key"].endswith(".tar.00002")]
    body = bytearray(client.get_object(Bucket="keeping", Key=second)["Body"].read())
    body[100_000] ^= 1
    run(archive, "deep", range(1, 3))
    client.put_object(Bucket="keeping", Key=second, Body=bytes(body))
    assert run(archive, "deep")[-1].outcomes["unchecked"] == 1  # it changed between the parts
    assert sum(result.outcomes["altered"] for result in run(archive, "deep")) == 1


def test_what_is_due_and_takes_too_many_tasks_is_told(
    large: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("second", "third"):
        large.ingest(large.put(name, {**FILES, "title.txt": name.encode()}))
    large.clock.at += timedelta(days=100)
    monkeypatch.setattr(service, "MAX_SHARDS", 8)  # six parts of the first, two of the second
    with large.opened() as (parts, policy):
        night = list(parts.audit.night(policy, tier="vault"))
        left = parts.audit.beyond(policy, night)
        said = list[str]()
        shards = parts.audit.plan(policy, tier="vault", progress=LogProgress(said.append))
        reached = {item for shard in shards for item in shard.items}
        assert {name: one.replicas for name, one in left.items()} == {"vault": 1}
        assert len(reached) == 2
        (told,) = unreached(policy, left)
        assert "1 replica (58.6 KiB) to be read now" in told
        assert said == [told]
        monkeypatch.undo()
        assert parts.audit.beyond(policy, night) == {}
