"""Leases with fencing: who may work on what, and for how long.

A lease is a row. Taking it inserts one, and so gives a fence number that was never given
before; releasing deletes it. Whoever was overtaken finds its fence gone when it records.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.keys import chunks, one_of
from preservation.catalogue.protocol import Lease
from preservation.errors import BusyError
from preservation.files import process

_LONGEST = timedelta(days=1)  # no lease is taken, or renewed, for longer


class Leases:
    """The part of the catalogue that keeps leases."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def lease(self, name: str, ttl: timedelta, now: datetime) -> Lease | None:
        """See ``Catalogue.lease``. Not re-entrant: two threads of a process are two takers."""
        return next(iter(self.lease_all([name], ttl, now)), None)

    def lease_all(self, names: Sequence[str], ttl: timedelta, now: datetime) -> list[Lease]:
        """Take, in one transaction, those of these leases that nobody alive holds."""
        holder, until, taken = process.identity(), now + ttl, list[Lease]()
        with self.database.writing() as connection:
            # In order: two takers of the same names never wait for each other.
            for some in chunks(sorted(set(names))):
                # Most are free: only those that were not are looked at.
                made = _insert(connection, some, holder, until)
                left = sorted(set(some).difference(name for name, _ in made))
                if left and (ended := _end_dead(connection, left, now)):
                    made += _insert(connection, ended, holder, until)
                taken += [Lease(name, holder, fence, until) for name, fence in made]
        return taken

    def renew(self, lease: Lease, ttl: timedelta, now: datetime) -> Lease:
        """See ``Catalogue.renew``."""
        with self.database.writing() as connection:
            statement = sa.update(t.lease).where(*_mine(lease)).values(expires_at=now + ttl)
            if connection.execute(statement).rowcount != 1:
                raise _lost(lease)
        return Lease(lease.name, lease.holder, lease.fence, now + ttl)

    def release(self, lease: Lease) -> None:
        """See ``Catalogue.release``. A lease that was lost is nobody's to release: no error."""
        with self.database.writing() as connection:
            connection.execute(sa.delete(t.lease).where(*_mine(lease)))

    def release_all(self, leases: Sequence[Lease]) -> None:
        """Release several in one transaction."""
        with self.database.writing() as connection:
            columns = t.lease.c
            for holder in {lease.holder for lease in leases}:
                for some in chunks(lease for lease in leases if lease.holder == holder):
                    mine = (
                        columns.holder == holder,
                        one_of(connection, columns.fence, [lease.fence for lease in some]),
                        one_of(connection, columns.name, [lease.name for lease in some]),
                    )
                    connection.execute(sa.delete(t.lease).where(*mine))


def _end_dead(connection: sa.Connection, names: Sequence[str], now: datetime) -> list[str]:
    """End those leases on these names that are nobody's any more; the names that are free then.
    One that is released, or taken over, meanwhile is gone under its fence: it is not ended twice.
    """
    current = sa.select(t.lease).where(one_of(connection, t.lease.c.name, names))
    held, dead = set[str](), list[int]()
    for row in connection.execute(current):
        if _holds(row.holder, row.expires_at, now):
            held.add(row.name)
        else:
            dead.append(row.fence)
    if dead:
        connection.execute(sa.delete(t.lease).where(one_of(connection, t.lease.c.fence, dead)))
    return [name for name in names if name not in held]


def _insert(
    connection: sa.Connection, names: Sequence[str], holder: str, until: datetime
) -> list[tuple[str, int]]:
    """Insert leases on names that are free: those that were, with their fences. All in one
    parameter: a statement with hundreds costs more than the leases.
    """
    if connection.dialect.name == "postgresql":
        wanted = sa.literal(list(names), sa.ARRAY(t.lease.c.name.type))
        listed: sa.Select[Any] = sa.select(sa.func.unnest(wanted), *_given(holder, until))
    else:
        values = sa.func.json_each(json.dumps(list(names), ensure_ascii=False)).table_valued(
            "value"
        )
        # Without WHERE, SQLite reads ON CONFLICT as the condition of a join.
        listed = sa.select(values.c.value, *_given(holder, until)).where(sa.true())
    statement = rows.insert(connection, t.lease)
    columns = t.lease.c
    made = statement.from_select(["name", "holder", "expires_at"], listed).on_conflict_do_nothing()
    found = connection.execute(made.returning(columns.name, columns.fence))
    return [(name, fence) for name, fence in found]


def _given(holder: str, until: datetime) -> tuple[sa.ColumnElement[Any], ...]:
    columns = t.lease.c
    return sa.literal(holder, columns.holder.type), sa.literal(until, columns.expires_at.type)


def _holds(holder: str, expires_at: datetime, now: datetime) -> bool:
    """Whether a lease is somebody's. One that ends later than any can was given by a clock that
    has gone back since: it is believed of those who are seen to live, not of other hosts.
    """
    if expires_at <= now:
        return False
    alive = process.alive(holder)
    return alive is True or (alive is None and expires_at <= now + _LONGEST)


def require(connection: sa.Connection, lease: Lease) -> None:
    """Hold the lease to the end of this transaction.

    Raises:
        BusyError: somebody else took it over.
    """
    statement = sa.select(t.lease.c.fence).where(*_mine(lease)).with_for_update()
    if connection.execute(statement).first() is None:
        raise _lost(lease)


def _mine(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    """The holder too: after a rebuild the numbers begin again."""
    columns = t.lease.c
    return (
        columns.fence == lease.fence,
        columns.name == lease.name,
        columns.holder == lease.holder,
    )


def _lost(lease: Lease) -> BusyError:
    return BusyError(
        f"the lease on {lease.name} was taken over while this run was at work",
        hint="nothing was written; the other run finishes it, or the next one does",
        code="CAT-LEASE-LOST",
    )
