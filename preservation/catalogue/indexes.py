"""The tables' indexes; a test compares them, like the tables, with what the migrations make.

Apart from the tables, since no query needs them, and naming what is one database's own
loads its dialect, which takes longer than the whole rest of the catalogue.
"""

from __future__ import annotations

import sqlalchemy as sa

from preservation.catalogue import custody_tables as custody
from preservation.catalogue import tables as t

sa.Index(
    "version_kept",
    t.version.c.community,
    t.version.c.there,
    t.version.c.verified,
    t.version.c.ingested_at,
)
# By hash: asked for one digest at a time, and a third of the octets of an ordered index.
sa.Index("version_content", t.version.c.content_digest, postgresql_using="hash")
sa.Index(
    "version_lineage",
    t.version.c.community,
    t.version.c.lineage,
    sqlite_where=t.has_lineage,
    postgresql_where=t.has_lineage,
)
sa.Index("identifier_aip", t.identifier.c.aip)
sa.Index(
    "replica_due",
    t.replica.c.community,
    t.replica.c.tier,
    t.replica.c.young,
    *t.BY_AGE,
    t.replica.c.octets,  # so that planning a night reads the index alone
)
sa.Index(
    "replica_weak",
    t.replica.c.community,
    t.replica.c.tier,
    t.replica.c.level,
    t.replica.c.aged_from,
    sqlite_where=t.is_weak,
    postgresql_where=t.is_weak,
)
sa.Index(
    "replica_unsound",
    t.replica.c.community,
    t.replica.c.tier,
    t.replica.c.state,
    sqlite_where=t.is_unsound,
    postgresql_where=t.is_unsound,
)
sa.Index("finding_state", t.finding.c.state, t.finding.c.community, t.finding.c.opened_at)
sa.Index("finding_community", t.finding.c.community, t.finding.c.opened_at)
sa.Index("finding_aip", t.finding.c.aip)
sa.Index(
    "finding_code",
    t.finding.c.code,
    t.finding.c.community,
    t.finding.c.state,
    t.finding.c.opened_at,
)
sa.Index("arrival_seen", t.arrival.c.community, t.arrival.c.seen_at)
sa.Index("tombstone_content", custody.tombstone.c.community, custody.tombstone.c.content_digest)
sa.Index("tombstone_lineage", custody.tombstone.c.community, custody.tombstone.c.lineage)
sa.Index(
    "removal_pending",
    custody.removal.c.community,
    custody.removal.c.proposal,
    sqlite_where=custody.is_pending,
    postgresql_where=custody.is_pending,
)
sa.Index("hold_aip", custody.hold.c.community, custody.hold.c.aip)
sa.Index("proposal_community", custody.proposal.c.community, custody.proposal.c.proposed_at)
