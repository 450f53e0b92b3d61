"""What repair says when there is nothing to do, or nothing that it may do."""

from __future__ import annotations

import pytest
from homes import SILENCE, Archive, only
from tiers import flip

from preservation.errors import UsageError


@pytest.fixture
def damaged(archive: Archive) -> Archive:
    result = archive.ingest(archive.put("first", {"a.txt": b"one"}))
    archive.replicate()
    flip(archive.bag(result, "mirror") / "data/a.txt")
    archive.audit()
    return archive


def test_a_finding_that_nobody_knows_is_refused(archive: Archive) -> None:
    with archive.opened() as (parts, policy), pytest.raises(UsageError) as told:
        parts.repair.repair(policy, "00000000-0000-4000-8000-000000000000", SILENCE)
    assert told.value.code == "FND-UNKNOWN"


def test_a_replica_that_somebody_mended_by_hand_is_not_replaced(damaged: Archive) -> None:
    bag = next(damaged.tier("mirror").glob("notes/*/*/*/v1"))
    flip(bag / "data/a.txt")
    assert only(damaged.repair()).state == "intact"
    assert list((damaged.tier("mirror") / ".quarantine").iterdir()) == []
    assert damaged.repair() == []


def test_the_damaged_bytes_lie_in_quarantine_with_a_map_of_where_they_differ(
    damaged: Archive,
) -> None:
    repaired = only(damaged.repair())
    kept = damaged.tier("mirror") / repaired.quarantine
    assert (kept / "data/a.txt").read_bytes() == b"nne"
    digest = repaired.difference.removeprefix("sha256:")
    document = (damaged.home / f"journal/results/{digest[:2]}/{digest}.json").read_text()
    assert '"ranges":[{"bytes":1,"damaged":"6e","intact":"6f","offset":0}]' in document


def test_a_finding_that_was_closed_meanwhile_is_left_alone(damaged: Archive) -> None:
    with damaged.opened() as (parts, policy):
        finding = only(parts.repair.plan(policy))
        assert parts.repair.repair(policy, finding.id, SILENCE).state == "repaired"
        assert parts.repair.repair(policy, finding.id, SILENCE).state == "intact"


def test_a_tier_that_was_taken_out_of_the_home_leaves_the_repair_unfinished(
    damaged: Archive,
) -> None:
    with damaged.opened() as (parts, policy):
        finding = only(parts.repair.plan(policy))
        del parts.tiers["mirror"]  # type: ignore[attr-defined]
        result = parts.repair.repair(policy, finding.id, SILENCE)
    assert (result.state, "no tier" in result.reason) == ("unfinished", True)
