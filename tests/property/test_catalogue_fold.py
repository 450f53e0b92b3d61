"""Invariant 5: whatever happens, the state is the fold of the events that were drained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from catalogues import START, a_key, an_event, check, finding, ingestion, replication, sha256
from folders import quick_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from private_postgres import PrivatePostgres

from preservation.catalogue.projection import apply, subjects
from preservation.catalogue.sql import SqlCatalogue, open_catalogue
from preservation.catalogue.state import State
from preservation.errors import MalformedError
from preservation.model.event import Event, EventType

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
keys = st.builds(
    a_key,
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from(["silk-road", "field-notes"]),
)
tiers = st.sampled_from(["vault", "deep"])
moments = st.integers(-(10**9), 10**9).map(lambda n: START + timedelta(microseconds=n))
seals = st.sampled_from([str(sha256("one")), str(sha256("one")), str(sha256("another"))])
names = st.integers(1, 4).map(lambda n: str(UUID(int=n)))
tars = st.none() | st.builds(lambda n: {"sha256": "ab" * 32, "bytes": n}, st.integers(0, 2**53 - 1))
formats = st.lists(
    st.fixed_dictionaries(
        {"puid": words, "mime": words, "name": words, "files": st.just(1), "bytes": st.just(2)}
    ),
    max_size=3,
)
called = st.builds(
    lambda value: {"scheme": "doi", "value": value, "shown": f"doi:{value}"},
    st.sampled_from(["10.1000/a", "10.1000/b", "10.1000/c"]),
)
statuses = st.sampled_from(["live", "reserved", "withdrawn"])


def assignment(key: Any, at: Any, identifier: Any, status: str) -> Event:
    kind = EventType.IDENTIFIER_ASSIGNMENT
    return an_event(kind, key, at=at, status=status, reason="", by="ann", **identifier)


outcomes = st.sampled_from(["intact", "altered", "missing", "unreadable", "unchecked"])


def closing(key: Any, at: Any, kind: EventType, name: str, by: str) -> Event:
    return an_event(kind, key, at=at, finding=name, by=by, reason="", event="")


def recovery(key: Any, at: Any, tier: str, packaging: str, tar: Any) -> Event:
    return an_event(EventType.RECOVERY, key, at=at, tier=tier, packaging=packaging, tar=tar)


packagings = st.sampled_from(["folder", "tar"])
closings = st.sampled_from([EventType.FINDING_RESOLVED, EventType.FINDING_ACCEPTED])
events = st.one_of(
    st.builds(
        ingestion,
        keys,
        at=moments,
        seal=seals,
        title=words,
        lineage=words,
        formats=formats,
        identifiers=st.lists(called, max_size=2),
        identifier_status=statuses,
    ),
    st.builds(assignment, keys, moments, called, statuses),
    st.builds(replication, keys, tiers, at=moments, packaging=packagings, tar=tars, seal=seals),
    st.builds(check, keys, tiers, outcomes, moments, level=st.sampled_from(["E1", "E3", "E4"])),
    st.builds(finding, keys, tiers, moments, finding=names, message=words),
    st.builds(closing, keys, moments, closings, names, words),
    st.builds(recovery, keys, moments, tiers, packagings, tars),
    st.builds(lambda at: an_event(EventType.VALIDATION, at=at, outcome="rejected"), moments),
)
histories = st.lists(st.lists(events, min_size=1, max_size=5), max_size=8)


def shown(catalogue: SqlCatalogue) -> list[Any]:
    return [
        list(catalogue.versions()),
        list(catalogue.replicas()),
        sorted(catalogue.findings(), key=lambda row: row.id),
        catalogue.identifiers(),
        catalogue.communities(),
    ]


def live(catalogue: SqlCatalogue, history: Sequence[Sequence[Event]]) -> list[Event]:
    """Record batch by batch; what was refused has not happened. Returns what was drained."""
    journal: list[Event] = []
    recorded = []
    for batch in history:
        with suppress(MalformedError):
            catalogue.record(batch)
            recorded += batch
        drained = [Event.from_json(decoded(body)) for body in catalogue.outbox(2)]
        catalogue.drained([event.id for event in drained])
        journal += drained
    journal += [Event.from_json(decoded(body)) for body in catalogue.outbox(1000)]
    assert journal == recorded
    return journal


def decoded(body: bytes) -> Any:
    return json.loads(body)


def in_memory(journal: Sequence[Event]) -> list[Any]:
    """The same fold without any database."""
    state = State()
    for event in journal:
        subjects(event)
        apply(state, event)
    return [
        [state.versions[key] for key in sorted(state.versions)],
        [state.replicas[place] for place in sorted(state.replicas)],
        [state.findings[id] for id in sorted(state.findings)],
        [state.identifiers[key] for key in sorted(state.identifiers)],
        sorted({event.community for event in journal}),
    ]


@contextmanager
def a_copy(pristine: Path) -> Iterator[SqlCatalogue]:
    folder = quick_folder(pristine.parent)
    shutil.copy(pristine, folder / "c.sqlite")
    catalogue = open_catalogue(f"sqlite:///{folder}/c.sqlite")
    yield catalogue
    catalogue.close()
    shutil.rmtree(folder)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_a_rebuild_from_the_same_events_gives_the_same_state(
    pristine: Path, history: list[list[Event]]
) -> None:
    with a_copy(pristine) as catalogue, a_copy(pristine) as rebuilt:
        journal = live(catalogue, history)
        rebuilt.replay([*journal, *journal])
        assert shown(rebuilt) == shown(catalogue) == in_memory(journal)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(histories)
def test_both_databases_hold_the_same(
    pristine: Path, postgres_server: PrivatePostgres, history: list[list[Event]]
) -> None:
    postgres = open_catalogue(postgres_server.emptied())
    with a_copy(pristine) as catalogue:
        live(catalogue, history)
        live(postgres, history)
        assert shown(postgres) == shown(catalogue)
    postgres.close()
