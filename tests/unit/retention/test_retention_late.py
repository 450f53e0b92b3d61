"""What comes between the approval of a disposal and its end: holds, reviews, damage, clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import SILENCE, Archive
from test_retention_service import (
    RULES,
    YEAR,
    approved,
    dispose,
    grow_old,
    kept,
    leave,
    lying,
    retention,
)
from tiers import flip

from preservation.app.keeping import holds_of
from preservation.app.upkeep import rebuild_catalogue
from preservation.errors import BusyError, UsageError
from preservation.files.remove import remove_tree
from preservation.model.event import Event, EventType
from preservation.model.replica import Packaging
from preservation.storage.local import LocalTier


@pytest.fixture
def archive(ground: Path) -> Archive:
    return Archive(ground, RULES)


@pytest.fixture
def away(archive: Archive) -> Iterator[Callable[[str], Callable[[], None]]]:
    """Take a tier away; what is returned brings it back."""

    def take(name: str) -> Callable[[], None]:
        aside = archive.home / f"away-{name}"
        archive.tier(name).rename(aside)

        def back() -> None:
            if archive.tier(name).exists():
                remove_tree(archive.tier(name))
            aside.rename(archive.tier(name))

        return back

    return take


def states(done: list[Any]) -> list[tuple[str, str]]:
    return sorted((one.tier, one.state) for some in done for one in some.removals)


def finish(archive: Archive) -> list[Any]:
    with retention(archive) as (service, _, _):
        return service.finish(SILENCE)


def test_a_hold_stops_what_was_begun_and_is_pending(archive: Archive, away: Any) -> None:
    key = kept(archive)
    grow_old(archive)
    back = away("mirror")
    digest = approved(archive)
    dispose(archive, digest)
    back()
    with archive.opened() as (parts, _):
        hold = holds_of(parts).add("notes", key.aip, 1, "bo", "a court asks for what is left")

    assert states(finish(archive)) == [("mirror", "pending")]
    assert any("mirror" in name for name in lying(archive, key))

    with archive.opened() as (parts, _):
        (left,) = parts.catalogue.custody.removals(pending=True)
        assert "held" in left.reason
        holds_of(parts).release(hold.id, "bo", "the court has it")
    assert states(finish(archive)) == [("mirror", "gone")]
    with archive.opened() as (parts, _), pytest.raises(UsageError):
        holds_of(parts).add("notes", key.aip, 1, "bo", "nothing is left")


def test_a_hold_that_comes_while_it_is_decided_saves_the_bytes(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)
    with retention(archive) as (service, parts, _):
        original = parts.catalogue.record

        def record(events: list[Event], *args: Any) -> Any:
            if any(event.type is EventType.DEACCESSION for event in events):
                holds_of(parts).add("notes", key.aip, 0, "bo", "a court asks")
            return original(events, *args)

        monkeypatch.setattr(parts.catalogue, "record", record)
        done = service.dispose(digest, "ana", "", SILENCE)

    assert {one.state for one in done.removals} == {"pending"}
    assert {name.split("/")[1] for name in lying(archive, key)} == {"vault", "mirror", "deep"}


def test_a_review_that_keeps_it_on_is_obeyed_after_the_disposal_began(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)
    with retention(archive) as (service, _, policy):
        monkeypatch.setattr(service._decider, "decide", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            service.dispose(digest, "ana", "", SILENCE)
        until = archive.clock.now() + YEAR
        service.reviewer.keep_on(policy, key, until, "bo", "still cited")

    (done,) = finish(archive)

    assert [(one.state, one.reason) for one in done.left] == [
        ("left", f"it is kept until {until:%Y-%m-%d}")
    ]
    assert len(lying(archive, key)) >= 3


def test_a_list_of_a_day_that_has_not_come_is_not_carried_out(archive: Archive) -> None:
    key = kept(archive)
    grow_old(archive)  # a clock that is eleven years ahead
    digest = approved(archive)
    archive.clock.at -= YEAR * 11

    with pytest.raises(UsageError) as refused:
        dispose(archive, digest)

    assert refused.value.code == "RET-STALE"
    assert len(lying(archive, key)) >= 3


def test_the_rest_is_read_again_before_a_retirement_of_long_ago_is_finished(
    archive: Archive, away: Any
) -> None:
    key = kept(archive)
    leave(archive, "deep")
    back = away("deep")
    digest = approved(archive)
    assert states([dispose(archive, digest)]) == [("deep", "pending")]
    archive.clock.at += timedelta(days=60)
    for name in ("vault", "mirror"):
        flip(archive.tier(name) / key.folder / "v1" / "data" / "a.txt")
    back()

    done = finish(archive)

    assert states(done) == [("deep", "pending")]
    assert "minimum does not verify" in done[0].removals[0].reason
    assert any("tiers/deep" in name for name in lying(archive, key))


def test_damage_that_was_found_since_stops_a_retirement(
    archive: Archive,
) -> None:
    key = kept(archive)
    leave(archive, "deep")
    digest = approved(archive)
    with retention(archive) as (service, _, _):
        original = service._remover._means.make_durable

        def slowly() -> None:
            original()
            for name in ("vault", "mirror"):
                place = archive.tier(name) / key.folder / "v1" / "data" / "a.txt"
                flip(place)
            archive.audit()

        object.__setattr__(service._remover._means, "make_durable", slowly)
        done = service.dispose(digest, "ana", "", SILENCE)

    assert states([done]) == [("deep", "pending")]
    assert any("tiers/deep" in name for name in lying(archive, key))


def test_what_repair_put_aside_goes_with_the_version(archive: Archive) -> None:
    key, other = kept(archive), kept(archive, "second", {"c.txt": b"three"})
    grow_old(archive)
    with archive.opened() as (parts, _):
        holds_of(parts).add("notes", other.aip, 1, "bo", "a court asks")
    aside = [
        root / "salvage-20301122T070000Z" / one.place(Packaging.FOLDER)
        for root in (archive.home / "salvage", archive.tier("vault") / ".quarantine")
        for one in (key, other)
    ]
    for place in aside:
        place.mkdir(parents=True)
        (place / "a.txt").write_bytes(b"one")

    assert {one.key for one in dispose(archive, approved(archive)).removals} == {key}

    assert [place.exists() for place in aside] == [False, True] * 2


def test_two_sign_ins_of_one_person_are_one_person(ground: Path) -> None:
    archive = Archive(ground, {"retention": {"keep": "10y", "approvals": 2}})
    kept(archive)
    grow_old(archive)
    digest = approved(archive, "ana", "ana@example.org", "OFFICE\\Ana")

    with pytest.raises(UsageError) as refused:
        dispose(archive, digest)

    assert refused.value.code == "RET-NOT-APPROVED"


def test_an_approval_that_is_taken_back_while_it_begins_counts_no_more(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)
    with retention(archive) as (service, _, _):
        still = service.reviewer.still_holds

        def meanwhile(*args: Any) -> bool:
            service.approve(digest, "bo", "I was wrong", revoke=True)
            return still(*args)

        monkeypatch.setattr(service.reviewer, "still_holds", meanwhile)
        done = service.dispose(digest, "ana", "", SILENCE)

    assert done.removals == []
    assert [one.state for one in done.left] == ["left"]
    assert len(lying(archive, key)) >= 3


def test_who_lost_the_lease_removes_nothing(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(archive)
    grow_old(archive)
    digest = approved(archive)

    def tombstone(self: LocalTier, *args: Any) -> None:
        archive.clock.at += timedelta(hours=1)
        with archive.opened() as (parts, _):
            name = f"replica:{key}:{self.id}"
            parts.catalogue.lease(name, timedelta(hours=1), archive.clock.now())

    monkeypatch.setattr(LocalTier, "tombstone", tombstone)
    with retention(archive) as (service, _, _):
        try:
            done = service.dispose(digest, "ana", "", SILENCE)
            assert {one.state for one in done.removals} == {"busy"}
        except BusyError:
            pass
    assert {name.split("/")[1] for name in lying(archive, key)} == {"vault", "mirror", "deep"}


def test_a_tombstone_is_believed_where_the_journal_has_lost_how_it_ended(
    archive: Archive, away: Any
) -> None:
    key = kept(archive)
    grow_old(archive)
    back = away("deep")
    dispose(archive, approved(archive))
    back()
    (archive.home / "catalogue.sqlite").unlink()
    for path in [*archive.home.rglob("journal/*/*.jsonl")]:
        path.unlink()

    report, _ = rebuild_catalogue(archive.home)

    assert "CAT-TOMBSTONE" in {one.code for one in report.findings}
    assert report.versions == 0
    with archive.opened() as (parts, _):
        assert parts.catalogue.version(key) is None
