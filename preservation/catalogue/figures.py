"""Counts over a community's holdings, each by one statement over the whole set.

Nothing here grows in memory with the number of versions: what comes back are counts, and
lists that the caller caps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from preservation.catalogue import ages, rows
from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.protocol import ReplicaRow
from preservation.model.deferred import dataclass
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import ReplicaState, VersionKey


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

    def on(self, tier: str) -> str:
        """Its name, or that of its replica on a tier, for people."""
        return f"{self.title} ({self.key})" + (f" on {tier}" if tier else "")


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
        columns = t.version_count.c
        totals = sa.select(
            _total(columns.versions), _total(columns.files), _total(columns.octets)
        ).where(columns.community == community)
        aips = sa.select(t.community.c.aips).where(t.community.c.community == community)
        with self.database.reading() as connection:
            there = connection.execute(aips).scalar() or 0
            return Holdings(there, *connection.execute(totals).one())

    def taken_in(self, community: str, since: datetime) -> int:
        """Octets of the versions that were ingested since the day (UTC) of a moment began."""
        columns = t.intake.c
        statement = sa.select(_total(columns.octets)).where(
            columns.community == community, columns.day >= ages.day_of(since)
        )
        with self.database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def identified(self, community: str) -> int:
        """How many AIPs have a persistent identifier."""
        mine = t.identifier.c.community == community
        statement = sa.select(sa.func.count(t.identifier.c.aip.distinct())).where(mine)
        with self.database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def tier_counts(self, community: str) -> list[TierCount]:
        """Replicas and octets by tier and state."""
        columns = t.replica_count.c
        statement = (
            sa.select(columns.tier, columns.state, columns.replicas, columns.octets)
            .where(columns.community == community)
            .order_by(columns.tier, columns.state)
        )
        with self.database.reading() as connection:
            found = connection.execute(statement).all()
        return [TierCount(row[0], ReplicaState(row[1]), *row[2:]) for row in found]

    def replicas_by_tier(self) -> dict[str, int]:
        """How many replicas of all communities are on each tier that has, or had, any."""
        columns = t.replica_count.c
        statement = sa.select(columns.tier, _total(columns.replicas)).group_by(columns.tier)
        with self.database.reading() as connection:
            return {tier: int(count) for tier, count in connection.execute(statement)}

    def coverage(
        self, community: str, tiers: Sequence[str], before: datetime
    ) -> dict[frozenset[str], int]:
        """How many of the versions ingested before a moment have verified replicas on exactly
        which of these tiers.
        """
        known, counts = frozenset(tiers), Counter[frozenset[str]]()
        with self.database.reading() as connection:
            for kept in _kept(connection, community):
                counts[kept.verified & known] += kept.versions - kept.since(connection, before)
        return dict(+counts)

    def covered_by(
        self,
        community: str,
        tiers: Sequence[str],
        before: datetime,
        exactly: Iterable[frozenset[str]],
        limit: int,
    ) -> list[tuple[Named, frozenset[str]]]:
        """The first versions that have verified replicas on exactly one of these sets of tiers."""
        known, wanted = frozenset(tiers), set(exactly)
        found: list[tuple[Named, frozenset[str]]] = []
        with self.database.reading() as connection:
            for kept in _kept(connection, community):
                if (some := kept.verified & known) in wanted:
                    found += [(named, some) for named in kept.first(connection, before, limit)]
        return sorted(found, key=lambda one: _order(one[0]))[:limit]

    def not_there(self, community: str, tier: str, before: datetime, limit: int) -> Sample:
        """Versions ingested before a moment that have no replica on a tier at all."""
        total, first = 0, list[Named]()
        with self.database.reading() as connection:
            for kept in _kept(connection, community):
                if tier not in kept.there:
                    total += kept.versions - kept.since(connection, before)
                    first += kept.first(connection, before, limit)
        return Sample(total, tuple(sorted(first, key=_order)[:limit]))

    def in_state(
        self, community: str, tier: str, state: ReplicaState, before: datetime, limit: int
    ) -> Sample:
        """Versions ingested before a moment whose replica on a tier has this state, which is
        not ``verified``.
        """
        counts = t.replica_count.c
        any_there = sa.select(counts.replicas).where(
            counts.community == community, counts.tier == tier, counts.state == state.value
        )
        with self.database.reading() as connection:
            if not connection.execute(any_there).scalar():  # as on nearly every day
                return NONE
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
        found: list[Named] = []
        with self.database.reading() as connection:
            for kept in _kept(connection, community):
                if tier not in kept.verified:
                    found += kept.next(connection, since)
        return min(found, key=_order, default=None)

    def aged(self, community: str, tier: str, before: datetime) -> int:
        """How many replicas on a tier were last checked before a moment (or written, where they
        never were).
        """
        with self.database.reading() as connection:
            counted = ages.before(connection, community, tier, before)
            return int(connection.execute(sa.select(counted)).scalar_one())

    def dated_after(self, community: str, tier: str, now: datetime) -> int:
        """How many replicas on a tier were last checked, or written, later than now."""
        with self.database.reading() as connection:
            counted = ages.since(connection, community, tier, now + datetime.resolution)
            return int(connection.execute(sa.select(counted)).scalar_one())

    def oldest(self, community: str, tier: str, before: datetime, limit: int) -> list[ReplicaRow]:
        """The first of them, checked longest ago first."""
        with self.database.reading() as connection:
            return by_age(connection, community, tier, limit, t.replica.c.aged_from < before)

    def compared_before(self, community: str, tier: str, moment: datetime) -> int:
        """How many replicas on a tier were last found intact by all their digests (or written,
        where they never were) on a day before that of a moment.
        """
        columns = t.replica_compared.c
        chosen = (columns.community == community, columns.tier == tier)
        before = columns.day < ages.day_of(moment)
        statement = sa.select(_total(columns.replicas)).where(*chosen, before)
        with self.database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def first_compared_before(
        self, community: str, tier: str, moment: datetime, limit: int
    ) -> list[ReplicaRow]:
        """The first of them, those checked longest ago first.

        Args:
            moment: a midnight (UTC).
        """
        compared = sa.func.coalesce(t.replica.c.all_digests_at, t.replica.c.written_at)
        with self.database.reading() as connection:
            return by_age(connection, community, tier, limit, compared < moment)

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
        with self.database.reading() as connection:
            found = by_age(connection, community, tier, 1, t.replica.c.aged_from >= since)
        return found[0] if found else None

    def named(self, keys: Iterable[VersionKey]) -> Mapping[VersionKey, Named]:
        """Some versions, as lists show them."""
        with self.database.reading() as connection:
            found = rows.load(connection, set(keys), set(), set()).versions
        return {key: Named(key, row.title, row.ingested_at) for key, row in found.items()}

    def oldest_check(self, community: str, tier: str) -> datetime | None:
        """When the replica on a tier that was checked longest ago was checked (or written)."""
        with self.database.reading() as connection:
            found = by_age(connection, community, tier, 1)
        return (found[0].checked_at or found[0].written_at) if found else None

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


@dataclass(frozen=True, slots=True)
class _Kept:
    """The versions that have replicas on exactly some tiers, and verified ones on some."""

    community: str
    there: frozenset[str]
    verified: frozenset[str]
    versions: int
    spelled: tuple[str, str]

    def since(self, connection: sa.Connection, moment: datetime) -> int:
        """How many of them were ingested since."""
        statement = sa.select(sa.func.count()).select_from(t.version).where(*self._mine())
        statement = statement.where(t.version.c.ingested_at >= moment)
        return int(connection.execute(statement).scalar_one())

    def first(self, connection: sa.Connection, before: datetime, limit: int) -> list[Named]:
        """Of those ingested before, the first."""
        return self._named(connection, t.version.c.ingested_at < before, limit)

    def next(self, connection: sa.Connection, since: datetime) -> list[Named]:
        """Of those ingested since, the first; at most one."""
        return self._named(connection, t.version.c.ingested_at >= since, 1)

    def _mine(self) -> tuple[sa.ColumnElement[bool], ...]:
        columns, (there, verified) = t.version.c, self.spelled
        return (
            columns.community == self.community,
            columns.there == there,
            columns.verified == verified,
        )

    def _named(
        self, connection: sa.Connection, when: sa.ColumnElement[bool], limit: int
    ) -> list[Named]:
        columns = t.version.c
        statement = (
            sa.select(columns.community, columns.aip, columns.version, columns.title)
            .add_columns(columns.ingested_at)
            .where(*self._mine(), when)
            .order_by(columns.ingested_at, columns.aip, columns.version)
            .limit(limit)
        )
        return [_named(row) for row in connection.execute(statement).mappings()]


def _kept(connection: sa.Connection, community: str) -> list[_Kept]:
    """The few ways in which a community's versions are kept."""
    columns = t.version_count.c
    statement = sa.select(columns.there, columns.verified, columns.versions).where(
        columns.community == community
    )
    return [
        _Kept(community, split(there), split(verified), versions, (there, verified))
        for there, verified, versions in connection.execute(statement)
    ]


