"""Disposal and retirement through the services, on real homes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import SILENCE, Archive
from tiers import flip

from preservation.app.keeping import holds_of, keeping_words, retention_of
from preservation.app.parts import Parts
from preservation.app.planning import make_plan
from preservation.app.policies import apply_policies, read_policies
from preservation.app.upkeep import check_catalogue, rebuild_catalogue
from preservation.audit.check import Checker
from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import SamarkandError, TierUnavailableError, UsageError
from preservation.files.remove import remove_tree
from preservation.model.check import CheckResult
from preservation.model.event import EventType
from preservation.model.replica import VersionKey
from preservation.policy.effects import Disposing
from preservation.policy.policy import Policy
from preservation.retention import service as service_module
from preservation.retention.service import RetentionService
from preservation.storage.local import LocalTier

FILES = {"a.txt": b"one", "deep/b.txt": b"two" * 100}
RULES = {
    "retention": {"keep": "10y", "review": "5y", "approvals": 2, "approvers": ["ana", "bo", "root"]}
}
YEAR = timedelta(days=365.25)


@contextmanager
def retention(archive: Archive) -> Iterator[tuple[RetentionService, Parts, Policy]]:
    with archive.opened() as (parts, policy):
        yield retention_of(parts), parts, policy


@pytest.fixture
def archive(ground: Path) -> Archive:
    return Archive(ground, RULES)


def kept(archive: Archive, name: str = "first", files: dict[str, bytes] = FILES) -> VersionKey:
    """Take something in, replicate it."""
    result = archive.ingest(archive.put(name, files))
    archive.replicate()
    return VersionKey("notes", result.aip, result.version)


def grow_old(archive: Archive, years: float = 11) -> None:
    archive.clock.at += YEAR * years


def proposed(archive: Archive) -> str:
    with retention(archive) as (service, _, policy):
        review = service.reviewer.review(policy)
        assert review.proposal is not None
        return review.proposal.digest


def approved(archive: Archive, *by: str) -> str:
    digest = proposed(archive)
    with retention(archive) as (service, _, _):
        for name in by or ("ana", "bo"):
            service.approve(digest, name, "no longer wanted")
    return digest


def dispose(archive: Archive, digest: str, by: str = "ana") -> Any:
    with retention(archive) as (service, _, _):
        return service.dispose(digest, by, "kept long enough", SILENCE)


def lying(archive: Archive, key: VersionKey) -> list[str]:
    """Everything of a version on the tiers, tombstones apart."""
    return sorted(
        str(path.relative_to(archive.home))
        for path in (archive.home / "tiers").rglob("*")
        if f"{key.aip}" in str(path)
        and path.name.startswith(f"v{key.version}")
        and "tombstone" not in path.name
    )


def test_what_was_kept_long_enough_is_disposed_of_and_leaves_a_tombstone(
    archive: Archive,
) -> None:
    old = kept(archive)
    grow_old(archive)
    young = kept(archive, "second", {"c.txt": b"three"})
    digest = approved(archive)

    done = dispose(archive, digest)

    assert {(one.key, one.tier, one.state) for one in done.removals} == {
        (old, tier, "gone") for tier in ("vault", "mirror", "deep")
    }
    assert lying(archive, old) == []
    assert lying(archive, young)
    stones = {(archive.tier(name) / old.tombstone).read_bytes() for name in ("vault", "mirror")}
    assert len(stones) == 1
    stone = json.loads(stones.pop())
    assert stone["schema"] == "samarkand.tombstone/1"
    assert stone["approved_by"] == ["ana", "bo"]
    assert stone["proposal"] == digest
    with archive.opened() as (parts, policy):
        assert parts.catalogue.version(old) is None
        tombstone = parts.catalogue.custody.tombstone(old)
        assert tombstone is not None
        assert str(tombstone.version.seal) == stone["seal"]
        assert parts.standing(policy).kept
        assert parts.standing(policy).holdings.versions == 1
        assert {row.key for row in parts.catalogue.replicas()} == {young}
        for name, tier in parts.tiers.items():
            found = parts.reconcile.reconcile(tier, {policy.community: policy}, SILENCE)
            assert (name, found.count) == (name, 0)


def test_what_a_repair_kept_aside_of_it_goes_too_and_nothing_of_another(archive: Archive) -> None:
    key = kept(archive)
    grow_old(archive)
    other = kept(archive, "second", {"b.txt": b"other"})
    aside = [archive.home / "salvage", archive.tier("mirror") / ".quarantine"]
    for place in (root / "salvage-20300101" / one.folder for root in aside for one in (key, other)):
        (place / "v1/data").mkdir(parents=True)
        (place / "v1/data/a.txt").write_bytes(b"recovered")
    assert {one.state for one in dispose(archive, approved(archive)).removals} == {"gone"}
    found = {path.parts[-4] for root in aside for path in root.rglob("a.txt")}
    assert found == {other.aip}


def test_events_are_in_the_journal_before_anything_is_removed(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)
    seen: list[list[str]] = []
    with retention(archive) as (service, parts, _):
        for tier in parts.every_tier().values():
            kind = type(tier)
            original = kind.tombstone

            def watched(self: Any, *args: Any, _original: Any = original) -> None:
                told = [event.type for event in parts.journal.events()]
                seen.append([one.value for one in told if one is EventType.DEACCESSION])
                _original(self, *args)

            monkeypatch.setattr(kind, "tombstone", watched)
            break
        service.dispose(digest, "ana", "", SILENCE)
    assert seen == [["deaccession"]] * 3
    assert lying(archive, key) == []


def test_nothing_happens_without_enough_people(archive: Archive) -> None:
    key = kept(archive)
    grow_old(archive)
    for by in ([], ["ana"], ["ana", "Ana"], ["root"], ["ana", "ANA"]):
        digest = proposed(archive)
        with retention(archive) as (service, _, _):
            for name in by:
                service.approve(digest, name, "")
        with pytest.raises(UsageError) as refused:
            dispose(archive, digest)
        assert refused.value.code == "RET-NOT-APPROVED"
        with retention(archive) as (service, _, _):
            for name in by:
                service.approve(digest, name, "", revoke=True)
    with retention(archive) as (service, _, _), pytest.raises(UsageError) as refused:
        service.approve(digest, "eve", "")
    assert refused.value.code == "RET-NOT-APPROVER"
    assert len(lying(archive, key)) >= 3


def test_a_shared_account_counts_once_and_disposes_of_nothing(archive: Archive) -> None:
    kept(archive)
    grow_old(archive)
    digest = approved(archive, "ana", "root")

    for by in ("root", "airflow", "", "admin"):
        with pytest.raises(UsageError) as refused:
            dispose(archive, digest, by)
        assert refused.value.code == "RET-SHARED-ACCOUNT"
    assert all(one.state == "gone" for one in dispose(archive, digest).removals)


def test_an_open_hold_stops_it_and_its_release_lets_it_go(archive: Archive) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)
    with archive.opened() as (parts, _):
        hold = holds_of(parts).add("notes", key.aip, 0, "bo", "a court asks for it")

    with pytest.raises(UsageError) as refused:
        dispose(archive, digest)

    assert refused.value.code == "RET-HELD"
    with retention(archive) as (service, parts, policy):
        review = service.reviewer.review(policy)
        assert review.proposal is None
        assert review.held == 1
        holds_of(parts).release(hold.id, "bo", "the court has it")
    assert all(one.state == "gone" for one in dispose(archive, digest).removals)


@pytest.mark.parametrize("change", ["policy", "replica", "review"])
def test_a_list_that_is_not_what_it_was_is_stale(archive: Archive, change: str) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)
    if change == "policy":
        rules = {"retention": {**RULES["retention"], "keep": "9y"}}
        archive.write_policies(rules)
        with archive.opened() as (parts, _):
            checked = read_policies(archive.policies).require()
            apply_policies(parts.home, checked, "us", "changed", archive.clock)
    elif change == "replica":
        with archive.opened() as (parts, _):
            row = parts.catalogue.replica(key, "mirror")
            assert row is not None
        flip(archive.tier("mirror") / key.folder / "v1" / "data" / "a.txt")
        archive.audit("mirror")
        archive.repair()
    else:
        with retention(archive) as (service, _, policy):
            until = archive.clock.now() + YEAR
            service.reviewer.keep_on(policy, key, until, "ana", "still cited")

    with pytest.raises(UsageError) as refused:
        dispose(archive, digest)

    assert refused.value.code == "RET-STALE"
    assert len(lying(archive, key)) >= 3


def test_a_review_gives_the_same_proposal_until_something_changes(archive: Archive) -> None:
    kept(archive)
    grow_old(archive)
    first = proposed(archive)
    assert proposed(archive) == first
    kept(archive, "second", {"c.txt": b"three"})
    grow_old(archive)
    assert proposed(archive) != first


def test_a_proposal_says_which_later_one_overtook_it(archive: Archive) -> None:
    def overtaken() -> dict[str, str]:
        with retention(archive) as (service, _, policy):
            return service.reviewer.overtaken(policy)

    kept(archive)
    grow_old(archive)
    first = proposed(archive)
    assert overtaken() == {}
    kept(archive, "second", {"c.txt": b"three"})
    grow_old(archive)
    second = approved(archive)
    assert overtaken() == {first: second}
    dispose(archive, second)
    assert overtaken() == {first: second}  # though it is the last one that nobody began
    kept(archive, "third", {"d.txt": b"four"})
    grow_old(archive)
    third = proposed(archive)
    assert overtaken() == {first: third}
    archive.write_policies({"retention": {**RULES["retention"], "keep": "9y"}})
    with archive.opened() as (parts, _):
        checked = read_policies(archive.policies).require()
        apply_policies(parts.home, checked, "us", "changed", archive.clock)
    assert overtaken() == {first: third, third: ""}


def test_a_tier_that_is_away_is_pending_and_finished_by_the_next_run(archive: Archive) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)
    away = archive.home / "away"
    archive.tier("mirror").rename(away)

    done = dispose(archive, digest)

    states = {one.tier: one.state for one in done.removals}
    assert states == {"vault": "gone", "deep": "gone", "mirror": "pending"}
    with retention(archive) as (service, parts, policy):
        (pending,) = service.reviewer.review(policy).pending
        assert pending.tier == "mirror"
        told = len([e for e in parts.all_events() if e.type is EventType.DELETION])
        service.finish(SILENCE)
        again = len([e for e in parts.all_events() if e.type is EventType.DELETION])
        assert told == again  # what stands in the way is told once
    remove_tree(archive.tier("mirror"))
    away.rename(archive.tier("mirror"))
    with retention(archive) as (service, _, _):
        (finished,) = service.finish(SILENCE)
        assert [one.state for one in finished.removals] == ["gone"]
        assert service.finish(SILENCE) == []
    assert lying(archive, key) == []
    assert (archive.tier("mirror") / key.tombstone).exists()


def test_the_same_content_again_is_a_new_deposit_and_it_is_said(archive: Archive) -> None:
    old = kept(archive)
    grow_old(archive)
    dispose(archive, approved(archive))

    result = archive.ingest(archive.put("again", FILES))

    assert result.outcome == "accepted"
    assert result.aip != old.aip
    assert {one.code for one in result.findings} >= {"DEP-DISPOSED-BEFORE"}


def test_a_data_set_that_comes_again_goes_on_with_its_numbers(archive: Archive) -> None:
    doi = {"datacite.json": b'{"doi": "10.1234/again"}'}
    first = kept(archive, "one", FILES | doi)
    grow_old(archive)
    dispose(archive, approved(archive))

    result = archive.ingest(archive.put("two", FILES | doi | {"new.txt": b"n"}))

    assert (result.aip, result.version) == (first.aip, 2)
    with archive.opened() as (parts, _):
        version = parts.catalogue.version(VersionKey("notes", first.aip, 2))
        tombstone = parts.catalogue.custody.tombstone(first)
        assert version is not None
        assert tombstone is not None
        assert version.previous_seal == tombstone.version.seal


def test_open_findings_about_it_are_closed(archive: Archive) -> None:
    key = kept(archive)
    grow_old(archive)
    flip(archive.tier("mirror") / key.folder / "v1" / "data" / "a.txt")
    assert archive.audit("mirror").findings

    dispose(archive, approved(archive))

    with archive.opened() as (parts, policy):
        assert parts.catalogue.findings(state="open") == []
        assert parts.standing(policy).kept


def test_a_rebuild_gives_the_same(archive: Archive) -> None:
    held, gone = kept(archive), kept(archive, "second", {"c.txt": b"three"})
    grow_old(archive)
    with archive.opened() as (parts, _):
        holds_of(parts).add("notes", held.aip, 1, "bo", "a court asks for it")
    archive.tier("mirror").rename(archive.home / "away")
    dispose(archive, approved(archive))
    (archive.home / "away").rename(archive.tier("mirror"))
    with archive.opened() as (parts, _):
        assert parts.catalogue.custody.tombstone(gone) is not None
        parts.drain()

    _, different = check_catalogue(archive.home)

    assert different == []


def test_the_remaining_minimum_is_read_before_a_replica_is_retired(archive: Archive) -> None:
    key = kept(archive)
    leave(archive, "deep")
    digest = approved(archive)
    for name in ("vault", "mirror"):
        flip(archive.tier(name) / key.folder / "v1" / "data" / "a.txt")

    done = dispose(archive, digest)

    assert [one.state for one in done.left] == ["left"]
    assert "minimum does not verify" in done.left[0].reason
    assert done.removals == []
    assert any("deep" in name for name in lying(archive, key))


def test_a_minimum_that_another_run_took_over_while_it_was_read_allows_nothing(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(archive)
    leave(archive, "deep")
    digest = approved(archive)
    weigh_up, hour = Checker.weigh_up, timedelta(hours=1)

    def asleep(self: Checker, policy: Policy, row: ReplicaRow, *rest: Any) -> CheckResult:
        name = f"replica:{row.key}:{row.tier}"
        assert self._catalogue.lease(name, hour, archive.clock.now() + hour) is not None
        return weigh_up(self, policy, row, *rest)

    monkeypatch.setattr(Checker, "weigh_up", asleep)
    told = archive.told()
    done = dispose(archive, digest)

    assert [one.state for one in done.left] == ["left"]
    assert "taken over" in done.left[0].reason
    assert (
        archive.told()["fixity check", "intact", "vault"] == told["fixity check", "intact", "vault"]
    )
    assert any("deep" in name for name in lying(archive, key))


def test_a_replica_on_a_tier_not_promised_any_more_is_retired(archive: Archive) -> None:
    key = kept(archive)
    leave(archive, "deep")
    digest = approved(archive)

    done = dispose(archive, digest)

    assert [(one.tier, one.state) for one in done.removals] == [("deep", "gone")]
    assert not any("tiers/deep" in name for name in lying(archive, key))
    assert not (archive.tier("deep") / key.tombstone).exists()
    with archive.opened() as (parts, policy):
        assert {row.tier for row in parts.catalogue.replicas()} == {"vault", "mirror"}
        assert parts.standing(policy).kept
        event = next(e for e in parts.all_events() if e.type is EventType.RETIREMENT)
        assert event.detail["approved_by"] == ["ana", "bo"]


def test_a_retired_replica_that_is_promised_again_is_made_again(archive: Archive) -> None:
    key = kept(archive)
    leave(archive, "deep")
    dispose(archive, approved(archive))
    archive.write_policies(RULES)
    apply(archive)

    archive.replicate()

    with archive.opened() as (parts, _):
        assert {row.tier for row in parts.catalogue.replicas()} == {"vault", "mirror", "deep"}
        assert parts.catalogue.custody.removal(key, "deep") is None
    with retention(archive) as (service, _, policy):
        assert service.reviewer.review(policy).proposal is None
        assert service.finish(SILENCE) == []
    assert any("tiers/deep" in name for name in lying(archive, key))


def leave(archive: Archive, tier: str) -> None:
    """Promise a tier no more."""
    replicas = [
        {"tier": name, "packaging": "folder"} for name in ("vault", "mirror") if name != tier
    ]
    archive.write_policies({**RULES, "replicas": replicas})
    apply(archive)


def apply(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        checked = read_policies(archive.policies).require()
        apply_policies(parts.home, checked, "us", "changed", archive.clock, consent="we")


def test_a_proposal_nobody_made_is_refused(archive: Archive) -> None:
    kept(archive)
    grow_old(archive)
    known = approved(archive)
    for digest in ("", "sha256:" + "0" * 64, "nonsense", "sha256:", known[:10], known[7:14]):
        with pytest.raises(SamarkandError):
            dispose(archive, digest)


def test_a_deposit_left_in_the_inbox_comes_back_by_hand_only(archive: Archive) -> None:
    old = kept(archive)
    grow_old(archive)
    dispose(archive, approved(archive))

    assert archive.take_inbox() == []
    again = archive.ingest(archive.inbox / "first")

    assert again.outcome == "accepted"
    assert again.aip != old.aip


def test_an_inbox_brings_nothing_back_though_a_rebuild_forgot_what_came(archive: Archive) -> None:
    kept(archive)
    grow_old(archive)
    dispose(archive, approved(archive))
    with archive.opened() as (parts, _):
        parts.drain()
    rebuild_catalogue(archive.home)

    (refused,) = archive.take_inbox()

    assert [(refused.outcome, one.code) for one in refused.findings] == [
        ("rejected", "DEP-DISPOSED-BEFORE")
    ]
    assert archive.take_inbox() == []
    assert archive.ingest(archive.inbox / "first").outcome == "accepted"


def test_a_plan_tells_what_would_come_due(archive: Archive) -> None:
    key = kept(archive)
    kept(archive, "second", {"c.txt": b"three"})
    grow_old(archive, 6)
    with archive.opened() as (parts, _):
        holds_of(parts).add("notes", key.aip, 0, "bo", "a court asks for it")
    archive.write_policies({"retention": {**RULES["retention"], "keep": "5y"}})
    with archive.opened() as (parts, _):
        (proposal,) = make_plan(parts, read_policies(archive.policies).require()).proposals

    assert [change.path for change in proposal.weakening] == ["retention.keep"]
    assert proposal.effects.disposing == Disposing(before=0, after=1, octets=5)
    assert proposal.effects.burdens()["versions newly due for disposal"] == 1


def test_a_reconcile_tells_what_is_being_removed_and_what_came_back(archive: Archive) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)
    shutil.copytree(archive.tier("mirror"), archive.home / "backup", symlinks=True)
    archive.tier("mirror").rename(archive.home / "away")
    dispose(archive, digest)
    (archive.home / "away").rename(archive.tier("mirror"))

    def looked(name: str) -> Any:
        with archive.opened() as (parts, policy):
            found = parts.reconcile.reconcile(parts.tiers[name], {"notes": policy}, SILENCE)
            return {one.code for one in found.findings}, found.unfinished

    told, unfinished = looked("mirror")
    assert told == set()
    assert any("being removed" in line for line in unfinished)
    with retention(archive) as (service, _, _):
        service.finish(SILENCE)
    shutil.rmtree(archive.tier("mirror") / "notes")
    shutil.copytree(archive.home / "backup" / "notes", archive.tier("mirror") / "notes")
    assert looked("mirror")[0] == {"TIER-DISPOSED"}
    assert any("mirror" in name for name in lying(archive, key))


def test_a_place_with_holds_of_its_own_gets_them_and_loses_them_with_the_last(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(archive)
    seen: list[tuple[str, bool]] = []

    def hold(self: LocalTier, held: VersionKey, *, on: bool) -> bool:
        if self.id == "deep":
            raise TierUnavailableError("not now")
        assert held == key
        seen.append((self.id, on))
        return True

    monkeypatch.setattr(LocalTier, "hold", hold)
    with archive.opened() as (parts, _):
        holds = holds_of(parts)
        one, two = (holds.add("notes", key.aip, n, "bo", "a court asks") for n in (0, 1))
        assert [told.rpartition(": ")[2] for told in holds.spread(one)] == ["not now"]
        holds.spread(holds.release(one.id, "bo", "over"))
        assert seen == [("mirror", True), ("vault", True)] * 2
        holds.spread(holds.release(two.id, "bo", "over"))
    assert seen[4:] == [("mirror", False), ("vault", False)]


def test_a_report_says_how_long_is_kept_what_is_gone_and_what_is_held(archive: Archive) -> None:
    kept(archive)
    grow_old(archive)
    dispose(archive, approved(archive))
    held = kept(archive, "second", {"c.txt": b"three"})
    with archive.opened() as (parts, policy):
        holds_of(parts).add("notes", held.aip, 0, "bo", "a court asks")
        words = keeping_words(parts, policy)

    assert [word.split(" ")[0] for word in words] == ["AIP", "1", "1"]
    assert "10y at least" in words[0]
    assert "2 people" in words[0]


def test_what_comes_due_later_does_not_void_what_was_approved(archive: Archive) -> None:
    old, moved = kept(archive), kept(archive, "second", {"c.txt": b"three"})
    leave(archive, "deep")
    archive.audit("vault")
    with archive.opened() as (parts, _):
        row = parts.catalogue.replica(moved, "mirror")
        assert row is not None
    flip(archive.tier("mirror") / moved.folder / "v1" / "data" / "c.txt")
    archive.audit("mirror")
    digest = approved(archive)
    archive.repair()  # now the other one could be retired, too

    done = dispose(archive, digest)

    assert [(one.key, one.tier, one.state) for one in done.removals] == [(old, "deep", "gone")]
    grow_old(archive)
    digest = approved(archive)
    kept(archive, "third", {"d.txt": b"four"})
    grow_old(archive, 11)
    assert {one.key for one in dispose(archive, digest).removals} == {old, moved}


def test_pieces_are_carried_out_apart_and_what_one_left_is_done_in_the_end(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "AT_ONCE", 1)
    keys = sorted(kept(archive, name, {"a": name.encode()}) for name in ("one", "two", "three"))
    grow_old(archive)
    digest = approved(archive)
    with retention(archive) as (service, _, _):
        with pytest.raises(UsageError, match="not begun"):
            service.carry_out(digest, (keys[0], keys[0]), "ana", SILENCE)
        row = service.begin(digest, "ana", "kept long enough")
        pieces = service.pieces(row, 500)
        assert pieces == [(key, key) for key in keys]
        assert service.pieces(row, 2) == [(keys[0], keys[1]), (keys[2], keys[2])]
        for _ in range(2):  # a retry of a piece does nothing twice
            done = service.carry_out(digest, pieces[1], "ana", SILENCE)
        assert done.removals == []
    assert [bool(lying(archive, key)) for key in keys] == [True, False, True]
    assert {one.key for one in dispose(archive, digest).removals} == {keys[0], keys[2]}
    assert [lying(archive, key) for key in keys] == [[], [], []]
    with retention(archive) as (service, parts, _):
        ended = [one for one in parts.all_events() if one.type is EventType.DISPOSAL]
        assert [one.outcome for one in ended] == ["begun", "ended"]
