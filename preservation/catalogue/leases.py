"""Leases with fencing: who may work on what, and for how long.

A lease is a row. Taking it inserts one, and so gives a fence number that was never given
before; releasing deletes it. Whoever was overtaken finds its fence gone when it records.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.keys import chunks
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
        holder, taken = process.identity(), list[Lease]()
        with self.database.writing() as connection:
            for some in chunks(dict.fromkeys(names)):
                current = connection.execute(sa.select(t.lease).where(t.lease.c.name.in_(some)))
                held, dead = set[str](), list[int]()
                for row in current:
                    if _holds(row.holder, row.expires_at, now):
                        held.add(row.name)
                    else:
                        dead.append(row.fence)
                if dead:
                    connection.execute(sa.delete(t.lease).where(t.lease.c.fence.in_(dead)))
                # Of two takers one inserts; the other waits for it, and then finds the name taken.
                free = [
                    {"name": name, "holder": holder, "expires_at": now + ttl}
                    for name in some
                    if name not in held
                ]
                if free:
                    statement = rows.insert(connection, t.lease).values(free)
                    statement = statement.on_conflict_do_nothing()
                    made = statement.returning(t.lease.c.name, t.lease.c.fence)
                    taken += [
                        Lease(name, holder, fence, now + ttl)
                        for name, fence in connection.execute(made)
                    ]
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
            for some in chunks(leases):
                columns = t.lease.c
                mine = sa.tuple_(columns.fence, columns.name, columns.holder).in_(
                    [(lease.fence, lease.name, lease.holder) for lease in some]
                )
                numbered = columns.fence.in_([lease.fence for lease in some])  # by the index
                connection.execute(sa.delete(t.lease).where(numbered, mine))


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
