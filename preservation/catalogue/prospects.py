"""Counts for a look ahead: what a change of policy would mean for what is held.

Each is one statement over the whole set, along a primary key; nothing grows in memory with the
number of versions.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.model.replica import ReplicaState
from preservation.policy.effects import HeldFormat, Kept


class Prospects:
    """The part of the catalogue that is asked before a change."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def kept(self, community: str, tiers: Sequence[str]) -> list[Kept]:
        """How the versions that have any replica are kept, on which of these tiers.

        Args:
            tiers: at most ``figures.MOST_TIERS``; replicas on others count as nowhere.
        """
        columns = t.replica.c
        bit = {tier: 1 << place for place, tier in enumerate(tiers)}
        there = sa.case(bit, value=columns.tier, else_=0) if bit else sa.literal(0)
        verified = sa.case((columns.state == ReplicaState.VERIFIED.value, there), else_=0)
        each = (
            sa.select(
                sa.cast(sa.func.sum(there), sa.BigInteger).label("there"),
                sa.cast(sa.func.sum(verified), sa.BigInteger).label("verified"),
                sa.func.max(columns.octets).label("octets"),
            )
            .where(columns.community == community)
            .group_by(columns.community, columns.aip, columns.version)
            .subquery()
        )
        statement = sa.select(
            each.c.there,
            each.c.verified,
            sa.func.count(),
            sa.cast(sa.func.sum(each.c.octets), sa.BigInteger),
        ).group_by(each.c.there, each.c.verified)
        with self.database.reading() as connection:
            if connection.dialect.name == "postgresql":
                # A million groups fit into this; without it the server sorts on disk.
                connection.execute(sa.text("SET LOCAL work_mem = '256MB'"))
            found = connection.execute(statement).all()
        return [
            Kept(_tiers(there, tiers), _tiers(verified, tiers), versions, octets)
            for there, verified, versions, octets in sorted(found)
        ]

    def formats(self, community: str) -> list[HeldFormat]:
        """Every format that is held, with files, octets and versions; by name."""
        columns = t.content_format.c
        names = (columns.puid, columns.mime, columns.name)
        statement = (
            sa.select(
                *names,
                sa.cast(sa.func.sum(columns.files), sa.BigInteger),
                sa.cast(sa.func.sum(columns.octets), sa.BigInteger),
                sa.func.count(),
            )
            .where(columns.community == community)
            .group_by(*names)
            .order_by(*names)
        )
        with self.database.reading() as connection:
            return [HeldFormat(*row) for row in connection.execute(statement)]


def _tiers(mask: int, tiers: Sequence[str]) -> frozenset[str]:
    return frozenset(tier for place, tier in enumerate(tiers) if mask >> place & 1)
