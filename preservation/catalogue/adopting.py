"""Rebuilding, first half: what the tiers themselves show."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from preservation.catalogue import rows
from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.protocol import ReplicaRow, VersionRow
from preservation.model.replica import ReplicaState, Sidecar, VersionKey


class Adopting:
    """The part of the catalogue that believes sidecars, until an event says more."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def adopt(self, sidecar: Sidecar, tier: str, facts: VersionRow | None, at: datetime) -> None:
        """See ``Catalogue.adopt``. Changes no row that is there already."""
        octets, _, _ = sidecar.oxum.partition(".")
        replica = ReplicaRow(
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
        with self.database.writing() as connection:
            rows.mention(connection, [sidecar.key])
            known = rows.load(connection, {sidecar.key}, {(sidecar.key, tier)}, set())
            if facts is not None and facts.key == sidecar.key and not known.versions:
                rows.save_versions(connection, [facts], adopted=True)
            if not known.replicas:
                rows.save_replicas(connection, [replica], adopted=True)

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
        columns = t.replica.c
        statement = (
            sa.select(columns.community, columns.aip, columns.version, columns.tier)
            .where(columns.adopted)
            .order_by(columns.community, columns.aip, columns.version, columns.tier)
        )
        with self.database.reading() as connection:
            return [(VersionKey(*row[:3]), row[3]) for row in connection.execute(statement)]
