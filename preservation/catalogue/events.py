"""Recording events, and handing them to the journal.

One transaction holds the state, the events that explain it, and the check that the writer's
lease is still its own. Recordings of one community wait for each other, so that the order of
the outbox is the order in which its rows changed; different communities do not.

An event recorded again is skipped: while it is in the outbox, and after that while it is among
the newest :data:`REMEMBERED` that were drained. A table of every id ever recorded would outgrow
all others; readers of the journal sort out the rare rest by id
(``docs/decisions/0041-events-recorded-again.md``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from preservation.catalogue import bulk, rows
from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.keys import chunks, one_of
from preservation.catalogue.leases import require
from preservation.catalogue.projection import apply, subjects
from preservation.catalogue.protocol import Lease
from preservation.catalogue.state import Subjects
from preservation.errors import MalformedError
from preservation.model.event import Event

REMEMBERED = 100_000
_REPLAYED_AT_ONCE = 1_000
_REPLAYED_KNOWN = 10_000  # of the newest: what a drain may have put into one journal file


class Events:
    """The part of the catalogue that events go through."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def record(self, events: Sequence[Event], lease: Lease | None = None) -> None:
        """See ``Catalogue.record``.

        Raises:
            MalformedError: an event's detail is not what its type carries; nothing is written.
            BusyError: the lease was lost; nothing is written.
        """
        once = list({event.id: event for event in events}.values())
        bodies = {event.id: event.encode() for event in once}
        communities = {event.community for event in once if event.community}
        with self.database.writing() as connection:
            _one_at_a_time(connection, communities)
            if lease is not None:
                require(connection, lease)
            known = bulk.known(connection, bodies)
            fresh = [event for event in once if event.id not in known]
            if not fresh:
                return
            rows.mention_communities(connection, communities)
            _fold(connection, [(event, subjects(event)) for event in fresh])
            bulk.append(connection, [(event.id, bodies[event.id]) for event in fresh])

    def outbox(self, limit: int) -> list[bytes]:
        """See ``Catalogue.outbox``."""
        statement = sa.select(t.outbox.c.body).order_by(t.outbox.c.seq).limit(limit)
        with self.database.reading() as connection:
            return [bytes(body) for body in connection.execute(statement).scalars()]

    def outbox_size(self) -> int:
        """See ``Catalogue.outbox_size``."""
        with self.database.reading() as connection:
            statement = sa.select(sa.func.count()).select_from(t.outbox)
            return int(connection.execute(statement).scalar_one())

    def drained(self, ids: Iterable[str]) -> None:
        """See ``Catalogue.drained``."""
        with self.database.writing() as connection:
            for batch in chunks(ids):
                mine = one_of(connection, t.outbox.c.id, batch)
                moved = sa.select(t.outbox.c.seq, t.outbox.c.id).where(mine)
                # Whoever drained the same meanwhile, after a pause of this one, noted them already.
                noted = rows.insert(connection, t.recorded).from_select(["seq", "id"], moved)
                connection.execute(noted.on_conflict_do_nothing())
                connection.execute(sa.delete(t.outbox).where(mine))
            newest = sa.select(sa.func.max(t.recorded.c.seq)).scalar_subquery()
            old = t.recorded.c.seq <= newest - REMEMBERED
            connection.execute(sa.delete(t.recorded).where(old))

    def knows(self, id: str) -> bool:
        """Whether an event was recorded here, as far as is remembered."""
        with self.database.reading() as connection:
            return bool(bulk.known(connection, [id]))

    def replay(self, events: Iterable[Event]) -> int:
        """See ``Catalogue.replay``. Skips what contradicts itself or is about the unknown.

        Events that come twice are applied once if they come in one call.
        """
        seen: set[bytes] = set()
        newest: deque[str] = deque(maxlen=_REPLAYED_KNOWN)
        applied = 0
        for batch in chunks(events, _REPLAYED_AT_ONCE):
            fresh: list[tuple[Event, Subjects]] = []
            for event in batch:
                identity = bytes.fromhex(event.id.replace("-", ""))
                if identity in seen:
                    continue
                seen.add(identity)
                newest.append(event.id)
                try:
                    fresh.append((event, subjects(event)))
                except MalformedError:
                    continue
            with self.database.writing() as connection:
                names = {event.community for event, _ in fresh if event.community}
                _one_at_a_time(connection, names)
                rows.mention_communities(connection, names)
                applied += _fold(connection, fresh, tolerant=True)
        with self.database.writing() as connection:
            _remember(connection, newest)
        return applied


def _fold(
    connection: sa.Connection, events: Sequence[tuple[Event, Subjects]], *, tolerant: bool = False
) -> int:
    """Load what the events are about, apply them in order, save what changed."""
    about = [subject for _, subject in events]
    before = rows.load(
        connection,
        {subject.version for subject in about if subject.version is not None},
        {subject.replica for subject in about if subject.replica is not None}
        | {place for subject in about for place in subject.replicas},
        {subject.finding for subject in about if subject.finding is not None},
        {key for subject in about for key in subject.identifiers},
        {key for subject in about for key in subject.custody},
    )
    after = before.copied()
    applied = 0
    for event, _ in events:
        try:
            applied += apply(after, event)
        except MalformedError:
            if not tolerant:
                raise
    rows.save(connection, before, after)
    return applied


def _remember(connection: sa.Connection, ids: Iterable[str]) -> None:
    """Note replayed events as drained ones, before all that will be recorded from now on."""
    values = [{"seq": -number, "id": id} for number, id in enumerate(ids, 1)]
    if values:
        connection.execute(rows.insert(connection, t.recorded).on_conflict_do_nothing(), values)


def _one_at_a_time(connection: sa.Connection, communities: Iterable[str]) -> None:
    """Wait for other recordings of these communities; SQLite has one writer anyway.

    In sorted order, so that two recordings never wait for each other.
    """
    if connection.dialect.name != "postgresql":
        return
    for name in sorted(communities):
        key = sa.func.hashtextextended(sa.func.current_schema() + "/" + name, 0)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
