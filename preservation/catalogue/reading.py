"""Reading: versions, replicas and findings, in pages by key, without a query per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue import tables as t
from preservation.catalogue.custody import Tombstone
from preservation.catalogue.custody_reading import Custody
from preservation.catalogue.custody_tables import tombstone
from preservation.catalogue.database import Database
from preservation.catalogue.keys import chunks
from preservation.catalogue.protocol import FindingRow, IdentifierRow, ReplicaRow, VersionRow
from preservation.model.digest import Digest
from preservation.model.identifier import Identifier
from preservation.model.replica import VersionKey

PAGE = 1_000
_DIGITS, _HEX = 32, frozenset("0123456789abcdef")  # of a UUID
_FINDINGS = 200  # whole ones read at once: each may name hundreds of files
_BRIEF = tuple(column for column in t.finding.c if column.name not in ("detail", "decided"))


class Reading:
    """The part of the catalogue that answers."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def versions(
        self, community: str | None = None, aip: str | None = None
    ) -> Iterator[VersionRow]:
        """See ``Catalogue.versions``. Each page is a transaction of its own."""
        statement = _of(t.version, sa.select(t.version), community, aip)
        columns = t.version.c
        key = (columns.community, columns.aip, columns.version)[_given(community, aip) :]
        after: tuple[Any, ...] | None = None
        while True:
            with self.database.reading() as connection:
                page = connection.execute(_page(statement, key, after)).mappings().all()
                found = [rows.version_row(row, ()).key for row in page]
                formats = rows.formats(connection, found)
            for row, version in zip(page, found, strict=True):
                yield rows.version_row(row, formats.get(version, ()))
            if len(page) < PAGE:
                return
            after = tuple(page[-1][column.name] for column in key)

    def beginning(self, digits: str) -> list[str]:
        """AIPs whose UUIDs begin so, held or disposed of, in order.

        A range of the key in each community: nothing is read but what is found.
        """
        plain = digits.lower().replace("-", "")
        if not plain or len(plain) > _DIGITS or not set(plain) <= _HEX:
            return []
        first, last = (str(UUID(plain.ljust(_DIGITS, end))) for end in "0f")
        found = set[str]()
        with self.database.reading() as connection:
            for table in (t.version, tombstone):
                columns = table.c
                each = columns.community.in_(sa.select(t.community.c.community))
                asked = sa.select(columns.aip).where(each, columns.aip.between(first, last))
                found |= set(connection.execute(asked.distinct()).scalars())
        return sorted(aip for aip in found if aip.startswith(digits.lower()))

    def version(self, key: VersionKey) -> VersionRow | None:
        """See ``Catalogue.version``."""
        columns = t.version.c
        return self._one_version(
            sa.select(t.version).where(
                columns.community == key.community,
                columns.aip == key.aip,
                columns.version == key.version,
            )
        )

    def held_content(self, community: str, content: Digest) -> VersionRow | None:
        """See ``Catalogue.held_content``; of several, the one held longest."""
        columns = t.version.c
        return self._one_version(
            sa.select(t.version)
            .where(columns.community == community, columns.content_digest == content)
            .order_by(columns.ingested_at, columns.aip, columns.version)
            .limit(1)
        )

    def lineage(self, community: str, identifier: str) -> list[str]:
        """See ``Catalogue.lineage``. Nothing is held under an empty identifier."""
        columns = t.version.c
        held = sa.select(columns.aip).where(
            columns.community == community, columns.lineage == identifier, t.has_lineage
        )
        gone = sa.select(tombstone.c.aip).where(
            tombstone.c.community == community,
            tombstone.c.lineage == identifier,
            tombstone.c.lineage != "",
        )
        with self.database.reading() as connection:
            found = {*connection.execute(held).scalars(), *connection.execute(gone).scalars()}
        return sorted(found)

    def last_version(self, community: str, aip: str) -> VersionRow | None:
        """See ``Catalogue.last_version``."""
        newest: list[VersionRow] = []
        with self.database.reading() as connection:
            for table in (t.version, tombstone):
                statement = (
                    sa.select(table)
                    .where(table.c.community == community, table.c.aip == aip)
                    .order_by(table.c.version.desc())
                    .limit(1)
                )
                found = connection.execute(statement).mappings()
                newest += [rows.version_row(row, ()) for row in found]
        return max(newest, key=lambda row: row.key, default=None)

    def is_disposed(self, key: VersionKey) -> bool:
        """See ``Catalogue.is_disposed``."""
        return Custody(self.database).tombstone(key) is not None

    def is_held(self, key: VersionKey) -> bool:
        """See ``Catalogue.is_held``."""
        return bool(Custody(self.database).holds_on(key))

    def removing(self, community: str, tier: str) -> set[VersionKey]:
        """See ``Catalogue.removing``."""
        pending = Custody(self.database).removals(community, pending=True)
        return {row.key for row in pending if row.tier == tier}

    def disposed_content(self, community: str, content: Digest) -> Tombstone | None:
        """See ``Catalogue.disposed_content``."""
        return Custody(self.database).disposed_content(community, content)

    def identifiers(
        self, community: str | None = None, aip: str | None = None
    ) -> list[IdentifierRow]:
        """See ``Catalogue.identifiers``."""
        columns = t.identifier.c
        order = (columns.community, columns.scheme, columns.value)
        statement = sa.select(t.identifier).order_by(*order)
        if community is not None:
            statement = statement.where(columns.community == community)
        if aip is not None:
            statement = statement.where(columns.aip == aip)
        with self.database.reading() as connection:
            return [rows.identifier_row(row) for row in connection.execute(statement).mappings()]

    def identifiers_of(self, aips: Sequence[str]) -> list[IdentifierRow]:
        """See ``Catalogue.identifiers_of``."""
        columns, found = t.identifier.c, list[IdentifierRow]()
        with self.database.reading() as connection:
            for some in chunks(aips):
                statement = sa.select(t.identifier).where(columns.aip.in_(some))
                statement = statement.order_by(columns.scheme, columns.value)
                found += map(rows.identifier_row, connection.execute(statement).mappings())
        return found

    def identified(self, community: str, wanted: Sequence[Identifier]) -> list[IdentifierRow]:
        """See ``Catalogue.identified``."""
        keys = [(community, one.scheme, one.value) for one in wanted]
        with self.database.reading() as connection:
            return list(rows.identified(connection, keys))

    def replicas(
        self,
        community: str | None = None,
        tier: str | None = None,
        aip: str | None = None,
    ) -> Iterator[ReplicaRow]:
        """See ``Catalogue.replicas``. Each page is a transaction of its own."""
        statement = _of(t.replica, sa.select(t.replica), community, aip)
        if tier is not None:
            statement = statement.where(t.replica.c.tier == tier)
        columns = t.replica.c
        whole = (columns.community, columns.aip, columns.version, columns.tier)
        key = whole[_given(community, aip) :]
        after: tuple[Any, ...] | None = None
        while True:
            with self.database.reading() as connection:
                page = connection.execute(_page(statement, key, after)).mappings().all()
            for row in page:
                yield rows.replica_row(row)
            if len(page) < PAGE:
                return
            after = tuple(page[-1][column.name] for column in key)

    def replica(self, key: VersionKey, tier: str) -> ReplicaRow | None:
        """See ``Catalogue.replica``."""
        columns = t.replica.c
        statement = sa.select(t.replica).where(
            columns.community == key.community,
            columns.aip == key.aip,
            columns.version == key.version,
            columns.tier == tier,
        )
        with self.database.reading() as connection:
            row = connection.execute(statement).mappings().first()
        return None if row is None else rows.replica_row(row)

    def findings(
        self,
        community: str | None = None,
        state: str | None = None,
        aip: str | None = None,
        tier: str | None = None,
        code: str | None = None,
    ) -> list[FindingRow]:
        """See ``Catalogue.findings``. Oldest first."""
        statement = _findings(community=community, state=state, aip=aip, tier=tier, code=code)
        with self.database.reading() as connection:
            return [rows.finding_row(row) for row in connection.execute(statement).mappings()]

    def each_finding(
        self,
        community: str | None = None,
        state: str | None = None,
        aip: str | None = None,
        tier: str | None = None,
        code: str | None = None,
        *,
        since: datetime | None = None,
        brief: bool = False,
    ) -> Iterator[FindingRow]:
        """See ``Catalogue.each_finding``. Ids alone are held for all of them."""
        chosen = _findings(community=community, state=state, aip=aip, tier=tier, code=code)
        if since is not None:
            closed = t.finding.c.closed_at
            chosen = chosen.where(sa.or_(closed.is_(None), closed >= since))
        with self.database.reading() as connection:
            ids = connection.execute(chosen.with_only_columns(t.finding.c.id)).scalars().all()
        return self.findings_by(ids, brief=brief)

    def findings_by(self, ids: Sequence[str], *, brief: bool = False) -> Iterator[FindingRow]:
        """See ``Catalogue.findings_by``."""
        columns = _BRIEF if brief else tuple(t.finding.c)
        for some in chunks(ids, PAGE if brief else _FINDINGS):
            page = sa.select(*columns).where(t.finding.c.id.in_(some))
            page = page.order_by(t.finding.c.opened_at, t.finding.c.id)
            with self.database.reading() as connection:
                found = connection.execute(page).mappings().all()
            yield from map(rows.finding_row, found)

    def finding(self, id: str) -> FindingRow | None:
        """See ``Catalogue.finding``."""
        statement = sa.select(t.finding).where(t.finding.c.id == id)
        with self.database.reading() as connection:
            row = connection.execute(statement).mappings().first()
        return None if row is None else rows.finding_row(row)

    def communities(self) -> list[str]:
        """See ``Catalogue.communities``. Sorted."""
        statement = sa.select(t.community.c.community).order_by(t.community.c.community)
        with self.database.reading() as connection:
            return list(connection.execute(statement).scalars())

    def _one_version(self, statement: sa.Select[Any]) -> VersionRow | None:
        with self.database.reading() as connection:
            row = connection.execute(statement).mappings().first()
            if row is None:
                return None
            bare = rows.version_row(row, ())
            return rows.version_row(row, rows.formats(connection, [bare.key]).get(bare.key, ()))


