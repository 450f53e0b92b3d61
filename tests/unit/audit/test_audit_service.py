"""Which replicas an audit reads, and what it says of those that it could not read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from homes import SILENCE, Archive, only
from tiers import flip


@pytest.fixture
def three(archive: Archive) -> Archive:
    """Three AIPs of 100, 200 and 300 octets on all tiers."""
    for number in (1, 2, 3):
        archive.ingest(archive.put(str(number), {"a.bin": bytes([number]) * 100 * number}))
    archive.replicate()
    return archive


def planned(archive: Archive, **how: object) -> list[tuple[str, int]]:
    with archive.opened() as (parts, policy):
        shards = parts.audit.plan(policy, **how)  # type: ignore[arg-type]
        return [(shard.tier, len(shard.items)) for shard in shards]


def test_each_night_takes_at_least_its_share(three: Archive) -> None:
    assert planned(three) == [("deep", 1), ("mirror", 1), ("vault", 1)]


def test_what_is_nearly_due_is_all_taken(three: Archive) -> None:
    three.clock.at += timedelta(days=85)
    assert planned(three) == [("deep", 3), ("mirror", 3), ("vault", 3)]


def test_the_budget_is_kept_but_for_one_replica_of_each_tier(three: Archive) -> None:
    three.clock.at += timedelta(days=85)
    assert planned(three, tier="vault", budget=300) == [("vault", 2)]
    assert planned(three, tier="vault", budget=1) == [("vault", 1)]


def test_the_longest_unchecked_comes_first(three: Archive) -> None:
    three.clock.at += timedelta(days=30)
    with three.opened() as (parts, policy):
        first = only(parts.audit.plan(policy, tier="vault"))
        assert parts.audit.run(policy, first, SILENCE).checked == 1
        second = only(parts.audit.plan(policy, tier="vault"))
    assert first.items != second.items


def test_a_retry_reads_nothing_twice(three: Archive) -> None:
    with three.opened() as (parts, policy):
        shard = only(parts.audit.plan(policy, tier="vault", everything=True))
        assert parts.audit.run(policy, shard, SILENCE).checked == 3
        assert parts.audit.run(policy, shard, SILENCE).checked == 0


def test_what_was_not_checked_is_not_counted_as_checked(three: Archive) -> None:
    (three.tier("vault") / "samarkand-tier.json").unlink()
    found = three.audit("vault")
    assert (found.checked, found.outcomes["unchecked"]) == (0, 3)
    assert {finding.code for finding in found.findings} == {"FIX-UNCHECKED"}
    with three.opened() as (parts, _):
        assert parts.catalogue.findings() == []


def test_damage_found_twice_is_one_finding(three: Archive) -> None:
    bag = next(three.tier("vault").glob("notes/*/*/*/v1"))
    flip(bag / "data/a.bin")
    first, again = three.audit("vault"), three.audit("vault")
    assert [len(found.findings) for found in (first, again)] == [1, 1]
    with three.opened() as (parts, _):
        finding = only(parts.catalogue.findings())
    assert (finding.code, finding.state) == ("FIX-ALTERED", "open")
    assert "data/a.bin" in finding.message


def test_what_was_not_checked_for_too_long_is_overdue(three: Archive) -> None:
    with three.opened() as (parts, policy):
        assert parts.audit.overdue(policy) == 0
        three.clock.at += timedelta(days=91)
        assert parts.audit.overdue(policy) == 9
