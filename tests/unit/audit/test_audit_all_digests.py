"""Now and then a check compares all digests, as the policy says; the others SHA-256 alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from homes import SILENCE, Archive, only

from preservation.model.event import EventType
from preservation.policy.policy import Policy

ALONE, ALL = ["sha256"], ["sha256", "sha512"]


@pytest.fixture
def archive(ground: Any) -> Archive:
    """One AIP on all tiers; its digests are all compared every 200 days, each checked in 90."""
    rule = {"level": "E3", "max_age": "90d", "all_digests": "200d"}
    archive = Archive(ground, {"audit": {"tiers": {"vault": rule, "deep": dict(rule)}}})
    archive.ingest(archive.put("one", {f"{n}.bin": bytes([n]) * 5000 for n in range(8)}))
    archive.replicate()
    return archive


def after(archive: Archive, days: int, tier: str) -> dict[str, Any]:
    """Check a tier after so many days; what the check's event says."""
    archive.clock.at += timedelta(days=days)
    assert archive.audit(tier).outcomes["intact"] == 1
    checks = [one for one in archive.events() if one.type is EventType.FIXITY_CHECK]
    return dict([one for one in checks if one.tier == tier][-1].detail)


@pytest.mark.parametrize("tier", ["vault", "deep"])
def test_all_digests_are_compared_by_the_last_check_before_that_is_due(
    archive: Archive, tier: str
) -> None:
    found = [after(archive, 60, tier) for _ in range(6)]  # up to day 360
    assert [one["algorithms"] for one in found] == [ALONE, ALL, ALONE, ALL, ALONE, ALL]
    assert [one.get("all_digests", False) for one in found] == [False, True] * 3
    with archive.opened() as (parts, _):
        row = only(row for row in parts.catalogue.replicas() if row.tier == tier)
        assert row.all_digests_at == row.checked_at


def test_where_a_policy_says_nothing_sha256_alone_is_compared(archive: Archive) -> None:
    assert [after(archive, 300, "mirror")["algorithms"] for _ in range(2)] == [ALONE, ALONE]


def test_a_plan_says_how_many_compare_all(archive: Archive) -> None:
    with archive.opened() as (parts, policy):
        archive.clock.at += timedelta(days=85)
        told = [str(one) for one in parts.audit.comparing(policy, parts.audit.night(policy))]
        assert told == [
            f"notes: on {tier} 0 of 1 check would compare all digests (of each replica every "
            "200d), the others SHA-256 alone: as many bytes, less work"
            for tier in ("deep", "vault")
        ]
        archive.clock.at += timedelta(days=60)
        found = parts.audit.comparing(policy, parts.audit.night(policy))
        assert {(one.tier, one.by_all) for one in found} == {("vault", 1), ("deep", 1)}


def test_a_catalogue_made_again_knows_it(archive: Archive) -> None:
    after(archive, 150, "vault")
    with archive.opened() as (parts, _):
        before = list(parts.catalogue.replicas())
        assert any(row.all_digests_at for row in before)
        events = list(parts.all_events())
        parts.catalogue.replay(events)
        assert list(parts.catalogue.replicas()) == before


@pytest.mark.parametrize("tier", ["vault", "deep"])
def test_the_parts_of_a_very_large_replica_compare_alike(
    archive: Archive, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Policy.from_effective

    def smaller(data: Mapping[str, Any]) -> Policy:
        policy = really(data)
        return replace(policy, audit=replace(policy.audit, split_above=20_000))

    monkeypatch.setattr(Policy, "from_effective", smaller)
    for days, compared in ((60, ALONE), (50, ALL)):  # at 110 days, a week before a whole one would
        archive.clock.at += timedelta(days=days)
        with archive.opened() as (parts, policy):
            shards = parts.audit.plan(policy, tier=tier, everything=True)
            assert len(shards) > 4
            result = [parts.audit.run(policy, shard, SILENCE) for shard in shards][-1]
        check = only(result.checks)
        assert (check.outcome.value, list(check.algorithms)) == ("intact", compared)
        detail = next(one.detail for one in archive.events() if one.id == check.event)
        assert detail.get("all_digests", False) is (compared == ALL)
