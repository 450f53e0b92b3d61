"""The last statement of other holders about each of their packages; the fold of events.

A statement is its holder's: it is no check and no replica of ours, and no promise counts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from preservation.catalogue.columns import WORDS, Document, Id, Moment
from preservation.catalogue.database import Database
from preservation.catalogue.keys import chunks, one_of
from preservation.catalogue.state import State, Subjects
from preservation.catalogue.tables import metadata
from preservation.errors import MalformedError
from preservation.model.deferred import dataclass
from preservation.model.event import Event
from preservation.model.replica import check_id

STATEMENT = "statement"
_AT_ONCE = 1_000  # rows read by one query

statement = sa.Table(
    "statement",
    metadata,
    sa.Column("tier", WORDS, primary_key=True),
    sa.Column("package", WORDS, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("outcome", WORDS, nullable=False),
    sa.Column("detail", Document, nullable=False),
    sa.Column("event", Id, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class StatementRow:
    """What a holder stated last about one package.

    Attributes:
        tier: the holder's id in policies.
        at: when we asked.
        outcome, detail: of the event ``holder statement`` (``docs/formats/journal.md``).
    """

    tier: str
    package: str
    at: datetime
    outcome: str
    detail: dict[str, Any]
    event: str


def subjects(event: Event) -> Subjects:
    """The row that a statement may change.

    Raises:
        MalformedError: it names none.
    """
    return Subjects(custody=((STATEMENT, _key(event)),))


def stated(state: State, event: Event) -> bool:
    """The newest statement counts, in whatever order they come."""
    key = _key(event)
    known = state.custody.get((STATEMENT, key))
    if known is not None and known.at > event.at:
        return False
    detail = dict(event.detail)
    state.custody[STATEMENT, key] = StatementRow(*key, event.at, event.outcome, detail, event.id)
    return True


class Statements:
    """The part of the catalogue that knows them."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def all(self, tier: str) -> Iterator[StatementRow]:
        """Those of one holder, by package. Memory does not grow with their number."""
        after = ""
        while some := self._some(tier, statement.c.package > after):
            yield from some
            after = some[-1].package

    def of(self, tier: str, packages: Sequence[str]) -> dict[str, StatementRow]:
        """Those about some packages."""
        found: dict[str, StatementRow] = {}
        with self.database.reading() as connection:
            conditions = [one_of(connection, statement.c.package, few) for few in chunks(packages)]
        for condition in conditions:
            found |= {row.package: row for row in self._some(tier, condition)}
        return found

    def _some(self, tier: str, condition: sa.ColumnElement[bool]) -> list[StatementRow]:
        chosen = sa.select(statement).where(statement.c.tier == tier, condition)
        chosen = chosen.order_by(statement.c.package).limit(_AT_ONCE)
        with self.database.reading() as connection:
            return [StatementRow(**row) for row in connection.execute(chosen).mappings()]


def _key(event: Event) -> tuple[str, str]:
    package = event.detail.get("package")
    if not isinstance(package, str) or not package:
        raise MalformedError(f"a statement about no package: {package!r}")
    return check_id(event.tier, "tier"), package
