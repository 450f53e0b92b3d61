"""What every catalogue knows of disposals, holds, reviews and access; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from catalogues import START, a_key, an_event, check, finding, ingestion, kept, replication, sha256

from preservation.catalogue.custody import AccessState, facts
from preservation.catalogue.custody_reading import Amount
from preservation.catalogue.sql import SqlCatalogue
from preservation.model.clock import stamp
from preservation.model.event import Event, EventType
from preservation.model.replica import VersionKey

YEAR = timedelta(days=365)
LIST = str(sha256("a proposal"))
HOLD = "11111111-2222-4333-8444-555555555555"
COMMUNITY = "silk-road"


def proposed(digest: str = LIST) -> Event:
    detail = {"proposal": digest, "result": digest, "items": 1, "bytes": 1000}
    return an_event(EventType.APPRAISAL, outcome="proposed", **detail)


def word(by: str, outcome: str = "approved") -> Event:
    detail = {"proposal": LIST, "by": by, "reason": ""}
    return an_event(EventType.DISPOSAL_APPROVAL, outcome=outcome, **detail)


def deaccession(held: SqlCatalogue, key: VersionKey, *tiers: str) -> Event:
    version = held.version(key)
    assert version is not None
    places = [{"tier": tier, "packaging": "folder", "bytes": 1000} for tier in tiers]
    why = {"proposal": LIST, "by": "ana", "reason": "old", "approved_by": ["ana", "bo"]}
    return an_event(EventType.DEACCESSION, key, **why, **facts(version), tiers=places)


def hold(key: VersionKey, version: int = 0) -> Event:
    event = an_event(EventType.HOLD_PLACED, key, hold=HOLD, by="bo", reason="a court")
    return Event(**{**_fields(event), "version": version})


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__slots__}


def test_what_is_disposed_of_counts_nowhere_and_leaves_a_tombstone(
    catalogue: SqlCatalogue,
) -> None:
    key, other = a_key(1), a_key(2)
    catalogue.record([*kept(key, "vault", "mirror"), *kept(other, "vault"), finding(key)])
    before = catalogue.version(key)

    catalogue.record([deaccession(catalogue, key, "vault", "mirror")])

    assert catalogue.version(key) is None
    assert [row.key for row in catalogue.versions()] == [other]
    assert {row.key for row in catalogue.replicas()} == {other}
    assert catalogue.figures.holdings(COMMUNITY).versions == 1
    assert sum(one.replicas for one in catalogue.figures.tier_counts(COMMUNITY)) == 1
    (left,) = catalogue.versions()
    assert [(one.files, one.puid) for one in left.formats] == [(3, "fmt/18")]
    assert catalogue.held_content(COMMUNITY, sha256(f"content {key}")) is None
    (stone,) = catalogue.custody.tombstones()
    assert before is not None
    assert (stone.version.seal, stone.version.title) == (before.seal, before.title)
    assert catalogue.is_disposed(key)
    assert catalogue.disposed_content(COMMUNITY, sha256(f"content {key}")) == stone
    assert catalogue.removing(COMMUNITY, "mirror") == {key}
    assert catalogue.last_version(COMMUNITY, key.aip) == stone.version


def test_it_does_not_come_back(catalogue: SqlCatalogue) -> None:
    key = a_key(1)
    catalogue.record(kept(key, "vault"))
    catalogue.record([deaccession(catalogue, key, "vault")])
    catalogue.record([ingestion(key), replication(key), check(key)])

    assert catalogue.version(key) is None
    assert list(catalogue.replicas()) == []
    assert len(catalogue.custody.removals(pending=True)) == 1


def test_a_removal_ends_when_it_is_confirmed(catalogue: SqlCatalogue) -> None:
    key = a_key(1)
    catalogue.record(kept(key, "vault", "mirror"))
    catalogue.record([deaccession(catalogue, key, "vault", "mirror")])
    about = {"proposal": LIST}
    until = START + YEAR
    gone = an_event(EventType.DELETION, key, tier="vault", **about, until="", reason="")
    locked = {**about, "until": stamp(until), "reason": "locked"}
    pending = an_event(EventType.DELETION, key, tier="mirror", outcome="pending", **locked)

    catalogue.record([gone, pending])

    (left,) = catalogue.custody.removals(pending=True)
    assert (left.tier, left.until, left.reason) == ("mirror", until, "locked")
    assert [row.tier for row in catalogue.custody.removals(proposal=LIST)] == ["mirror", "vault"]


def test_a_replica_made_anew_is_retired_no_more(catalogue: SqlCatalogue) -> None:
    key = a_key(1)
    catalogue.record(kept(key, "vault", "mirror"))
    why = {"proposal": LIST, "by": "ana", "reason": "", "approved_by": ["ana"]}
    detail = {**why, "seal": str(sha256("x")), "packaging": "folder", "bytes": 1000}
    catalogue.record([an_event(EventType.RETIREMENT, key, tier="mirror", **detail)])
    assert [row.tier for row in catalogue.replicas()] == ["vault"]

    catalogue.record([replication(key, "mirror")])

    assert [row.tier for row in catalogue.replicas()] == ["mirror", "vault"]
    assert catalogue.custody.removals() == []


def test_what_is_due_is_old_not_held_and_not_kept_on(
    catalogue: SqlCatalogue,
) -> None:
    keys = [a_key(number) for number in range(1, 6)]
    for number, key in enumerate(keys):
        catalogue.record(kept(key, "vault", at=START + number * YEAR))
    kept_on = {"until": stamp(START + 9 * YEAR), "by": "ana", "reason": "cited"}
    catalogue.record(
        [hold(keys[0]), an_event(EventType.APPRAISAL, keys[1], outcome="kept", **kept_on)]
    )
    custody, now = catalogue.custody, START + 8 * YEAR

    due = custody.due(COMMUNITY, START + 3 * YEAR, now, 10)

    assert [row.key for row in due] == keys[2:4]
    assert [row.key for row in custody.due(COMMUNITY, START + 3 * YEAR, now, 1)] == keys[2:3]
    assert custody.due_amount(COMMUNITY, START + 3 * YEAR, now) == Amount(2, 2000)
    assert custody.due_amount(COMMUNITY, START + 3 * YEAR, now + 2 * YEAR) == Amount(3, 3000)
    assert custody.held_back(COMMUNITY, START + 3 * YEAR) == 1
    reviews = custody.reviews(COMMUNITY, START + 2 * YEAR, 10)
    assert [row.key for row in reviews] == [keys[0], keys[2]]
    release = {"hold": HOLD, "by": "bo", "reason": "over"}
    catalogue.record([an_event(EventType.HOLD_RELEASED, keys[0], **release)])
    assert custody.due_amount(COMMUNITY, START + 3 * YEAR, now).count == 3
    assert custody.holds() == []
    assert [row.released_by for row in custody.holds(every=True)] == ["bo"]


@pytest.mark.parametrize("version", [1, 2])
def test_a_hold_on_one_version_holds_that_one(
    catalogue: SqlCatalogue,
    version: int,
) -> None:
    first, second = a_key(1), a_key(1, 2)
    catalogue.record([*kept(first, "vault"), *kept(second, "vault"), hold(first, version)])
    due = catalogue.custody.due(COMMUNITY, START, START, 10)
    assert [row.key.version for row in due] == [3 - version]


def test_replicas_wait_until_every_promised_one_is_verified(
    catalogue: SqlCatalogue,
) -> None:
    ready, waiting, held = a_key(1), a_key(2), a_key(3)
    catalogue.record(kept(ready, "vault", "mirror", "old"))
    catalogue.record(kept(held, "vault", "mirror", "old"))
    catalogue.record([*kept(waiting, "vault", "old"), replication(waiting, "mirror"), hold(held)])
    custody, promised = catalogue.custody, ["vault", "mirror"]

    found = custody.unpromised(COMMUNITY, promised, 10)

    assert [(row.key, row.tier, version.key) for row, version in found] == [(ready, "old", ready)]
    assert custody.unpromised_amount(COMMUNITY, promised, ready=False).count == 3
    assert custody.unpromised_amount(COMMUNITY, promised, ready=True) == Amount(1, 1000)
    assert custody.unpromised_amount(COMMUNITY, [*promised, "old"], ready=False).count == 0


def test_an_accounts_last_word_counts(catalogue: SqlCatalogue) -> None:
    catalogue.record([proposed(), word("ana"), word("bo"), word("Ana"), word("bo", "revoked")])
    row = catalogue.custody.proposal(LIST)
    assert row is not None
    assert [one.by for one in row.approvals] == ["Ana"]
    begun = an_event(EventType.DISPOSAL, outcome="begun", proposal=LIST, by="ana", reason="")
    catalogue.record([begun])
    again = catalogue.custody.proposal(LIST)
    assert again is not None
    assert again.begun_at == START
    assert catalogue.custody.proposals("another") == []


def test_access_is_of_an_aip_or_of_one_version(catalogue: SqlCatalogue) -> None:
    key = a_key(1)
    catalogue.record(kept(key, "vault"))
    said = {"until": "", "by": "ana", "reason": "private"}
    catalogue.record(
        [
            an_event(EventType.ACCESS_CHANGE, key, outcome="withdrawn", **said),
            an_event(EventType.ACCESS_CHANGE, key, outcome="open", **said),
            Event(
                **{
                    **_fields(an_event(EventType.ACCESS_CHANGE, key, outcome="restricted", **said)),
                    "version": 0,
                }
            ),
        ]
    )
    found = {row.version: row.state for row in catalogue.custody.access(COMMUNITY, key.aip)}
    assert found == {0: AccessState.RESTRICTED, 1: AccessState.OPEN}
