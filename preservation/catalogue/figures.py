"""Counts over a community's holdings, each by one statement over the whole set.

Nothing here grows in memory with the number of versions: what comes back are counts, and
lists that the caller caps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.protocol import FormatCount, ReplicaRow
from preservation.model.outcome import Level
from preservation.model.replica import ReplicaState, VersionKey

MOST_TIERS = 62  # a set of tiers is the bits of one SQL integer


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much a community holds."""

    aips: int
    versions: int
    files: int
    octets: int  # of payload, each version once


@dataclass(frozen=True, slots=True)
class TierCount:
    """Replicas of one state on one tier."""

    tier: str
    state: ReplicaState
    replicas: int
    octets: int


@dataclass(frozen=True, slots=True)
class Named:
    """A version as lists show it."""

    key: VersionKey
    title: str
    ingested_at: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """How many there are, and the first of them."""

    total: int
    first: tuple[Named, ...]


NONE = Sample(0, ())


class Figures:
    """The part of the catalogue that counts."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def holdings(self, community: str) -> Holdings:
        """How much there is."""
        columns = t.version.c
        statement = sa.select(
            sa.func.count(sa.distinct(columns.aip)),
            sa.func.count(),
            _total(columns.files),
            _total(columns.octets),
        ).where(columns.community == community)
        with self.database.reading() as connection:
            return Holdings(*connection.execute(statement).one())

    def format_counts(self, community: str) -> list[FormatCount]:
        """Files and octets by format, over all versions; most files first."""
        columns = t.content_format.c
        names = (columns.puid, columns.mime, columns.name)
        files = _total(columns.files)
        statement = (
            sa.select(*names, files, _total(columns.octets))
            .where(columns.community == community)
            .group_by(*names)
            .order_by(files.desc(), *names)
        )
        with self.database.reading() as connection:
            return [FormatCount(*row) for row in connection.execute(statement)]

    def tier_counts(self, community: str) -> list[TierCount]:
        """Replicas and octets by tier and state."""
        columns = t.replica.c
        names = (columns.tier, columns.state)
        statement = (
            sa.select(*names, sa.func.count(), _total(columns.octets))
            .where(columns.community == community)
            .group_by(*names)
            .order_by(*names)
        )
        with self.database.reading() as connection:
            found = connection.execute(statement).all()
        return [TierCount(row[0], ReplicaState(row[1]), *row[2:]) for row in found]

    def coverage(
        self, community: str, tiers: Sequence[str], before: datetime
    ) -> dict[frozenset[str], int]:
        """How many of the versions ingested before a moment have verified replicas on exactly
        which of these tiers.
        """
        masked = _masked(community, tiers, before)
        statement = sa.select(masked.c.mask, sa.func.count()).group_by(masked.c.mask)
        with self.database.reading() as connection:
            found = connection.execute(statement).all()
        return {_tiers(mask, tiers): count for mask, count in found}

    def covered_by(
        self,
        community: str,
        tiers: Sequence[str],
        before: datetime,
        exactly: Iterable[frozenset[str]],
        limit: int,
    ) -> list[tuple[Named, frozenset[str]]]:
        """The first versions that have verified replicas on exactly one of these sets of tiers."""
        masked = _masked(community, tiers, before)
        masks = [_mask(one, tiers) for one in exactly]
        statement = (
            sa.select(masked)
            .where(masked.c.mask.in_(masks))
            .order_by(masked.c.ingested_at, masked.c.aip, masked.c.version)
            .limit(limit)
        )
        with self.database.reading() as connection:
            found = connection.execute(statement).mappings().all()
        return [(_named(row), _tiers(row["mask"], tiers)) for row in found]

    def not_there(self, community: str, tier: str, before: datetime, limit: int) -> Sample:
        """Versions ingested before a moment that have no replica on a tier at all."""
        version, replica = t.version.c, t.replica.c
        join = t.version.outerjoin(
            t.replica, sa.and_(*rows.same(version, replica), replica.tier == tier)
        )
        chosen = (
            version.community == community,
            version.ingested_at < before,
            replica.tier.is_(None),
        )
        return self._sample(join, chosen, limit)

    def in_state(
        self, community: str, tier: str, state: ReplicaState, before: datetime, limit: int
    ) -> Sample:
        """Versions ingested before a moment whose replica on a tier has this state, which is
        not ``verified``.
        """
        version, replica = t.version.c, t.replica.c
        join = t.replica.join(t.version, sa.and_(*rows.same(version, replica)))
        chosen = (
            replica.community == community,
            replica.tier == tier,
            replica.state == state.value,
            t.is_unsound,
            version.ingested_at < before,
        )
        return self._sample(join, chosen, limit)

    def earliest_without(self, community: str, tier: str, since: datetime) -> Named | None:
        """Of the versions ingested since a moment, the earliest without a verified replica on
        the tier.
        """
        version, replica = t.version.c, t.replica.c
        verified = sa.exists().where(
            *rows.same(version, replica),
            replica.tier == tier,
            replica.state == ReplicaState.VERIFIED.value,
        )
        statement = (
            sa.select(t.version)
            .where(version.community == community, version.ingested_at >= since, ~verified)
            .order_by(version.ingested_at)
            .limit(1)
        )
        with self.database.reading() as connection:
            row = connection.execute(statement).mappings().first()
        return None if row is None else _named(row)

    def aged(self, community: str, tier: str, before: datetime) -> int:
        """How many replicas on a tier were last checked before a moment (or written, where they
        never were).
        """
        columns = t.replica.c
        return self._count(
            columns.community == community, columns.tier == tier, columns.aged_from < before
        )

    def oldest(self, community: str, tier: str, before: datetime, limit: int) -> list[ReplicaRow]:
        """The first of them, checked longest ago first."""
        columns = t.replica.c
        statement = (
            sa.select(t.replica)
            .where(columns.community == community, columns.tier == tier, columns.aged_from < before)
            .order_by(columns.aged_from, columns.aip, columns.version)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [rows.replica_row(row) for row in connection.execute(statement).mappings()]

    def weaker(self, community: str, tier: str, level: Level, limit: int) -> list[ReplicaRow]:
        """The replicas on a tier whose last check was weaker than a level, oldest first."""
        columns = t.replica.c
        statement = (
            sa.select(t.replica)
            .where(*_weak(community, tier, level))
            .order_by(columns.aged_from)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [rows.replica_row(row) for row in connection.execute(statement).mappings()]

    def weaker_count(self, community: str, tier: str, level: Level) -> int:
        """How many of them."""
        return self._count(*_weak(community, tier, level))

    def first_aged_since(self, community: str, tier: str, since: datetime) -> ReplicaRow | None:
        """Of the replicas checked (or written) since a moment, the one longest ago."""
        columns = t.replica.c
        statement = (
            sa.select(t.replica)
            .where(columns.community == community, columns.tier == tier, columns.aged_from >= since)
            .order_by(columns.aged_from)
            .limit(1)
        )
        with self.database.reading() as connection:
            row = connection.execute(statement).mappings().first()
        return None if row is None else rows.replica_row(row)

    def oldest_check(self, community: str, tier: str) -> datetime | None:
        """When the replica on a tier that was checked longest ago was checked (or written)."""
        columns = t.replica.c
        statement = sa.select(sa.func.min(columns.aged_from)).where(
            columns.community == community, columns.tier == tier
        )
        with self.database.reading() as connection:
            found: datetime | None = connection.execute(statement).scalar()
        return found

    def damaged_since(
        self, keys: Iterable[VersionKey], tiers: Iterable[str]
    ) -> dict[VersionKey, datetime]:
        """When the newest damage was found, of those versions that have a damaged replica."""
        wanted = {(key, tier) for key in keys for tier in tiers}
        with self.database.reading() as connection:
            found = rows.load(connection, set(), wanted, set())
        since: dict[VersionKey, datetime] = {}
        for (key, _), row in found.replicas.items():
            if row.state is ReplicaState.DAMAGED and row.checked_at is not None:
                since[key] = max(row.checked_at, since.get(key, row.checked_at))
        return since

    def open_findings(self, community: str) -> Mapping[str, int]:
        """How many are open, by severity."""
        columns = t.finding.c
        statement = (
            sa.select(columns.severity, sa.func.count())
            .where(columns.state == "open", columns.community == community)
            .group_by(columns.severity)
        )
        with self.database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def _sample(
        self, source: sa.FromClause, chosen: Sequence[sa.ColumnElement[bool]], limit: int
    ) -> Sample:
        columns = t.version.c
        order = (columns.ingested_at, columns.aip, columns.version)
        counted = sa.select(sa.func.count()).select_from(source).where(*chosen)
        listed = sa.select(t.version).select_from(source).where(*chosen).order_by(*order)
        with self.database.reading() as connection:
            total = connection.execute(counted).scalar_one()
            if not total:
                return NONE
            first = connection.execute(listed.limit(limit)).mappings().all()
        return Sample(total, tuple(_named(row) for row in first))

    def _count(self, *chosen: sa.ColumnElement[bool]) -> int:
        statement = sa.select(sa.func.count()).select_from(t.replica).where(*chosen)
        with self.database.reading() as connection:
            return int(connection.execute(statement).scalar_one())


def _masked(community: str, tiers: Sequence[str], before: datetime) -> sa.Subquery:
    """Versions, each with the set of tiers that have a verified replica as the bits of a number."""
    version, replica = t.version.c, t.replica.c
    # Every tier has a bit; a replica on a tier that the policy does not know adds nothing.
    bits = sa.case(
        {tier: 1 << place for place, tier in enumerate(tiers)}, value=replica.tier, else_=0
    )
    names = (version.community, version.aip, version.version, version.title, version.ingested_at)
    join = t.version.outerjoin(
        t.replica,
        sa.and_(*rows.same(version, replica), replica.state == ReplicaState.VERIFIED.value),
    )
    return (
        sa.select(*names, _total(bits).label("mask"))
        .select_from(join)
        .where(version.community == community, version.ingested_at < before)
        .group_by(*names)
        .subquery()
    )


def _mask(some: frozenset[str], tiers: Sequence[str]) -> int:
    return sum(1 << place for place, tier in enumerate(tiers) if tier in some)


def _tiers(mask: int, tiers: Sequence[str]) -> frozenset[str]:
    return frozenset(tier for place, tier in enumerate(tiers) if mask >> place & 1)


def _weak(community: str, tier: str, level: Level) -> tuple[sa.ColumnElement[bool], ...]:
    columns = t.replica.c
    return (columns.community == community, columns.tier == tier, columns.level < level.value)


def _total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """A sum that is a whole number on PostgreSQL too, and 0 over nothing."""
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)


def _named(row: sa.RowMapping) -> Named:
    key = VersionKey(row["community"], row["aip"], row["version"])
    return Named(key, row["title"], row["ingested_at"])