def split(tiers: str) -> frozenset[str]:
    """The tiers of a column that the database keeps."""
    return frozenset(tiers.split(",")) if tiers else frozenset()


def by_age(
    connection: sa.Connection, community: str, tier: str, limit: int, *chosen: Any
) -> list[ReplicaRow]:
    """Replicas on a tier, checked longest ago first: two walks along one index."""
    columns, found = t.replica.c, list[ReplicaRow]()
    for young in (False, True):
        statement = (
            sa.select(t.replica)
            .where(
                columns.community == community,
                columns.tier == tier,
                columns.young == young,
                *chosen,
            )
            .order_by(*t.BY_AGE)
            .limit(limit)
        )
        found += [rows.replica_row(row) for row in connection.execute(statement).mappings()]
    found.sort(key=lambda row: (row.checked_at or row.written_at, row.key.aip, row.key.version))
    return found[:limit]


def _order(named: Named) -> tuple[datetime, str, int]:
    return named.ingested_at, named.key.aip, named.key.version


def _weak(community: str, tier: str, level: Level) -> tuple[sa.ColumnElement[bool], ...]:
    columns = t.replica.c
    # A listing is all that can be known of one that is missing; that it is damaged is told.
    there = columns.outcome.is_distinct_from(Outcome.MISSING.value)
    wanted = (columns.community == community, columns.tier == tier, t.is_weak, there)
    return wanted if level is Level.E3 else (*wanted, columns.level < level.value)


def _total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """A sum that is a whole number on PostgreSQL too, and 0 over nothing."""
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)


def _named(row: sa.RowMapping) -> Named:
    key = VersionKey(row["community"], row["aip"], row["version"])
    return Named(key, row["title"], row["ingested_at"])
