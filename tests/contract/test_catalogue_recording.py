"""Recording: state and events in one transaction, once, and only under a lease that holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from catalogues import MINUTE, START, a_key, an_event, check, finding, ingestion, kept, replication

from preservation.catalogue import events as events_module
from preservation.catalogue import tables as t
from preservation.catalogue.sql import SqlCatalogue, open_catalogue
from preservation.errors import BusyError, MalformedError
from preservation.model.event import Event, EventType
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import ReplicaState

KEY = a_key()


def ids(bodies: Sequence[bytes]) -> list[str]:
    return [json.loads(body)["id"] for body in bodies]


def test_what_was_recorded_is_state_and_outbox_at_once(catalogue: SqlCatalogue) -> None:
    recorded = kept(KEY, "vault")
    catalogue.record(recorded)
    row = catalogue.replica(KEY, "vault")
    assert row is not None
    assert (row.state, row.outcome, row.level) == (
        ReplicaState.VERIFIED, Outcome.INTACT, Level.E3,
    )  # fmt: skip
    assert row.verified_at == row.checked_at == START
    assert catalogue.outbox(10) == [event.encode() for event in recorded]
    assert catalogue.communities() == ["silk-road"]


def test_a_version_is_read_as_it_was_recorded(catalogue: SqlCatalogue) -> None:
    title = "Самарқанд \U00020000 'quoted' \\ %s"
    catalogue.record([ingestion(KEY, title=title, files=2**53 - 1)])
    row = catalogue.version(KEY)
    assert row is not None
    assert (row.title, row.files, row.octets, row.ingested_at) == (title, 2**53 - 1, 1000, START)
    assert [item.puid for item in row.formats] == ["fmt/18"]
    assert list(catalogue.versions()) == [row]


def test_an_event_recorded_again_is_skipped(catalogue: SqlCatalogue) -> None:
    recorded = kept(KEY, "vault")
    catalogue.record([*recorded, recorded[0]])
    later = check(KEY, outcome="altered", at=START + MINUTE)
    catalogue.record([later])
    catalogue.record(recorded)  # as after a reply that was lost
    row = catalogue.replica(KEY, "vault")
    assert row is not None
    assert row.state is ReplicaState.DAMAGED
    assert catalogue.outbox_size() == len(recorded) + 1


def test_an_event_recorded_again_after_it_was_drained_is_skipped(catalogue: SqlCatalogue) -> None:
    recorded = kept(KEY, "vault")
    catalogue.record(recorded)
    catalogue.drained([event.id for event in recorded])
    catalogue.record(recorded)
    assert catalogue.outbox(10) == []


def test_memory_of_drained_events_is_bounded(
    catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "REMEMBERED", 2)
    note = [an_event(EventType.VALIDATION, outcome="rejected") for _ in range(4)]
    for event in note:
        catalogue.record([event])
        catalogue.drained([event.id])
    catalogue.record(note)
    assert ids(catalogue.outbox(10)) == [event.id for event in note[:2]]


def test_drained_events_leave_the_outbox_and_others_stay(catalogue: SqlCatalogue) -> None:
    recorded = kept(KEY, "vault", "deep")
    catalogue.record(recorded)
    catalogue.drained([recorded[1].id, recorded[0].id])
    assert ids(catalogue.outbox(2)) == [event.id for event in recorded[2:4]]
    assert catalogue.outbox_size() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        replication(KEY, packaging="envelope"),
        replication(KEY, bytes=-1),
        replication(KEY, seal="md5:" + "0" * 32),
        replication(KEY, tier=""),
        check(KEY, outcome="splendid"),
        ingestion(KEY, formats=[{}]),
        finding(KEY, finding="not a uuid"),
        finding(KEY, severity="mild"),
    ],
    ids=lambda event: event.type.value,
)
def test_one_wrong_event_keeps_all_from_being_written(
    catalogue: SqlCatalogue, wrong: Event
) -> None:
    with pytest.raises(MalformedError):
        catalogue.record([*kept(KEY, "vault"), wrong])
    assert catalogue.outbox_size() == 0
    assert catalogue.version(KEY) is None


def test_a_sealed_version_never_changes(catalogue: SqlCatalogue) -> None:
    """Invariant 2."""
    catalogue.record(kept(KEY, "vault"))
    before = catalogue.version(KEY)
    with pytest.raises(MalformedError) as caught:
        catalogue.record([ingestion(KEY, seal="sha256:" + "0" * 64)])
    assert caught.value.code == "CAT-SEAL-CONFLICT"
    assert catalogue.version(KEY) == before


def test_new_bytes_are_not_vouched_for_by_earlier_checks(catalogue: SqlCatalogue) -> None:
    """Invariant 3."""
    catalogue.record([*kept(KEY, "vault"), check(KEY, outcome="altered")])
    tar = {"sha256": "ab" * 32, "bytes": 2048}
    later = START + MINUTE
    recovery = an_event(
        EventType.RECOVERY, KEY, at=later, tier="vault", source="deep", packaging="tar", tar=tar
    )
    catalogue.record([recovery])
    row = catalogue.replica(KEY, "vault")
    assert row is not None
    assert (row.state, row.written_at) == (ReplicaState.WRITTEN, later)
    assert (row.verified_at, row.checked_at, row.outcome, row.level) == (None, None, None, None)
    assert row.tar is not None
    assert row.tar.octets == 2048


def test_unchecked_changes_nothing_but_is_told(catalogue: SqlCatalogue) -> None:
    catalogue.record(kept(KEY, "vault"))
    before = catalogue.replica(KEY, "vault")
    catalogue.record([check(KEY, outcome="unchecked", at=START + MINUTE)])
    assert catalogue.replica(KEY, "vault") == before
    assert catalogue.outbox_size() == 4


def test_a_finding_lives_from_opened_to_decided(catalogue: SqlCatalogue) -> None:
    opened = finding(KEY)
    id = opened.detail["finding"]
    catalogue.record([opened])
    row = catalogue.finding(id)
    assert row is not None
    assert (row.state, row.closed_at, row.decided) == ("open", None, {})
    assert row.detail == {"files": ["data/a"]}
    decision = {"finding": id, "by": "Aziza", "reason": "known", "event": opened.id}
    catalogue.record([an_event(EventType.FINDING_ACCEPTED, KEY, at=START + MINUTE, **decision)])
    assert catalogue.findings(state="open") == []
    closed = catalogue.finding(id)
    assert closed is not None
    assert closed == replace(
        row,
        state="accepted",
        closed_at=START + MINUTE,
        decided={"by": "Aziza", "reason": "known", "event": opened.id},
    )


def test_nothing_is_written_after_the_lease_was_lost(catalogue: SqlCatalogue) -> None:
    """Invariant 11."""
    mine = catalogue.lease("aip/1", MINUTE, START)
    assert mine is not None
    catalogue.record([ingestion(KEY)], mine)
    theirs = catalogue.lease("aip/1", MINUTE, START + 2 * MINUTE)
    assert theirs is not None
    with pytest.raises(BusyError):
        catalogue.record([replication(KEY)], mine)
    assert catalogue.replica(KEY, "vault") is None
    assert catalogue.outbox_size() == 1
    catalogue.record([replication(KEY)], theirs)
    assert catalogue.replica(KEY, "vault") is not None


def test_words_that_a_database_cannot_hold_do_not_stop_anything(catalogue: SqlCatalogue) -> None:
    catalogue.record([ingestion(KEY, title="a\0b"), finding(KEY, localised={"files": ["\0"]})])
    row = catalogue.version(KEY)
    assert row is not None
    assert row.title == "a\u2400b"
    assert catalogue.findings()[0].detail == {"files": ["\0"]}


def test_two_that_drain_the_same_events_at_once_do_not_fail(postgres_url: str) -> None:
    """The second takes over from one that paused, and then goes on."""
    catalogue = open_catalogue(postgres_url)
    made = kept(a_key(), "vault")
    catalogue.record(made)
    drained = [event.id for event in made]
    with ThreadPoolExecutor(1) as other:
        with catalogue.database.writing() as connection:
            moved = sa.select(t.outbox.c.seq, t.outbox.c.id)
            connection.execute(sa.insert(t.recorded).from_select(["seq", "id"], moved))
            connection.execute(sa.delete(t.outbox))
            late = other.submit(catalogue.drained, drained)
            with pytest.raises(TimeoutError):
                late.result(timeout=0.5)  # it waits for this transaction
        late.result(timeout=30)
    assert catalogue.outbox_size() == 0
    assert all(catalogue.knows(id) for id in drained)
    catalogue.close()
