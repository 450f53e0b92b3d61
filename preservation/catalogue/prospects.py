"""Counts for a look ahead: what a change of policy would mean for what is held.

Nothing grows in memory with the number of versions. Where they are is counted by the database
itself (``migrations.counting``); formats are one statement along a primary key.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from preservation.catalogue import tables as t
from preservation.catalogue.database import Database
from preservation.catalogue.figures import split
from preservation.policy.effects import HeldFormat, Kept


class Prospects:
    """The part of the catalogue that is asked before a change."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def kept(self, community: str, tiers: Iterable[str]) -> list[Kept]:
        """How the versions are kept, on which of these tiers; those that are nowhere too."""
        known, columns = frozenset(tiers), t.version_count.c
        statement = sa.select(
            columns.there, columns.verified, columns.versions, columns.octets
        ).where(columns.community == community)
        with self.database.reading() as connection:
            found = connection.execute(statement).all()
        amounts: dict[tuple[frozenset[str], frozenset[str]], tuple[int, int]] = {}
        for there, verified, versions, octets in found:
            where = split(there) & known, split(verified) & known
            so_far = amounts.get(where, (0, 0))
            amounts[where] = so_far[0] + versions, so_far[1] + octets
        return [Kept(*where, *amounts[where]) for where in sorted(amounts, key=_order)]

    def octets(self) -> dict[str, int]:
        """How many octets of payload each community holds, each version once."""
        columns = t.version_count.c
        total = sa.cast(sa.func.sum(columns.octets), sa.BigInteger)
        statement = sa.select(columns.community, total).group_by(columns.community)
        with self.database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

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


def _order(where: tuple[frozenset[str], frozenset[str]]) -> list[list[str]]:
    return [sorted(tiers) for tiers in where]
