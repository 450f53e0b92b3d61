"""Arrivals: deposits seen in inboxes, each with the AIP reserved for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.protocol import Arrival

_NAMESPACE = UUID("6f1d3f0a-8c56-4d0c-9a7a-0f6f0a6f3b52")


class Arrivals:
    """The part of the catalogue that keeps arrivals."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def arrive(
        self, community: str, name: str, path: str, signature: str, aip: str, at: datetime
    ) -> Arrival:
        """See ``Catalogue.arrive``."""
        id = arrival_id(community, path)
        fresh = {
            "community": community,
            "name": name,
            "path": path,
            "signature": signature,
            "aip": aip,
            "state": "waiting",
            "version": 0,
            "seen_at": at,
            "settled_at": None,
            "receipt": {},
        }
        with self.database.writing() as connection:
            statement = rows.insert(connection, t.arrival).values(id=id, **fresh)
            statement = statement.on_conflict_do_update(
                index_elements=["id"],
                set_={name: statement.excluded[name] for name in fresh},
                where=t.arrival.c.signature != statement.excluded.signature,
            )
            connection.execute(statement)
            found = connection.execute(sa.select(t.arrival).where(t.arrival.c.id == id)).one()
        return _arrival(found)

    def settle_arrival(
        self, id: str, state: str, version: int, aip: str, receipt: Mapping[str, Any], at: datetime
    ) -> None:
        """See ``Catalogue.settle_arrival``."""
        statement = (
            sa.update(t.arrival)
            .where(t.arrival.c.id == id)
            .values(state=state, version=version, aip=aip, receipt=dict(receipt), settled_at=at)
        )
        with self.database.writing() as connection:
            connection.execute(statement)

    def arrival(self, id: str) -> Arrival | None:
        """See ``Catalogue.arrival``."""
        with self.database.reading() as connection:
            found = connection.execute(sa.select(t.arrival).where(t.arrival.c.id == id)).first()
        return None if found is None else _arrival(found)

    def arrivals(self, community: str | None = None, state: str | None = None) -> list[Arrival]:
        """See ``Catalogue.arrivals``. By community and the time they were seen."""
        columns = t.arrival.c
        statement = sa.select(t.arrival).order_by(columns.community, columns.seen_at, columns.id)
        if community is not None:
            statement = statement.where(columns.community == community)
        if state is not None:
            statement = statement.where(columns.state == state)
        with self.database.reading() as connection:
            return [_arrival(row) for row in connection.execute(statement)]


def arrival_id(community: str, path: str) -> str:
    """Stable for one community and path, on every machine."""
    octets = path.encode("utf-8", "surrogateescape").hex()
    return str(uuid5(_NAMESPACE, f"{community}/{octets}"))


def _arrival(row: sa.Row[Any]) -> Arrival:
    return Arrival(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor
