"""Parts of very large replicas that were read by a check that is not at its end.

Not made from events: what is lost is read again. The check, once all of its parts are there, is one
event like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue.columns import ORDINAL, WORDS, Document, Id, Moment, Words
from preservation.catalogue.database import Database
from preservation.catalogue.tables import metadata
from preservation.model.deferred import dataclass
from preservation.model.replica import VersionKey

check_part = sa.Table(
    "check_part",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("aip", Id, primary_key=True),
    sa.Column("version", ORDINAL, primary_key=True, autoincrement=False),
    sa.Column("tier", WORDS, primary_key=True),
    sa.Column("part", ORDINAL, primary_key=True, autoincrement=False),
    sa.Column("of", ORDINAL, nullable=False),
    sa.Column("began", Moment, nullable=False),
    sa.Column("ended", Moment, nullable=False),
    sa.Column("mark", Words, nullable=False),
    sa.Column("outcome", WORDS, nullable=False),
    sa.Column("seen", Document, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class CheckPart:
    """One part, read.

    Attributes:
        part: its number, from 1 to ``of``.
        mark: which replica it was read of, and what that looked like.
        outcome: of this part's files.
        seen: ``samarkand.check-part/1`` (``docs/formats/check.md``).
    """

    key: VersionKey
    tier: str
    part: int
    of: int
    began: datetime
    ended: datetime
    mark: str
    outcome: str
    seen: Mapping[str, Any]


class CheckParts:
    """The part of the catalogue that keeps them."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def keep(self, one: CheckPart) -> None:
        """Keep a part, in the place of any of the same number."""
        values = {
            **_key(one.key, one.tier),
            "part": one.part,
            "of": one.of,
            "began": one.began,
            "ended": one.ended,
            "mark": one.mark,
            "outcome": one.outcome,
            "seen": dict(one.seen),
        }
        with self.database.writing() as connection:
            key = ["community", "aip", "version", "tier", "part"]
            rows.write(connection, check_part, key, [values])

    def of(self, key: VersionKey, tier: str) -> list[CheckPart]:
        """What is kept of one replica, by number."""
        statement = sa.select(check_part).where(*_is(key, tier)).order_by(check_part.c.part)
        with self.database.reading() as connection:
            return [_part(row) for row in connection.execute(statement).mappings()]

    def begun(self, community: str) -> Iterator[tuple[VersionKey, str]]:
        """The replicas of which any part is kept, and their tiers."""
        names = [check_part.c[name] for name in ("aip", "version", "tier")]
        statement = (
            sa.select(*names)
            .where(check_part.c.community == community)
            .group_by(*names)
            .order_by(*names)
        )
        with self.database.reading() as connection:
            found = connection.execute(statement).all()
        for aip, version, tier in found:
            yield VersionKey(community, aip, version), tier

    def forget(self, key: VersionKey, tier: str) -> None:
        """Drop what is kept of one replica: its check is recorded, or begins anew."""
        with self.database.writing() as connection:
            connection.execute(sa.delete(check_part).where(*_is(key, tier)))


def _key(key: VersionKey, tier: str) -> dict[str, Any]:
    return {"community": key.community, "aip": key.aip, "version": key.version, "tier": tier}


def _is(key: VersionKey, tier: str) -> list[sa.ColumnElement[bool]]:
    return [check_part.c[name] == value for name, value in _key(key, tier).items()]


def _part(row: sa.RowMapping) -> CheckPart:
    key = VersionKey(row["community"], row["aip"], row["version"])
    kept = ("tier", "part", "of", "began", "ended", "mark", "outcome", "seen")
    return CheckPart(key, **{name: row[name] for name in kept})
