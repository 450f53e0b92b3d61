"""Rebuilding, first half: what the tiers themselves show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.protocol import IdentifierRow, ReplicaRow, VersionRow
from preservation.model.digest import Digest
from preservation.model.identifier import IdentifierStatus
from preservation.model.replica import ReplicaState, Sidecar, VersionKey


class Adopting:
    """The part of the catalogue that believes sidecars, until an event says more."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def adopt_many(
        self, shown: Sequence[tuple[Sidecar, VersionRow | None]], tier: str, at: datetime
    ) -> None:
        """See ``Catalogue.adopt_many``; in one transaction. Changes no row that is there already.

        A replica that no event dates is as old as its version says, so that every rebuild
        gives the same row; ``at`` dates only what nothing else does.
        """
        sidecars = {sidecar.key: sidecar for sidecar, _ in shown}
        versions = {row.key: row for sidecar, row in shown if row and row.key == sidecar.key}
        with self.database.writing() as connection:
            rows.mention_communities(connection, {key.community for key in sidecars})
            places = {(key, tier) for key in sidecars}
            known = rows.load(connection, set(sidecars), places, set())
            dated = {**versions, **known.versions}
            replicas = {
                key: _written(sidecar, tier, dated[key].ingested_at if key in dated else at)
                for key, sidecar in sidecars.items()
            }
            fresh = [row for key, row in versions.items() if key not in known.versions]
            rows.save_versions(connection, fresh, adopted=True)
            _adopt_identifiers(connection, fresh)
            kept = [row for key, row in replicas.items() if (key, tier) not in known.replicas]
            rows.save_replicas(connection, kept, adopted=True)

    def unknown(self, keys: Sequence[VersionKey]) -> set[VersionKey]:
        """Those of these versions that have no row."""
        with self.database.reading() as connection:
            return set(keys) - set(rows.load(connection, set(keys), set(), set()).versions)

    def adopted_versions(self) -> list[VersionKey]:
        """The versions that only sidecars speak for: no event that made them was replayed."""
        columns = t.version.c
        statement = (
            sa.select(columns.community, columns.aip, columns.version)
            .where(columns.adopted)
            .order_by(columns.community, columns.aip, columns.version)
        )
        with self.database.reading() as connection:
            return [VersionKey(*row) for row in connection.execute(statement)]

    def adopted_replicas(self) -> list[tuple[VersionKey, str]]:
        """The replicas that only sidecars speak for."""
        return self._places(t.replica, t.replica.c.adopted)

    def count_versions(self) -> int:
        """How many versions there are, of all communities."""
        return self._count(t.version)

    def count_replicas(self) -> int:
        """How many replicas there are, of all communities."""
        return self._count(t.replica)

    def orphans(self) -> list[tuple[VersionKey, str]]:
        """The replicas of versions about which nothing else is known."""
        version, replica = t.version.c, t.replica.c
        join = t.replica.outerjoin(t.version, sa.and_(*rows.same(version, replica)))
        return self._places(join, version.version.is_(None))

    def disagreeing(self) -> list[tuple[VersionKey, str]]:
        """The replicas whose seal is not their version's."""
        version, replica = t.version.c, t.replica.c
        join = t.replica.join(t.version, sa.and_(*rows.same(version, replica)))
        return self._places(join, version.seal != replica.seal)

    def claims(self, key: VersionKey) -> dict[str, Digest]:
        """The seal that each of a version's replicas was adopted under, by tier."""
        columns = t.replica.c
        statement = (
            sa.select(columns.tier, columns.seal).where(*_of(key, t.replica)).order_by(columns.tier)
        )
        with self.database.reading() as connection:
            return {row.tier: row.seal for row in connection.execute(statement)}

    def take(self, row: VersionRow) -> None:
        """Believe another bag about a version that only sidecars speak for."""
        self.leave_out(row.key)
        with self.database.writing() as connection:
            rows.save_versions(connection, [row], adopted=True)
            _adopt_identifiers(connection, [row])

    def leave_out(self, key: VersionKey) -> None:
        """Forget what a sidecar's bag said about a version; its replicas stay."""
        names = t.identifier.c
        spoken = sa.and_(names.community == key.community, names.aip == key.aip, names.adopted)
        with self.database.writing() as connection:
            connection.execute(sa.delete(t.version).where(*_of(key, t.version)))
            connection.execute(sa.delete(t.identifier).where(spoken))

    def overrule(self, key: VersionKey) -> list[str]:
        """Give replicas with another seal the version's own, so that the next check finds what
        they are; the tiers that had another.
        """
        wanted = sa.select(t.version.c.seal).where(*_of(key, t.version)).scalar_subquery()
        other = sa.and_(*_of(key, t.replica), t.replica.c.seal != wanted)
        with self.database.writing() as connection:
            columns = t.replica.c
            found = connection.execute(sa.select(columns.tier).where(other).order_by(columns.tier))
            tiers = [tier for (tier,) in found]
            replicas = rows.load(connection, set(), {(key, tier) for tier in tiers}, set()).replicas
            seal = connection.execute(sa.select(wanted)).scalar_one()
            changed = [replace(row, seal=seal, tar=None) for row in replicas.values()]
            rows.save_replicas(connection, changed, adopted=True)
        return tiers

    def _count(self, table: sa.Table) -> int:
        with self.database.reading() as connection:
            statement = sa.select(sa.func.count()).select_from(table)
            return int(connection.execute(statement).scalar_one())

    def _places(
        self, source: sa.FromClause, chosen: sa.ColumnElement[bool]
    ) -> list[tuple[VersionKey, str]]:
        columns = t.replica.c
        key = (columns.community, columns.aip, columns.version, columns.tier)
        statement = sa.select(*key).select_from(source).where(chosen).order_by(*key)
        with self.database.reading() as connection:
            return [(VersionKey(*row[:3]), row[3]) for row in connection.execute(statement)]


def _of(key: VersionKey, table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    columns = table.c
    return (
        columns.community == key.community,
        columns.aip == key.aip,
        columns.version == key.version,
    )


def _adopt_identifiers(connection: sa.Connection, versions: Sequence[VersionRow]) -> None:
    """What bags say they are called, until an event says more; first come, first served."""
    found: dict[tuple[str, str, str], IdentifierRow] = {}
    for row in versions:
        for one in row.identifiers:
            live, when = IdentifierStatus.LIVE, row.ingested_at
            made = IdentifierRow(row.key.community, one, row.key.aip, live, when, adopted=True)
            found.setdefault((row.key.community, one.scheme, one.value), made)
    for known in rows.identified(connection, list(found)):
        del found[known.community, known.identifier.scheme, known.identifier.value]
    rows.save_identifiers(connection, list(found.values()))


def _written(sidecar: Sidecar, tier: str, at: datetime) -> ReplicaRow:
    octets, _, _ = sidecar.oxum.partition(".")
    return ReplicaRow(
        key=sidecar.key,
        tier=tier,
        packaging=sidecar.packaging,
        state=ReplicaState.WRITTEN,
        seal=sidecar.seal,
        tar=sidecar.tar,
        octets=int(octets) if octets.isascii() and octets.isdigit() else 0,
        written_at=at,
        verified_at=None,
        checked_at=None,
        outcome=None,
        level=None,
    )
