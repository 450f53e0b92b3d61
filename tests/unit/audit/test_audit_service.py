"""Which replicas an audit reads, and what it says of those that it could not read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from homes import SILENCE, Archive, only
from tiers import flip

from preservation.audit.planner import Reason
from preservation.audit.rate import _Watch
from preservation.catalogue.brake import BRAKE, brake
from preservation.catalogue.holding import hold
from preservation.catalogue.turns import Aim
from preservation.errors import BusyError, UsageError
from preservation.model.event import EventType
from preservation.model.replica import VersionKey
from preservation.model.shard import Shard
from preservation.repair.accepting import accept, reopen


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


def test_what_is_nearly_due_is_all_taken(three: Archive) -> None:
    three.clock.at += timedelta(days=85)
    assert planned(three) == [("deep", 3), ("mirror", 3), ("vault", 3)]


def test_the_budget_is_kept_but_for_one_replica(three: Archive) -> None:
    three.clock.at += timedelta(days=85)
    assert planned(three, tier="vault", budget=300) == [("vault", 2)]
    assert planned(three, tier="vault", budget=1) == [("vault", 1)]


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


def test_a_tier_mounted_empty_with_its_marker_puts_the_brake_on_repair(three: Archive) -> None:
    """It looks like the loss of everything; when the volume is back, the brake lets go."""
    vault, away = three.tier("vault"), three.tier("vault").with_name("away")
    vault.rename(away)
    vault.mkdir()
    shutil.copy2(away / "samarkand-tier.json", vault)
    found = three.audit("vault")
    assert found.outcomes["missing"] == 3
    with three.opened() as (parts, policy):
        one = brake(parts.catalogue, policy.community, "vault")
        assert one is not None
        assert "nothing is there, though the tier has its marker: 3 replicas" in one.message
        assert brake(parts.catalogue, policy.community, "mirror") is None
        night = list(parts.audit.night(policy))
        assert [found.reason for found in night if found.turn.tier == "vault"] == [
            Reason.BRAKED
        ] * 3
    shutil.rmtree(vault)
    away.rename(vault)
    with three.opened() as (parts, policy):
        for shard in parts.audit.plan(policy):
            parts.audit.run(policy, shard, SILENCE)
        assert parts.catalogue.findings(state="open") == []


def test_a_person_lets_the_brake_go_for_what_was_found(three: Archive) -> None:
    shutil.rmtree(three.tier("vault") / "notes")
    with three.opened() as (parts, policy):
        shard = only(parts.audit.plan(policy, tier="vault", everything=True))
        codes = [finding.code for finding in parts.audit.run(policy, shard, SILENCE).findings]
        assert codes.count(BRAKE) == 1
        one = brake(parts.catalogue, policy.community, "vault")
        assert one is not None
        detail = {"finding": one.id, "by": "ann", "reason": "the disk is new"}
        community, accepted = policy.community, EventType.FINDING_ACCEPTED
        parts.catalogue.record([parts.events.of(community, accepted, "success", detail)])
        parts.audit.run(policy, shard, SILENCE)
        assert brake(parts.catalogue, policy.community, "vault") is None


def test_the_loss_of_a_site_is_asked_about_once_though_it_comes_to_light_night_by_night(
    three: Archive,
) -> None:
    shutil.rmtree(three.tier("vault") / "notes")

    def read(aip: str) -> list[str]:
        with three.opened() as (parts, policy):
            shard = only(parts.audit.plan(policy, tier="vault", aim=Aim(aip=aip)))
            found = parts.audit.run(policy, shard, SILENCE).findings
        return [one.code for one in found if one.code == BRAKE]

    with three.opened() as (parts, policy):
        aips = [row.key.aip for row in parts.catalogue.replicas(tier="vault")]
        assert read(aips[0]) == [BRAKE]
        one = brake(parts.catalogue, policy.community, "vault")
        assert one is not None
        accept(parts.catalogue, parts.events, one, "ann", "the site burnt down")
    for aip in aips:
        with three.opened() as (parts, _):
            assert [row.state for row in parts.catalogue.findings(code=BRAKE)] == ["accepted"]
        assert read(aip) == []
        assert only(three.repair()).state == "repaired"
        assert read(aip) == []  # intact, which says nothing of the others
    with three.opened() as (parts, _):
        (row,) = parts.catalogue.findings(code=BRAKE)
        assert row.state == "resolved"


def test_a_run_begins_nothing_after_its_hours(three: Archive) -> None:
    with three.opened() as (parts, policy):
        slow = replace(policy, audit=replace(policy.audit, hours=timedelta(hours=8)))
        shard = only(parts.audit.plan(slow, tier="vault", everything=True))
        three.clock.at += timedelta(hours=8)
        result = parts.audit.run(slow, shard, SILENCE)
    assert (result.checked, result.left) == (0, 3)


def test_a_sample_says_what_it_buys_and_its_events_say_that_it_was_one(three: Archive) -> None:
    with three.opened() as (parts, policy):
        shard = only(parts.audit.plan(policy, tier="vault", sample=2))
        assert shard == Shard.from_json(json.loads(json.dumps(shard.to_json())))
        result = parts.audit.run(policy, shard, SILENCE)
        (sample,) = result.samples
        assert (sample.population, sample.checked, sample.damaged) == (3, 2, 0)
        drawn = [event for event in parts.all_events() if event.detail.get("drawn_from") == 3]
    assert len(drawn) == 2


def test_two_aimed_samples_of_as_many_replicas_are_two_drawings(three: Archive) -> None:
    with three.opened() as (parts, policy):
        aim = Aim(since=date(2000, 1, 1))
        first = only(parts.audit.plan(policy, tier="vault", aim=aim, sample=1))
        three.clock.at += timedelta(minutes=1)
        second = only(parts.audit.plan(policy, tier="vault", aim=aim, sample=1))
        assert first.drawn is not None
        assert second.drawn is not None
        assert first.drawn.of == second.drawn.of == 3
        assert first.drawn != second.drawn
        parts.audit.run(policy, second, SILENCE)
        lots = [event.detail["lot"] for event in parts.all_events() if "lot" in event.detail]
    assert lots == [second.drawn.lot]


def test_what_a_night_drew_is_drawn_for_the_whole_span_and_looking_draws_nothing(
    three: Archive,
) -> None:
    with three.opened() as (parts, policy):
        rule = replace(policy.audit.tiers["vault"], sample=2, every=timedelta(days=30))
        policy = replace(policy, audit=replace(policy.audit, tiers={"vault": rule}))
        list(parts.audit.night(policy))
        assert parts.catalogue.drawings.last(policy.community, "vault") is None
        first, again = parts.audit.plan(policy), parts.audit.plan(policy)
        assert [len(shard.items) for shard in first if shard.drawn] == [2]
        assert {item for shard in first for item in shard.items} == {
            item for shard in again for item in shard.items
        }


def test_the_rate_follows_a_file_while_replicas_are_read(tmp_path: Path) -> None:
    said: list[str] = []
    progress = SimpleNamespace(say=said.append)
    file = tmp_path / "audit.rate"
    watch = _Watch(file, 1024, progress)  # type: ignore[arg-type]
    for text in ("", "50 MiB\n", "50 MiB", "soon", "unlimited"):
        if text:
            file.write_text(text)
        watch.look()
    assert [sentence.partition(":")[0] for sentence in said] == [
        "reading at most 1.0 KiB a second",
        "reading at most 50.0 MiB a second",
        "audit.rate is not understood, and not obeyed",
        "reading without a limit",
    ]
    assert not watch.limit.is_set


def test_accepted_damage_stays_accepted_while_it_is_the_same(three: Archive) -> None:
    bag = next(three.tier("vault").glob("notes/*/*/*/v1"))
    flip(bag / "data/a.bin")
    three.audit("vault")
    with three.opened() as (parts, _):
        first = only(parts.catalogue.findings(state="open"))
        accept(parts.catalogue, parts.events, first, "anna", "a known blemish")
    again = three.audit("vault")
    assert (again.outcomes["altered"], again.findings) == (1, ())
    flip(bag / "data/a.bin", 7)
    three.audit("vault")
    with three.opened() as (parts, _):
        assert [one.state for one in parts.catalogue.findings()] == ["accepted", "open"]
        opened = [one for one in parts.all_events() if one.type is EventType.FINDING_OPENED]
    assert [one.detail.get("reopens") for one in opened] == [None, first.id]


def test_an_acceptance_can_be_taken_back_and_the_damage_is_healed(three: Archive) -> None:
    flip(next(three.tier("vault").glob("notes/*/*/*/v1")) / "data/a.bin")
    three.audit("vault")
    with three.opened() as (parts, _):
        catalogue, events = parts.catalogue, parts.events
        first = only(catalogue.findings())
        with pytest.raises(UsageError, match="no damage that a person accepted"):
            reopen(catalogue, events, first, "anna", "")
        accept(catalogue, events, first, "anna", "nobody has it")
        assert three.repair() == []
        first = only(catalogue.findings())
        key = VersionKey(first.community, first.aip, first.version)
        with hold(catalogue, f"replica:{key}:vault", parts.clock), pytest.raises(BusyError):
            reopen(catalogue, events, first, "anna", "while it is being read")
        made = reopen(catalogue, events, first, "ben", "found on a tape")
        with pytest.raises(UsageError, match="a finding about it is open"):
            reopen(catalogue, events, first, "ben", "again")
        assert [row.id for row in catalogue.findings(state="open")] == [made]
        opened = only(e for e in parts.all_events() if e.detail.get("reopens") == first.id)
        assert (opened.agent, opened.detail["reason"]) == ("ben", "found on a tape")
    assert [one.state for one in three.repair()] == ["repaired"]
    with three.opened() as (parts, _):
        assert not parts.catalogue.findings(state="open")
        with pytest.raises(UsageError, match="is not damaged"):
            reopen(parts.catalogue, parts.events, first, "ben", "again")


def test_damage_after_an_intact_check_is_new_however_alike(three: Archive) -> None:
    bag = next(three.tier("vault").glob("notes/*/*/*/v1"))
    flip(bag / "data/a.bin")
    three.audit("vault")
    with three.opened() as (parts, _):
        accept(parts.catalogue, parts.events, only(parts.catalogue.findings()), "anna", "known")
    flip(bag / "data/a.bin")
    three.audit("vault")
    flip(bag / "data/a.bin")
    assert len(three.audit("vault").findings) == 1
