"""How old evidence is: one moment is stored, and says what several columns would."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from catalogues import START, a_key, an_event, check, ingestion, kept, replication

from preservation.catalogue.sql import SqlCatalogue
from preservation.model.event import EventType
from preservation.model.outcome import Outcome
from preservation.model.replica import ReplicaState

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOST = START + 9 * DAY


def test_what_checks_said_is_told_back_as_it_was(catalogue: SqlCatalogue) -> None:
    """When it was found intact, and when it was checked, whatever state it is in since."""
    key = a_key()

    def told() -> tuple[ReplicaState, datetime | None, datetime | None, Outcome | None]:
        row = catalogue.replica(key, "vault")
        assert row is not None
        paged = next(iter(catalogue.replicas(aip=key.aip)))
        assert paged == row
        return row.state, row.verified_at, row.checked_at, row.outcome

    catalogue.record([ingestion(key), replication(key)])
    assert told() == (ReplicaState.WRITTEN, None, None, None)
    catalogue.record([check(key, at=START)])  # in the moment in which it was written
    assert told() == (ReplicaState.VERIFIED, START, START, Outcome.INTACT)
    catalogue.record([check(key, outcome="altered", at=START + DAY)])
    assert told() == (ReplicaState.DAMAGED, START, START + DAY, Outcome.ALTERED)
    catalogue.record([check(key, outcome="unchecked", at=START + 2 * DAY)])
    assert told() == (ReplicaState.DAMAGED, START, START + DAY, Outcome.ALTERED)
    catalogue.record([check(key, outcome="intact", at=START - DAY)])  # a clock that went back
    assert told() == (ReplicaState.VERIFIED, START - DAY, START - DAY, Outcome.INTACT)
    tar = {"packaging": "folder", "tar": None}
    catalogue.record([an_event(EventType.RECOVERY, key, at=START + 3 * DAY, tier="vault", **tar)])
    assert told() == (ReplicaState.WRITTEN, None, None, None)


def test_of_a_drawing_what_was_written_since_is_still_to_be_read(catalogue: SqlCatalogue) -> None:
    keys = [a_key(number) for number in (1, 2, 3)]
    for key in keys:
        catalogue.record(kept(key, "vault", at=START))
    drawn_at = START + DAY
    catalogue.record([check(keys[0], at=drawn_at + HOUR)])
    catalogue.record([replication(keys[1], at=drawn_at + HOUR)])  # new bytes, that nobody read
    items = [(key.aip, key.version) for key in keys]

    unread = catalogue.turns.still_unread("silk-road", "vault", items, drawn_at)

    assert {turn.aip for turn in unread} == {keys[1].aip, keys[2].aip}


def test_what_was_only_written_is_not_counted_as_checked(catalogue: SqlCatalogue) -> None:
    """Else a brake would take ten of ten that are damaged for ten of many."""
    for number in range(1, 11):
        key = a_key(number)
        catalogue.record([*kept(key, "vault"), check(key, "vault", "missing", LOST)])
    for number in range(11, 31):
        catalogue.record([replication(a_key(number), "vault", at=LOST)])

    assert catalogue.turns.checked_since("silk-road", "vault", LOST) == (10, 10, 10)


@pytest.mark.parametrize("days", [-400, 0, 2, 9])
def test_ages_are_counted_right_from_either_end(catalogue: SqlCatalogue, days: int) -> None:
    ages = [0, 0, 1, 2, 2, 3, 8]
    for number, age in enumerate(ages, 1):
        made = kept(a_key(number), "vault", at=START - 40 * DAY)
        if number % 3:  # the others are young: written, read back, and not audited yet
            made.append(check(a_key(number), at=START + age * DAY))
        catalogue.record(made)
    catalogue.record(kept(a_key(99), "mirror"))
    held = [-40 if number % 3 == 0 else age for number, age in enumerate(ages, 1)]
    moment, figures = START + days * DAY, catalogue.figures

    assert figures.aged("silk-road", "vault", moment) == sum(age < days for age in held)
    assert figures.dated_after("silk-road", "vault", moment) == sum(age > days for age in held)
    assert figures.aged("silk-road", "deep", moment) == 0
    assert figures.dated_after("silk-road", "deep", moment) == 0


def test_of_the_day_that_a_moment_parts_the_hours_are_counted(catalogue: SqlCatalogue) -> None:
    """Whole days are counts that the database keeps; whichever side of the rest is walked."""
    midnight = START.replace(hour=0, minute=0, second=0, microsecond=0) + 40 * DAY
    hours = [-3, 0, 1, 1, 2, 20, 22, 23, 23, 26]
    for number, hour in enumerate(hours, 1):
        made = kept(a_key(number), "vault", at=START)
        catalogue.record([*made, check(a_key(number), at=midnight + hour * HOUR)])
    for hour in (-4, 0, 1, 2, 12, 21, 23, 24, 26, 50):
        moment = midnight + hour * HOUR
        aged = catalogue.figures.aged("silk-road", "vault", moment)
        later = catalogue.figures.dated_after("silk-road", "vault", moment)
        assert (aged, later) == (sum(h < hour for h in hours), sum(h > hour for h in hours))
