"""What was drawn by lot on a tier, until the next drawing.

Not made from events: what is lost is drawn anew. So a sample that was cut short, or whose replicas
have to be recalled before they can be read, goes on with those that were drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue.columns import WORDS, Document, Moment
from preservation.catalogue.database import Database
from preservation.catalogue.tables import metadata

drawing = sa.Table(
    "drawing",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("tier", WORDS, primary_key=True),
    sa.Column("drawn_at", Moment, nullable=False),
    sa.Column("items", Document, nullable=False),
    sqlite_with_rowid=False,
)

Item = tuple[str, int]  # AIP, version


class Drawings:
    """The part of the catalogue that keeps them."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def keep(self, community: str, tier: str, at: datetime, items: Iterable[Item]) -> None:
        """Note what was drawn, in the place of what was drawn before."""
        values: dict[str, Any] = {
            "community": community,
            "tier": tier,
            "drawn_at": at,
            "items": [list(item) for item in items],
        }
        with self.database.writing() as connection:
            rows.write(connection, drawing, ["community", "tier"], [values])

    def last(self, community: str, tier: str) -> tuple[datetime, list[Item]] | None:
        """The last drawing: when it was, and what was drawn; None if there was none."""
        statement = sa.select(drawing.c.drawn_at, drawing.c["items"]).where(
            drawing.c.community == community, drawing.c.tier == tier
        )
        with self.database.reading() as connection:
            found = connection.execute(statement).first()
        if found is None:
            return None
        return found[0], [(str(aip), int(version)) for aip, version in found[1]]
