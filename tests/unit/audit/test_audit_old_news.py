"""Two programs read one replica at once: what was read before the other's record is old news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import SILENCE, Archive, only
from tiers import flip

from preservation.bags import sealed
from preservation.catalogue.protocol import ReplicaRow
from preservation.cli.ingest_command import _beside
from preservation.model.outcome import Outcome
from preservation.repair.accepting import accept
from preservation.replication.result import ReplicaResult

FILES = {"a.txt": b"a letter\n" * 900}


def after_reading(
    monkeypatch: pytest.MonkeyPatch, where: str, do: Callable[[], object]
) -> list[sealed.Verification]:
    """Let something happen once, between the first reading and its record."""
    read, did = getattr(sealed, where), list[sealed.Verification]()

    def patched(*args: Any, **named: Any) -> sealed.Verification:
        verified = read(*args, **named)
        did.append(verified)
        if len(did) == 1:
            do()
        return verified

    monkeypatch.setattr(f"preservation.bags.sealed.{where}", patched)
    return did


def overtaken(archive: Archive) -> None:
    """The bag is damaged, and an audit that took the lease over says so: this one slept."""
    bag = only(archive.tier("vault").glob("notes/*/*/*/v1"))
    flip(bag / "data" / "a.txt")
    archive.clock.at += timedelta(hours=1)
    assert archive.audit("vault").outcomes["altered"] == 1


def stands(archive: Archive) -> tuple[dict[str, str], list[tuple[str, str]], list[str]]:
    """The states of replicas, the findings, the outcomes of checks of the vault."""
    with archive.opened() as (parts, _):
        states = {row.tier: row.state.value for row in parts.catalogue.replicas()}
        findings = [(one.code, one.state) for one in parts.catalogue.findings()]
        checks = [one for one in parts.all_events() if one.type.value == "fixity check"]
    return states, findings, [one.outcome for one in checks if one.tier == "vault"]


def test_what_an_ingest_read_back_is_not_recorded_after_a_later_audit(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive.put("first", FILES)
    after_reading(monkeypatch, "verify", lambda: overtaken(archive))
    made = archive.ingest(path)
    assert (made.outcome, only(made.replicas).state) == ("accepted", "damaged")
    assert stands(archive) == ({"vault": "damaged"}, [("FIX-ALTERED", "open")], ["altered"])


def test_what_was_read_while_a_copy_was_made_is_not_recorded_after_a_later_audit(
    ground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = [{"tier": "vault", "packaging": "folder"}, {"tier": "mirror", "packaging": "folder"}]
    archive = Archive(ground, {"replicas": two, "minimum": {"replicas": 2}})
    path, copies = archive.put("first", FILES), list[ReplicaResult]()
    after_reading(monkeypatch, "copy_and_check", lambda: overtaken(archive))
    with archive.opened() as (parts, policy):
        arrival = parts.ingest.arrive(policy, path)
        beside = _beside(parts, copies)
        made = parts.ingest.take(policy, arrival, SILENCE, by_hand=True, beside=beside)
    assert (made.outcome, only(made.replicas).state) == ("accepted", "damaged")
    assert [one.state for one in copies] == ["busy"]
    assert stands(archive) == ({"vault": "damaged"}, [("FIX-ALTERED", "open")], ["altered"])
    assert archive.unfinished() == []


def test_a_replica_that_was_retired_meanwhile_is_not_missing(archive: Archive) -> None:
    """Whoever checks it may have seen it in the catalogue before the lease was taken."""
    archive.ingest(archive.put("first", FILES))
    with archive.opened() as (parts, policy):
        row = only(parts.catalogue.replicas())
        gone = replace(row, tier="mirror")
        result = parts.check(policy, gone, SILENCE)
        assert (result.outcome, result.findings) == (Outcome.UNCHECKED, ())
    assert stands(archive)[1:] == ([], ["intact"])


def test_a_replica_is_checked_as_what_it_is_by_now(archive: Archive) -> None:
    """A person let its damage stand since: it is not opened again."""
    archive.ingest(archive.put("first", FILES))
    with archive.opened() as (parts, policy):
        early: ReplicaRow = only(parts.catalogue.replicas())
    overtaken(archive)
    with archive.opened() as (parts, policy):
        finding = only(parts.catalogue.findings())
        accept(parts.catalogue, parts.events, finding, "ann", "it is a copy of a copy")
        assert parts.check(policy, early, SILENCE).outcome is Outcome.ALTERED
    assert stands(archive)[1] == [("FIX-ALTERED", "accepted")]
