"""How many replicas were last checked when: counts by day, kept by the database.

Overdue replicas are counted by every standing, and a look ahead starts from all ages there are;
over millions of replicas that would be a walk of seconds. Days are whole in the counts
(``migrations.dating``); of the one day that a moment parts, rows are counted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from preservation.catalogue import tables as t
from preservation.catalogue.columns import microseconds

PARTS = 64  # of the lots, in a look ahead
_DAY = 86_400_000_000  # microseconds
_checked: sa.ColumnElement[int] = sa.type_coerce(t.replica.c.aged_from, sa.BigInteger)


class Cohort(NamedTuple):
    """Replicas of one tier that were last checked on one day, for a look ahead.

    Attributes:
        day: since 1970.
        part: in which 64th of the lots; 0 for those that are not young.
    """

    tier: str
    day: int
    young: bool
    part: int
    replicas: int
    octets: int


def day_of(moment: datetime) -> int:
    """The day (UTC) of a moment, counted from 1970."""
    return microseconds(moment) // _DAY


def cohorts(connection: sa.Connection, community: str) -> list[Cohort]:
    """Everything, by tier and day: some thousands of rows, whatever is held."""
    columns = t.replica_age.c
    statement = sa.select(
        columns.tier, columns.day, columns.young, columns.part, columns.replicas, columns.octets
    ).where(columns.community == community)
    return [Cohort(*row) for row in connection.execute(statement)]


def before(
    connection: sa.Connection, community: str, tier: str, moment: datetime
) -> sa.ColumnElement[int]:
    """How many replicas on a tier were last checked, or written, before a moment.

    What is given is one expression: whoever asks it sees all of it in one state. Of the moment's
    day that side is walked that looks shorter, as if its checks were even in time.
    """
    micro = microseconds(moment)
    day = day_of(moment)
    first, last = _ends(connection, community, tier, day)
    columns = t.replica_age.c
    if last - micro < micro - first:
        through, other = columns.day <= day, _walked(community, tier, micro, (day + 1) * _DAY)
        return _counted(community, tier, through) - other
    return _counted(community, tier, columns.day < day) + _walked(
        community, tier, day * _DAY, micro
    )


def since(
    connection: sa.Connection, community: str, tier: str, moment: datetime
) -> sa.ColumnElement[int]:
    """How many of them not before it."""
    return _counted(community, tier) - before(connection, community, tier, moment)


def _counted(
    community: str, tier: str, *days: sa.ColumnElement[bool]
) -> sa.ScalarSelect[Any] | sa.ColumnElement[int]:
    columns = t.replica_age.c
    total = sa.cast(sa.func.coalesce(sa.func.sum(columns.replicas), 0), sa.BigInteger)
    chosen = (
        columns.community == community,
        columns.tier == tier,
        columns.young.in_([False, True]),  # so that days are a range in the key
    )
    return sa.select(total).where(*chosen, *days).scalar_subquery()


def _walked(community: str, tier: str, first: int, end: int) -> sa.ScalarSelect[Any]:
    """Replicas of these moments, the end left out, row by row."""
    count = sa.select(sa.func.count()).select_from(t.replica)
    chosen = count.where(*t.on_tier(community, tier), _checked >= first, _checked < end)
    return chosen.scalar_subquery()


def _ends(connection: sa.Connection, community: str, tier: str, day: int) -> tuple[int, int]:
    """The first and the last moment of a day's replicas on a tier; nothing apart without any."""
    columns = t.replica.c
    asked = (
        sa.select(end(_checked))
        .where(columns.community == community, columns.tier == tier, columns.young == young)
        .where(_checked >= day * _DAY, _checked < (day + 1) * _DAY)
        .scalar_subquery()
        for end in (sa.func.min, sa.func.max)
        for young in (False, True)
    )
    known = [moment for moment in connection.execute(sa.select(*asked)).one() if moment is not None]
    return (min(known), max(known)) if known else (day * _DAY, (day + 1) * _DAY)
