"""Drills: everything done to rehearsal replicas is found and healed, and nothing of it stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from buckets import KEYS, Server, described, serving
from homes import SILENCE, Archive, snapshot

from preservation.app import drilling
from preservation.app.drilling import drill, drill_is_due, last_drill
from preservation.app.upkeep import rebuild_catalogue
from preservation.drill import service
from preservation.drill.harms import HARMS
from preservation.errors import SamarkandError, UsageError
from preservation.model.outcome import Outcome
from preservation.model.progress import Silence
from preservation.repair.service import RepairService
from preservation.storage.local import LocalTier

RULES = {"drill": {"every": "30d", "tiers": ["mirror", "deep"]}}


@pytest.fixture
def drilled(ground: Path) -> Archive:
    """A home with one AIP, whose policy asks for drills on a folder tier and a tar tier."""
    archive = Archive(ground, RULES)
    archive.ingest(archive.put("first", {"a.txt": b"one"}))
    archive.replicate()
    return archive


def test_every_harm_is_found_and_healed_and_nothing_of_the_drill_is_left(drilled: Archive) -> None:
    before, standing = snapshot(drilled.home / "tiers"), drilled.standing()
    with drilled.opened() as (parts, policy):
        assert drill_is_due(parts, policy)
        done = drill(parts, policy, SILENCE)
        assert not drill_is_due(parts, policy)
        assert parts.standing(policy).totals == {}
        remembered = last_drill(parts, "notes")
        assert remembered is not None
        (sentence,) = drilling.drill_words(parts, policy)
        assert "16 of 16 harms found, 16 healed" in sentence
        assert remembered.score.to_json() == done.score.to_json()
    assert {(one.tier, one.harm) for one in done.score.trials} == {
        (tier, harm) for tier in ("mirror", "deep") for harm in HARMS
    }
    assert done.score.passed, done.score.missed()
    assert {path: row[-1] for path, row in snapshot(drilled.home / "tiers").items()} == {
        path: row[-1] for path, row in before.items()
    }
    assert drilled.standing() == standing
    assert drilled.unfinished() == []
    (event,) = [event for event in drilled.events() if event.type.value == "drill"]
    assert (event.outcome, event.detail["found"], event.detail["healed"]) == ("success", 16, 16)
    drilled.clock.at += timedelta(days=30)
    with drilled.opened() as (parts, policy):
        assert drill_is_due(parts, policy)
        parts.drain()
    report, _ = rebuild_catalogue(drilled.home)
    assert (report.versions, report.replicas) == (1, 3)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Few harms, where the drill itself is not what is tested."""
    return lambda *names: monkeypatch.setattr(
        service, "HARMS", {name: HARMS[name] for name in names}
    )


def test_a_killed_drill_is_cleared_away_by_the_next(
    drilled: Archive, monkeypatch: pytest.MonkeyPatch, only: Callable[..., None]
) -> None:
    only("flip")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(drilling, "remove_tree", lambda _: None)
        patched.setattr("preservation.storage.local.remove_tree", lambda _: None)
        patched.setattr(drilling, "run_drill", killed)
        with drilled.opened() as (parts, policy), pytest.raises(KeyboardInterrupt):
            drill(parts, policy, SILENCE)
    assert (drilled.tier("mirror") / ".incoming" / ".probe-drill-notes").is_dir()
    assert (drilled.home / "scratch" / "drill-notes").is_dir()
    with drilled.opened() as (parts, policy):
        assert drill_is_due(parts, policy)
        assert drill(parts, policy, SILENCE).score.passed
    assert list((drilled.tier("mirror") / ".incoming").iterdir()) == []
    assert drilled.unfinished() == []


def test_what_an_audit_misses_is_a_finding_until_a_drill_finds_it(
    drilled: Archive, monkeypatch: pytest.MonkeyPatch, only: Callable[..., None]
) -> None:
    only("silent metadata change", "delete")
    real = drilling.Checker._look  # an audit that believes bag-info.txt

    def credulous(self, row, *rest, **more):  # type: ignore[no-untyped-def]
        seen = real(self, row, *rest, **more)
        believed = [one for one in seen.files if one.path == b"bag-info.txt"]
        return replace(seen, outcome=Outcome.INTACT) if believed and len(seen.files) == 1 else seen

    with drilled.opened() as (parts, policy):
        with monkeypatch.context() as patched:
            patched.setattr(drilling.Checker, "_look", credulous)
            done = drill(parts, policy, SILENCE)
        assert not done.score.passed
        assert "silent metadata change on mirror: not found" in done.score.missed()
        (finding,) = parts.catalogue.findings(state="open")
        assert finding.code == "DRL-FAILED"
        assert "silent metadata change" in finding.message
        assert not parts.standing(policy).kept
        assert drill(parts, policy, SILENCE).score.passed
        assert parts.catalogue.findings(state="open") == []


class Listening(Silence):
    def __init__(self, said: list[str]) -> None:
        self._said = said

    def say(self, sentence: str) -> None:
        self._said.append(sentence)


def test_what_a_repair_does_not_heal_is_told(
    drilled: Archive, monkeypatch: pytest.MonkeyPatch, only: Callable[..., None]
) -> None:
    only("truncate")
    monkeypatch.setattr(RepairService, "repair", lambda *_, **__: None)
    said: list[str] = []
    with drilled.opened() as (parts, policy):
        score = drill(parts, policy, Listening(said)).score
    assert (score.found, score.healed) == (2, 0)
    assert said
    assert all(sentence.startswith("drill: ") for sentence in said)  # it must alarm nobody


def test_no_harm_is_ever_done_to_a_real_tier(drilled: Archive) -> None:
    with drilled.opened() as (parts, _):
        (row,) = [row for row in parts.catalogue.replicas() if row.tier == "deep"]
        tier = parts.tiers["deep"]
        assert isinstance(tier, LocalTier)
        with pytest.raises(SamarkandError) as refused:
            tier.spoil(row.key, b"harm")
    assert refused.value.code == "TIER-NO-REHEARSAL"
    assert drilled.audit().outcomes["intact"] == 3


def test_nobody_is_drilled_whose_policy_names_no_tier(archive: Archive) -> None:
    with archive.opened() as (parts, policy):
        assert not drill_is_due(parts, policy)
        with pytest.raises(UsageError):
            drill(parts, policy, SILENCE)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


def test_a_bucket_is_drilled_under_a_prefix_of_its_own(
    server: Server, ground: Path, monkeypatch: pytest.MonkeyPatch, only: Callable[..., None]
) -> None:
    only("flip", "stale version", "delete")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bucket = described(server.endpoint, "drilled")
    archive = Archive(ground, {"drill": {"tiers": ["deep"]}}, tiers={"deep": bucket})
    client = server.client()

    def listed() -> list[str]:
        found = client.list_objects_v2(Bucket="keeping", Prefix="drilled/")
        return sorted(one["Key"] for one in found["Contents"])

    before = listed()
    with archive.opened() as (parts, policy):
        score = drill(parts, policy, SILENCE).score
    assert score.passed, json.dumps(score.to_json())
    assert len(score.trials) == 3
    assert listed() == before
