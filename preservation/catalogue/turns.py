"""Whose turn it is to be checked: walks along one index, in pages, of what an audit plan needs.

Nothing here decides anything: which of them are due is ``preservation.audit.planner``'s rule.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from preservation.catalogue import ages, rows
from preservation.catalogue import tables as t
from preservation.catalogue.ages import Cohort
from preservation.catalogue.columns import microseconds
from preservation.catalogue.database import Database
from preservation.catalogue.keys import among, chunks
from preservation.model.deferred import dataclass
from preservation.model.outcome import Level
from preservation.model.replica import ReplicaState

LOTS = 32_768  # a lot is 15 bits
PAGE = 2_000
MOST = 250_000  # of one kind in one plan: 500 shards of 500


class Turn(NamedTuple):
    """One replica, as planning sees it.

    Attributes:
        octets: of payload.
        aged_from: when it was last checked, or written.
        lot: 0 to ``LOTS`` - 1; where in the first period after writing its audit comes.
    """

    tier: str
    aip: str
    version: int
    octets: int
    aged_from: datetime
    young: bool
    lot: int


class Held(NamedTuple):
    """How much is on a tier."""

    replicas: int
    octets: int


@dataclass(frozen=True, slots=True)
class Aim:
    """What a person wants checked, due or not; what is None narrows nothing.

    Attributes:
        format: a PUID, an id of ours or a MIME type that the AIP version has files of.
        since: AIP versions that were taken in on this day (UTC) or later.
    """

    aip: str | None = None
    format: str | None = None
    since: date | None = None

    def __bool__(self) -> bool:
        return (self.aip or self.format or self.since) is not None


class Turns:
    """The part of the catalogue that an audit plan is made from."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def held(self) -> dict[str, dict[str, Held]]:
        """How much there is, by community and tier: all communities in one question."""
        columns = t.replica_count.c
        statement = sa.select(
            columns.community,
            columns.tier,
            sa.cast(sa.func.sum(columns.replicas), sa.BigInteger),
            sa.cast(sa.func.sum(columns.octets), sa.BigInteger),
        ).group_by(columns.community, columns.tier)
        found: dict[str, dict[str, Held]] = {}
        with self.database.reading() as connection:
            for community, tier, replicas, octets in connection.execute(statement):
                found.setdefault(community, {})[tier] = Held(replicas, octets)
        return found

    def oldest_first(
        self,
        community: str,
        tier: str,
        *,
        young: bool,
        before: datetime,
        since: datetime | None = None,
    ) -> Iterator[Turn]:
        """Replicas last checked before a moment, the longest ago first."""
        columns = t.replica.c
        chosen = [
            columns.community == community,
            columns.tier == tier,
            columns.young == young,
            columns.aged_from < before,
        ]
        if since is not None:
            chosen.append(columns.aged_from >= since)
        yield from self._paged(sa.select(*_COLUMNS).where(*chosen))

    def by_lot(
        self,
        community: str,
        tier: str,
        period: timedelta,
        shift: int,
        before: datetime,
        limit: int,
    ) -> list[Turn]:
        """Young replicas whose day by lot comes before a moment, the earliest first.

        Args:
            period: what the lots part; the day is ``aged_from`` and the lot's part of it.
            shift: added to the lots (modulo ``LOTS``): replicas of one AIP apart from each other.
        """
        columns, micro = t.replica.c, timedelta(microseconds=1)
        step = (period // micro) // LOTS
        # Of wider types: the column's own two octets cannot hold a sum of two lots.
        lot = (columns.lot + sa.literal(shift, sa.Integer)) % sa.literal(LOTS, sa.Integer)
        day = sa.type_coerce(columns.aged_from, sa.BigInteger) + lot * sa.literal(
            step, sa.BigInteger
        )
        statement = (
            sa.select(*_COLUMNS)
            .where(
                columns.community == community,
                columns.tier == tier,
                columns.young == sa.true(),
                day < microseconds(before),
            )
            .order_by(day, columns.aip, columns.version)
            .limit(limit)
        )
        return self._turns(statement)

    def siblings(self, community: str) -> list[Turn]:
        """Replicas not checked since damage was found in another one of the same version."""
        columns = t.replica.c
        names = (columns.community, columns.aip, columns.version)
        counts = t.replica_count.c
        where = sa.select(counts.tier).where(
            counts.community == community, counts.state == ReplicaState.DAMAGED.value
        )
        found: list[Turn] = []
        with self.database.reading() as connection:
            for tier in connection.execute(where).scalars().all():
                damaged = sa.select(*names, columns.aged_from).where(
                    columns.community == community,
                    columns.tier == tier,
                    columns.state == ReplicaState.DAMAGED.value,
                    t.is_unsound,
                )
                for some in chunks(connection.execute(damaged.limit(MOST)).all()):
                    hurt = {(aip, version): at for _, aip, version, at in some}
                    found += _others(connection, community, tier, hurt)
        return list(dict.fromkeys(found))

    def in_state(self, community: str, tier: str, state: ReplicaState) -> list[Turn]:
        """Replicas on a tier that are not verified, those checked longest ago first."""
        columns, counts = t.replica.c, t.replica_count.c
        any_there = sa.select(counts.replicas).where(
            counts.community == community, counts.tier == tier, counts.state == state.value
        )
        with self.database.reading() as connection:
            if not connection.execute(any_there).scalar():  # as on nearly every day
                return []
        statement = sa.select(*_COLUMNS).where(
            columns.community == community,
            columns.tier == tier,
            columns.state == state.value,
            t.is_unsound,
        )
        found = self._turns(statement.limit(MOST))
        return sorted(found, key=lambda turn: (turn.aged_from, turn.aip, turn.version))

    def weaker(self, community: str, tier: str, level: Level) -> list[Turn]:
        """Replicas on a tier whose last check was weaker than a level."""
        columns = t.replica.c
        statement = sa.select(*_COLUMNS).where(
            columns.community == community, columns.tier == tier, t.is_weak
        )
        if level is not Level.E3:
            statement = statement.where(columns.level < level.value)
        return self._turns(statement.order_by(columns.aged_from).limit(MOST))

    def aimed(self, community: str, tier: str, aim: Aim) -> Iterator[Turn]:
        """Replicas on a tier that a person aims at, checked longest ago first."""
        columns, walks = t.replica.c, []
        for young in (False, True):
            of_tier = (columns.community == community, columns.tier == tier)
            chosen = (*of_tier, columns.young == young, *_meant(aim))
            walks.append(self._paged(sa.select(*_COLUMNS).where(*chosen)))
        return heapq.merge(*walks, key=lambda turn: (turn.aged_from, turn.aip, turn.version))

    def drawn(self, community: str, tier: str, aim: Aim, count: int) -> list[Turn]:
        """So many of them by lot, each as likely as any other; all, where there are fewer."""
        statement = sa.select(*_COLUMNS).where(*t.on_tier(community, tier), *_meant(aim))
        return self._turns(statement.order_by(sa.func.random()).limit(count))

    def meant(self, community: str, tier: str, aim: Aim) -> int:
        """How many a sample would be drawn from."""
        statement = sa.select(sa.func.count()).select_from(t.replica)
        with self.database.reading() as connection:
            chosen = statement.where(*t.on_tier(community, tier), *_meant(aim))
            return int(connection.execute(chosen).scalar_one())

    def still_unread(
        self, community: str, tier: str, items: Sequence[tuple[str, int]], since: datetime
    ) -> list[Turn]:
        """Those of some replicas on a tier (AIP and version) that were not checked since."""
        columns, found = t.replica.c, list[Turn]()
        for some in chunks(items):
            wanted = sa.select(*_COLUMNS).where(
                *t.on_tier(community, tier),
                columns.aip.in_(sorted({aip for aip, _ in some})),
                # Written since, it was not read: it has no outcome yet.
                sa.or_(columns.outcome.is_(None), columns.aged_from < since),
            )
            drawn = set(some)
            found += [turn for turn in self._turns(wanted) if (turn.aip, turn.version) in drawn]
        return found

    def compared_before(
        self, community: str, tier: str, items: Sequence[tuple[str, int]], moment: datetime
    ) -> int:
        """Of some replicas on a tier (AIP and version), how many were last compared by all their
        digests, or written, at a moment or before.
        """
        columns, count = t.replica.c, 0
        last = sa.func.coalesce(columns.all_digests_at, columns.written_at)
        with self.database.reading() as connection:
            for some in chunks(items):
                asked = sa.select(columns.aip, columns.version).where(
                    *t.on_tier(community, tier),
                    columns.aip.in_(sorted({aip for aip, _ in some})),
                    last <= moment,
                )
                count += len(set(some) & {(aip, n) for aip, n in connection.execute(asked)})
        return count

    def checked_since(self, community: str, tier: str, since: datetime) -> tuple[int, int, int]:
        """How many replicas on a tier were checked since, and were then damaged, and missing."""
        columns = t.replica.c
        recent = columns.aged_from >= since
        of_tier = (columns.community == community, columns.tier == tier, t.is_unsound)
        damaged = (*of_tier, columns.state == ReplicaState.DAMAGED.value, recent)
        # Not read back yet, it was checked by nobody: counted, it would make damage look rare.
        written = (*of_tier, columns.state == ReplicaState.WRITTEN.value, recent)
        counts = (
            sa.select(sa.func.count()).select_from(t.replica).where(*chosen).scalar_subquery()
            for chosen in (written, damaged, (*damaged, columns.outcome == "missing"))
        )
        with self.database.reading() as connection:
            dated = ages.since(connection, community, tier, since)
            known, unread, unsound, missing = connection.execute(sa.select(dated, *counts)).one()
        return known - unread, unsound, missing

    def cohorts(self, community: str) -> list[Cohort]:
        """Everything, by tier and day: some thousands of rows, whatever is held."""
        with self.database.reading() as connection:
            return ages.cohorts(connection, community)

    def _turns(self, statement: sa.Select[Any]) -> list[Turn]:
        with self.database.reading() as connection:
            return [Turn(*row) for row in connection.execute(statement)]

    def _paged(self, statement: sa.Select[Any]) -> Iterator[Turn]:
        types = [column.type for column in t.BY_AGE]
        ordered = statement.order_by(*t.BY_AGE).limit(PAGE)
        page = self._turns(ordered)
        while page:
            yield from page
            if len(page) < PAGE:
                return
            last = (page[-1].aged_from, page[-1].aip, page[-1].lot, page[-1].version)
            values = [sa.literal(value, kind) for value, kind in zip(last, types, strict=True)]
            beyond = sa.tuple_(*t.BY_AGE, types=types) > sa.tuple_(*values, types=types)
            # The first condition alone is a bound that both databases walk an index by.
            page = self._turns(ordered.where(t.replica.c.aged_from >= last[0], beyond))


_COLUMNS = tuple(
    t.replica.c[name] for name in ("tier", "aip", "version", "octets", "aged_from", "young", "lot")
)


def _others(
    connection: sa.Connection,
    community: str,
    tier: str,
    hurt: Mapping[tuple[str, int], datetime],
) -> Iterator[Turn]:
    """The replicas of these versions on other tiers that were not checked since."""
    keys = ((community, *name) for name in hurt)
    for mine in among(connection, t.replica, ("community", "aip", "version"), keys):
        for row in connection.execute(sa.select(*_COLUMNS).where(mine)):
            turn = Turn(*row)
            if turn.tier != tier and turn.aged_from < hurt[turn.aip, turn.version]:
                yield turn


def _meant(aim: Aim) -> Iterator[sa.ColumnElement[bool]]:
    columns = t.replica.c
    if aim.aip is not None:
        yield columns.aip == aim.aip
    if aim.format is not None:
        of = t.content_format.c
        yield sa.exists().where(
            *rows.same(columns, of), sa.or_(of.puid == aim.format, of.mime == aim.format)
        )
    if aim.since is not None:
        version = t.version.c
        moment = datetime.fromisoformat(f"{aim.since:%Y-%m-%d}T00:00:00+00:00")
        yield sa.exists().where(*rows.same(columns, version), version.ingested_at >= moment)
