"""Listing and sidecars of a tier are held against the catalogue, both ways; nothing is removed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import COMMUNITY, SILENCE, Archive

from preservation.audit.check import Checker
from preservation.catalogue.holding import hold
from preservation.model.event import EventType
from preservation.model.replica import VersionKey
from preservation.replication.reconcile import Reconciled, ReconcileService

AIP = "5f0c6f14-30a5-4d52-8f4e-000000000001"


@pytest.fixture
def full(archive: Archive) -> Archive:
    """Two AIPs on three tiers."""
    archive.ingest(archive.put("first", {"a.txt": b"one"}))
    archive.ingest(archive.put("second", {"b.txt": b"two"}))
    archive.replicate()
    return archive


def look(archive: Archive, tier: str) -> Reconciled:
    with archive.opened() as (parts, policy):
        return parts.reconcile.reconcile(parts.tiers[tier], {COMMUNITY: policy}, SILENCE)


def open_codes(archive: Archive) -> list[str]:
    with archive.opened() as (parts, _):
        return sorted(one.code for one in parts.catalogue.findings(state="open"))


def everything(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("tier", ["vault", "mirror", "deep"])
def test_what_was_written_agrees(full: Archive, tier: str) -> None:
    seen = look(full, tier)
    assert (seen.agreed, seen.count, seen.unfinished) == (2, 0, [])


def test_a_file_or_link_with_a_name_like_a_communitys_hides_nothing_else(full: Archive) -> None:
    (full.tier("vault") / "plain").write_text("x")
    (full.tier("vault") / "linked").symlink_to("/etc")
    seen = look(full, "vault")
    assert (seen.agreed, seen.count) == (2, 0)
    assert seen.unfinished == ["linked: nothing of ours", "plain: nothing of ours"]


def _sidecar(root: Path) -> Path:
    return min(root.glob("notes/*/*/*/v1.seal.json"))


def _drop_sidecar(root: Path) -> None:
    _sidecar(root).unlink()


def _break_sidecar(root: Path) -> None:
    _rewrite(_sidecar(root), b"{")


def _other_seal(root: Path) -> None:
    path = _sidecar(root)
    document = json.loads(path.read_bytes()) | {"seal": "sha256:" + "0" * 64}
    _rewrite(path, json.dumps(document).encode())


def _half_written(root: Path) -> None:
    shutil.copytree(_sidecar(root).parent / "v1", _sidecar(root).parent / "v2")


def _unrecorded(root: Path) -> None:
    path = _sidecar(root)
    folder = path.parents[3] / AIP[:2] / AIP[2:4] / AIP
    folder.mkdir(parents=True)
    shutil.copytree(path.parent / "v1", folder / "v1")
    document = json.loads(path.read_bytes()) | {"aip": AIP}
    (folder / "v1.seal.json").write_text(json.dumps(document))


def _sidecar_alone(root: Path) -> None:
    _unrecorded(root)
    shutil.rmtree(next(root.glob(f"notes/*/*/{AIP}/v1")))


def _strange_file(root: Path) -> None:
    (_sidecar(root).parent / "notes.txt").write_text("mine")


def _strange_folder(root: Path) -> None:
    (root / "notes" / "holiday pictures").mkdir()


def _rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (_drop_sidecar, "TIER-NO-SIDECAR"),
        (_break_sidecar, "TIER-SIDECAR"),
        (_other_seal, "TIER-STALE"),
        (_half_written, "TIER-HALF-WRITTEN"),
        (_unrecorded, "TIER-UNRECORDED"),
        (_sidecar_alone, "TIER-SIDECAR-ALONE"),
        (_strange_file, "TIER-STRANGER"),
        (_strange_folder, "TIER-STRANGER"),
    ],
)
def test_what_does_not_agree_is_a_finding_and_stays_where_it_is(
    full: Archive, harm: Callable[[Path], None], code: str
) -> None:
    root = full.tier("vault")
    harm(root)
    before = everything(root)
    assert [one.code for one in look(full, "vault").findings] == [code]
    assert everything(root) == before
    # Told once, however often it is looked for; what belongs to no AIP is told, not recorded.
    look(full, "vault")
    assert open_codes(full) == ([] if code == "TIER-STRANGER" else [code])


def test_a_replica_that_is_gone_is_what_an_audit_would_say_and_can_be_healed(
    full: Archive,
) -> None:
    shutil.rmtree(_sidecar(full.tier("vault")).parent / "v1")
    seen = look(full, "vault")
    assert [check.outcome.value for check in seen.checks] == ["missing"]
    assert seen.agreed == 1
    assert [one.state for one in full.repair()] == ["repaired"]
    assert look(full, "vault").count == 0


def test_a_whole_folder_that_is_gone_is_missed(full: Archive) -> None:
    shutil.rmtree(full.tier("deep") / "notes")
    seen = look(full, "deep")
    assert [check.outcome.value for check in seen.checks] == ["missing", "missing"]


def test_a_tar_of_another_size_is_told(full: Archive) -> None:
    path = min(full.tier("deep").glob("notes/*/*/*/v1.tar"))
    path.chmod(0o600)
    os.truncate(path, path.stat().st_size - 512)
    assert [one.code for one in look(full, "deep").findings] == ["TIER-SIZE"]


def test_what_agrees_again_is_closed(full: Archive) -> None:
    path = _sidecar(full.tier("vault"))
    data = path.read_bytes()
    path.unlink()
    look(full, "vault")
    path.write_bytes(data)
    assert look(full, "vault").resolved == 1
    assert open_codes(full) == []


def test_what_a_crash_left_is_listed_without_a_finding(full: Archive) -> None:
    (full.tier("vault") / ".incoming" / f"{AIP}.v1").mkdir()
    (full.tier("vault") / "Thumbs.db").write_text("")
    seen = look(full, "vault")
    assert (seen.count, len(seen.unfinished)) == (0, 2)


def _accept_all(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        for one in parts.catalogue.findings(state="open"):
            key = VersionKey(one.community, one.aip, one.version)
            detail = {"finding": one.id, "by": "me", "reason": "it may lie there", "event": ""}
            accepted = EventType.FINDING_ACCEPTED
            parts.catalogue.record(
                [parts.events.about(key, accepted, "success", detail, tier=one.tier)]
            )


def test_what_was_accepted_is_not_opened_again(full: Archive) -> None:
    _half_written(full.tier("vault"))
    look(full, "vault")
    _accept_all(full)
    seen = look(full, "vault")
    assert (seen.count, seen.accepted) == (0, 1)
    assert open_codes(full) == []


def test_each_of_several_leftovers_is_a_finding(full: Archive) -> None:
    folder = _sidecar(full.tier("vault")).parent
    for name in ("v1.r1", "v1.r2"):
        shutil.copytree(folder / "v1", folder / name)
    look(full, "vault")
    assert open_codes(full) == ["TIER-HALF-WRITTEN"] * 2
    shutil.rmtree(folder / "v1.r1")
    assert look(full, "vault").resolved == 1
    assert open_codes(full) == ["TIER-HALF-WRITTEN"]


def test_what_somebody_is_at_work_on_stays_open(full: Archive) -> None:
    _drop_sidecar(full.tier("vault"))
    look(full, "vault")
    with full.opened() as (parts, _):
        (one,) = parts.catalogue.findings(state="open")
        key = VersionKey(one.community, one.aip, one.version)
        with hold(parts.catalogue, f"replica:{key}:vault", parts.clock):
            assert look(full, "vault").resolved == 0
    assert open_codes(full) == ["TIER-NO-SIDECAR"]


def test_a_replica_that_is_gone_is_told_without_a_policy(full: Archive) -> None:
    shutil.rmtree(_sidecar(full.tier("vault")).parent / "v1")
    with full.opened() as (parts, _):
        seen = parts.reconcile.reconcile(parts.tiers["vault"], {}, SILENCE)
    assert "TIER-NOT-LISTED" in [one.code for one in seen.findings]


def _once(
    monkeypatch: pytest.MonkeyPatch, on: type, name: str, do: Callable[[], object], *, after: bool
) -> None:
    """Let something happen once, before a method or after it."""
    method, done = getattr(on, name), list[bool]()

    def patched(self: Any, *args: Any, **named: Any) -> Any:
        is_first = not done
        done.append(True)
        if is_first and not after:
            do()
        came = method(self, *args, **named)
        if is_first and after:
            do()
        return came

    monkeypatch.setattr(on, name, patched)


def test_what_was_missed_before_a_later_audit_found_it_is_not_recorded(
    full: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = _sidecar(full.tier("vault")).parent / "v1"
    place.rename(full.tier("vault") / "aside")

    def brought_back() -> None:
        (full.tier("vault") / "aside").rename(place)
        full.clock.at += timedelta(hours=1)  # the reconcile slept: its lease is another's
        assert full.audit("vault").outcomes["intact"] == 2

    _once(monkeypatch, Checker, "look", brought_back, after=True)
    seen = look(full, "vault")
    assert (seen.checks, open_codes(full)) == ([], [])
    with full.opened() as (parts, _):
        assert {row.state.value for row in parts.catalogue.replicas(tier="vault")} == {"verified"}


def test_a_replica_that_was_retired_meanwhile_is_not_missed(
    full: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(_sidecar(full.tier("vault")).parent / "v1")
    with full.opened() as (parts, policy):
        monkeypatch.setattr(parts.catalogue, "replica", lambda *_: None)
        seen = parts.reconcile.reconcile(parts.tiers["vault"], {COMMUNITY: policy}, SILENCE)
    assert (seen.checks, open_codes(full)) == ([], [])


def test_two_that_find_one_thing_at_once_open_one_finding(
    full: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    _drop_sidecar(full.tier("vault"))
    _once(monkeypatch, ReconcileService, "_states", lambda: look(full, "vault"), after=True)
    look(full, "vault")
    assert open_codes(full) == ["TIER-NO-SIDECAR"]


def test_what_another_found_since_is_not_closed(
    full: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> None:
        _drop_sidecar(full.tier("vault"))
        assert look(full, "vault").count == 1

    _once(monkeypatch, ReconcileService, "_resolve", found, after=False)
    assert look(full, "vault").resolved == 0
    assert open_codes(full) == ["TIER-NO-SIDECAR"]