def _of(
    table: sa.Table, statement: sa.Select[Any], community: str | None, aip: str | None
) -> sa.Select[Any]:
    """Narrow to a community or an AIP, such that the primary key's index serves both."""
    if aip is not None:
        statement = statement.where(table.c.aip == aip)
        if community is None:
            # One look into the key for each community there is.
            known = sa.select(t.community.c.community)
            mine = table.alias("mine").c
            owner = sa.select(mine.community).where(mine.community.in_(known), mine.aip == aip)
            return statement.where(table.c.community == owner.limit(1).scalar_subquery())
    if community is not None:
        statement = statement.where(table.c.community == community)
    return statement


def _given(community: str | None, aip: str | None) -> int:
    """How many columns of the key are given. A page begins behind the rest of the key: behind the
    whole of it, SQLite walks through the community from its beginning for every page.
    """
    return 2 if aip is not None else int(community is not None)


def _page(
    statement: sa.Select[Any],
    key: tuple[sa.ColumnElement[Any], ...],
    after: tuple[Any, ...] | None,
) -> sa.Select[Any]:
    """The next page behind a key. Never OFFSET: it walks all that it skips."""
    if after is not None:
        types = [column.type for column in key]
        values = [sa.literal(value, kind) for value, kind in zip(after, types, strict=True)]
        statement = statement.where(sa.tuple_(*key, types=types) > sa.tuple_(*values, types=types))
    return statement.order_by(*key).limit(PAGE)


def _findings(**wanted: str | None) -> sa.Select[Any]:
    """Findings with these values, oldest first; None narrows nothing."""
    columns = t.finding.c
    statement = sa.select(t.finding).order_by(columns.opened_at, columns.id)
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(columns[name] == value)
    return statement
