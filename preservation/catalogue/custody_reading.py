"""Reading: what was disposed of, what is held, what is due, who may see what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from preservation.catalogue import custody, rows
from preservation.catalogue import custody_tables as c
from preservation.catalogue import tables as t
from preservation.catalogue.custody import (
    AccessRow,
    AppraisalRow,
    HoldRow,
    ProposalRow,
    RemovalRow,
    Tombstone,
)
from preservation.catalogue.custody_rows import KINDS
from preservation.catalogue.database import Database
from preservation.catalogue.keys import among
from preservation.catalogue.protocol import ReplicaRow, VersionRow
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.replica import ReplicaState, VersionKey


@dataclass(frozen=True, slots=True)
class Amount:
    """How many versions or replicas, and how much of payload."""

    count: int
    octets: int


class Custody:
    """The part of the catalogue that knows how keeping ends, and who may see what is kept."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # -- what was disposed of or retired

    def tombstones(self, community: str | None = None, aip: str | None = None) -> list[Tombstone]:
        """Versions that were disposed of; by community, AIP, version."""
        return self._listed(custody.TOMBSTONE, community=community, aip=aip)

    def tombstone(self, key: VersionKey) -> Tombstone | None:
        """The tombstone of one version."""
        found = self._listed(custody.TOMBSTONE, **_of(key))
        return found[0] if found else None

    def disposed_content(self, community: str, content: Digest) -> Tombstone | None:
        """The last disposed version that held this content, if any."""
        found = self._listed(custody.TOMBSTONE, community=community, content_digest=content)
        return max(found, key=lambda one: one.disposed_at, default=None)

    def removals(
        self,
        community: str | None = None,
        aip: str | None = None,
        proposal: str | None = None,
        *,
        pending: bool = False,
    ) -> list[RemovalRow]:
        """Replicas that are being removed, or were; ``pending``: only those not gone yet."""
        wanted = {"community": community, "aip": aip, "proposal": proposal}
        return self._listed(custody.REMOVAL, *([c.is_pending] if pending else ()), **wanted)

    def removal(self, key: VersionKey, tier: str) -> RemovalRow | None:
        """What became of one replica that was to be removed."""
        found = self._listed(custody.REMOVAL, **_of(key), tier=tier)
        return found[0] if found else None

    # -- holds, appraisals, access, proposals

    def holds(
        self, community: str | None = None, aip: str | None = None, *, every: bool = False
    ) -> list[HoldRow]:
        """Holds that are open; with ``every`` the released ones too. Oldest first."""
        chosen = () if every else (c.hold.c.released_at.is_(None),)
        found: list[HoldRow] = self._listed(custody.HOLD, *chosen, community=community, aip=aip)
        return sorted(found, key=lambda one: (one.placed_at, one.id))

    def holds_on(self, key: VersionKey) -> list[HoldRow]:
        """The open holds on one version."""
        found = self.holds(key.community, key.aip)
        return [one for one in found if one.version in (0, key.version)]

    def access(self, community: str, aip: str) -> list[AccessRow]:
        """What was said of access to an AIP and to its versions."""
        return self._listed(custody.ACCESS, community=community, aip=aip)

    def all_access(self) -> list[AccessRow]:
        """What was said of access to anything."""
        return self._listed(custody.ACCESS)

    def appraisals(self, aip: str | None = None) -> list[AppraisalRow]:
        """The last review of each version that was reviewed."""
        return self._listed(custody.APPRAISAL, aip=aip)

    def proposal(self, digest: str) -> ProposalRow | None:
        """A proposal by its digest."""
        found = self._listed(custody.PROPOSAL, digest=digest)
        return found[0] if found else None

    def proposals(self, community: str | None = None) -> list[ProposalRow]:
        """Every proposal, oldest first."""
        found: list[ProposalRow] = self._listed(custody.PROPOSAL, community=community)
        return sorted(found, key=lambda one: (one.proposed_at, one.digest))

    # -- what is due

    def due(
        self, community: str, ingested_by: datetime, as_of: datetime, limit: int
    ) -> list[VersionRow]:
        """Versions that were kept long enough, are not held and not kept on; oldest first."""
        columns = t.version.c
        statement = (
            sa.select(t.version)
            .where(*_due(community, ingested_by, as_of))
            .order_by(columns.ingested_at, columns.aip, columns.version)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [rows.version_row(row, ()) for row in connection.execute(statement).mappings()]

    def replicas_of(self, keys: Sequence[VersionKey]) -> dict[VersionKey, list[ReplicaRow]]:
        """The replicas of some versions, by tier; few statements for many versions."""
        found: dict[VersionKey, list[ReplicaRow]] = {key: [] for key in keys}
        columns = t.replica.c
        names = ("community", "aip", "version")
        flat = ((key.community, key.aip, key.version) for key in keys)
        with self.database.reading() as connection:
            for mine in among(connection, t.replica, names, flat):
                statement = sa.select(t.replica).where(mine).order_by(columns.tier)
                for row in connection.execute(statement).mappings():
                    one = rows.replica_row(row)
                    found[one.key].append(one)
        return found

    def due_amount(self, community: str, ingested_by: datetime, as_of: datetime) -> Amount:
        """How many of them there are, and how much."""
        return self._amount(t.version, t.version.c.octets, _due(community, ingested_by, as_of))

    def held_back(self, community: str, ingested_by: datetime) -> int:
        """How many versions were kept long enough and are held."""
        chosen = (t.version.c.community == community, t.version.c.ingested_at <= ingested_by)
        return self._amount(t.version, t.version.c.octets, (*chosen, _is_held(t.version.c))).count

    def reviews(self, community: str, since: datetime, limit: int) -> list[VersionRow]:
        """Versions that were taken in, and last reviewed, before a moment; oldest first."""
        columns = t.version.c
        reviewed = sa.exists().where(
            *rows.same(c.appraisal.c, columns),
            sa.or_(c.appraisal.c.at > since, c.appraisal.c.kept_until > since),
        )
        statement = (
            sa.select(t.version)
            .where(columns.community == community, columns.ingested_at <= since, ~reviewed)
            .order_by(columns.ingested_at, columns.aip, columns.version)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [rows.version_row(row, ()) for row in connection.execute(statement).mappings()]

    def unpromised(
        self, community: str, promised: Sequence[str], limit: int
    ) -> list[tuple[ReplicaRow, VersionRow]]:
        """Replicas on tiers that are not promised, of versions whose promised replicas are all
        verified and that are not held; by tier, AIP, version.
        """
        replica = t.replica.c
        with self.database.reading() as connection:
            tiers = _others(connection, community, promised)
            statement = (
                sa.select(t.replica)
                .where(*_unpromised(community, tiers), *_ready(promised))
                .order_by(replica.tier, replica.aip, replica.version)
                .limit(limit)
            )
            found = [rows.replica_row(row) for row in connection.execute(statement).mappings()]
            versions = rows.load(connection, {row.key for row in found}, set(), set()).versions
        return [(row, versions[row.key]) for row in found]

    def unpromised_amount(self, community: str, promised: Sequence[str], *, ready: bool) -> Amount:
        """How many of them there are; those not ``ready`` too, whose others are not verified."""
        with self.database.reading() as connection:
            tiers = _others(connection, community, promised)
        if not tiers:
            return Amount(0, 0)
        chosen = (*_unpromised(community, tiers), *(_ready(promised) if ready else ()))
        return self._amount(t.replica, t.replica.c.octets, chosen)

    def _amount(
        self,
        table: sa.Table,
        octets: sa.ColumnElement[int],
        chosen: Iterable[sa.ColumnElement[bool]],
    ) -> Amount:
        total = sa.cast(sa.func.coalesce(sa.func.sum(octets), 0), sa.BigInteger)
        statement = sa.select(sa.func.count(), total).select_from(table).where(*chosen)
        with self.database.reading() as connection:
            return Amount(*connection.execute(statement).one())

    def _listed(self, name: str, *chosen: sa.ColumnElement[bool], **wanted: Any) -> list[Any]:
        kind = KINDS[name]
        statement = sa.select(kind.table).where(*chosen)
        for column, value in wanted.items():
            if value is not None:
                statement = statement.where(kind.table.c[column] == value)
        statement = statement.order_by(*(kind.table.c[column] for column in kind.key))
        with self.database.reading() as connection:
            return [kind.read(row) for row in connection.execute(statement).mappings()]


def _of(key: VersionKey) -> dict[str, Any]:
    return {"community": key.community, "aip": key.aip, "version": key.version}


def _is_held(columns: Any) -> sa.ColumnElement[bool]:
    hold = c.hold.c
    return sa.exists().where(
        hold.community == columns.community,
        hold.aip == columns.aip,
        hold.version.in_((0, columns.version)),
        hold.released_at.is_(None),
    )


def _due(
    community: str, ingested_by: datetime, as_of: datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    columns = t.version.c
    kept_on = sa.exists().where(
        *rows.same(c.appraisal.c, columns), c.appraisal.c.kept_until > as_of
    )
    return (
        columns.community == community,
        columns.ingested_at <= ingested_by,
        ~kept_on,
        ~_is_held(columns),
    )


def _others(connection: sa.Connection, community: str, promised: Sequence[str]) -> list[str]:
    """The tiers that keep replicas of a community and are not promised, by the counts that the
    database keeps.
    """
    columns = t.replica_count.c
    statement = sa.select(columns.tier).distinct().where(columns.community == community)
    return sorted({*connection.execute(statement).scalars()} - {*promised})


def _unpromised(community: str, tiers: Sequence[str]) -> tuple[sa.ColumnElement[bool], ...]:
    columns = t.replica.c
    return columns.community == community, columns.tier.in_(list(tiers))


def _ready(promised: Sequence[str]) -> Iterator[sa.ColumnElement[bool]]:
    """Replicas of versions that are not held and have a verified replica on every promised tier."""
    replica, version, other = t.replica.c, t.version.c, t.replica.alias()
    yield sa.exists().where(*rows.same(version, replica))
    yield ~_is_held(replica)
    for tier in promised:
        yield sa.exists().where(
            *rows.same(other.c, replica),
            other.c.tier == tier,
            other.c.state == ReplicaState.VERIFIED.value,
        )
