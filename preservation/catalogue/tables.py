"""The tables. Rows per AIP version and replica, never per file.

``version``, ``replica``, ``content_format``, ``identifier``, ``finding`` and ``community``
are the fold of events and can be made again. ``outbox`` and ``recorded`` carry events to the
journal. What stands in ``arrival`` and ``lease`` may be lost without harm.

Their indexes are in ``indexes``. A change here needs a migration beside it and a new ``REVISION``;
a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa

from preservation.catalogue.columns import (
    COUNTER,
    NUMBER,
    OCTETS,
    ORDINAL,
    STATES,
    WORDS,
    Code,
    Document,
    Id,
    Moment,
    Path,
    Sha256,
    Tagged,
    Words,
)

REVISION = "0001"

metadata = sa.MetaData()

# Columns and tables that the database keeps by triggers (``migrations.counting``): never written.
COUNTED = {"counted": True}
STATE = Code(STATES)
PACKAGINGS = ("folder", "tar")
OUTCOMES = ("altered", "intact", "missing", "unchecked", "unreadable")
LEVELS = ("E0", "E1", "E2", "E3", "E4")

community = sa.Table(
    "community",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("aips", NUMBER, nullable=False, server_default="0", info=COUNTED),
    sqlite_with_rowid=False,
)

# Columns of one width stand before those of any, the widest first: PostgreSQL keeps them in this
# order and pads each to its width, over millions of rows by a tenth of the table.
version = sa.Table(
    "version",
    metadata,
    sa.Column("files", NUMBER, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sa.Column("ingested_at", Moment, nullable=False),
    sa.Column("version", ORDINAL, nullable=False),
    # True while only a tier's sidecar speaks for it: no event that made it was seen.
    sa.Column("adopted", sa.Boolean, nullable=False),
    sa.Column("community", WORDS, sa.ForeignKey("community.community"), nullable=False),
    sa.Column("aip", Id, nullable=False),
    sa.Column("title", Words, nullable=False),
    sa.Column("seal", Sha256, nullable=False),
    sa.Column("previous_seal", Sha256),
    sa.Column("content_digest", Sha256, nullable=False),
    sa.Column("lineage", Words, nullable=False),
    sa.Column("policy", Tagged, nullable=False),
    # The tiers with a replica, and with a verified one: sorted, joined by commas.
    sa.Column("there", WORDS, nullable=False, server_default="", info=COUNTED),
    sa.Column("verified", WORDS, nullable=False, server_default="", info=COUNTED),
    sa.PrimaryKeyConstraint("community", "aip", "version"),
    sqlite_with_rowid=False,
)
# Queries must repeat the condition of a partial index as it stands, or SQLite will not use it.
has_lineage = version.c.lineage != sa.literal_column("''")

content_format = sa.Table(
    "content_format",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("aip", Id, primary_key=True),
    sa.Column("version", ORDINAL, primary_key=True, autoincrement=False),
    sa.Column("puid", Words, primary_key=True),
    sa.Column("mime", Words, primary_key=True),
    sa.Column("name", Words, primary_key=True),
    sa.Column("files", NUMBER, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sa.ForeignKeyConstraint(
        ["community", "aip", "version"], ["version.community", "version.aip", "version.version"]
    ),
    sqlite_with_rowid=False,
)

# An identifier belongs to one AIP of a community: the key says so.
identifier = sa.Table(
    "identifier",
    metadata,
    sa.Column("community", WORDS, sa.ForeignKey("community.community"), primary_key=True),
    sa.Column("scheme", WORDS, primary_key=True),
    sa.Column("value", Words, primary_key=True),
    sa.Column("shown", Words, nullable=False),
    sa.Column("aip", Id, nullable=False),
    sa.Column("status", WORDS, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("adopted", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,
)

replica = sa.Table(
    "replica",
    metadata,
    sa.Column("octets", NUMBER, nullable=False),
    sa.Column("written_at", Moment, nullable=False),
    # When it was last checked, or written where it never was: what its evidence's age counts from.
    sa.Column("aged_from", Moment, nullable=False),
    # Only where they say another moment than that: ``bulk.moments`` reads them, and writes them.
    sa.Column("verified_at", Moment),
    sa.Column("checked_at", Moment),
    sa.Column("tar_octets", NUMBER),
    sa.Column("ready_by", Moment),
    # When it was last found intact by all digests of its manifests, and not by one of them alone.
    sa.Column("all_digests_at", Moment),
    sa.Column("version", ORDINAL, nullable=False),
    # Where in a period that day is: the first 15 bits of the AIP's UUID, which are random.
    sa.Column("lot", sa.SmallInteger, nullable=False),
    sa.Column("packaging", Code(PACKAGINGS), nullable=False),
    sa.Column("state", STATE, nullable=False),
    sa.Column("outcome", Code(OUTCOMES)),
    sa.Column("level", Code(LEVELS)),
    # Not audited yet since it was written and read back: its first audit has a day by lot.
    sa.Column("young", sa.Boolean, nullable=False),
    sa.Column("adopted", sa.Boolean, nullable=False),
    sa.Column("community", WORDS, sa.ForeignKey("community.community"), nullable=False),
    sa.Column("aip", Id, nullable=False),
    sa.Column("tier", WORDS, nullable=False),
    sa.Column("seal", Sha256, nullable=False),
    sa.Column("tar_digest", Sha256),
    sa.PrimaryKeyConstraint("community", "aip", "version", "tier"),
    sqlite_with_rowid=False,
)
is_weak = replica.c.level < sa.literal_column(str(LEVELS.index("E3")))
is_unsound = replica.c.state != sa.literal_column(str(STATES.index("verified")))

replica_count = sa.Table(
    "replica_count",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("tier", WORDS, primary_key=True),
    sa.Column("state", STATE, primary_key=True, autoincrement=False),
    sa.Column("replicas", NUMBER, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

version_count = sa.Table(
    "version_count",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("there", WORDS, primary_key=True),
    sa.Column("verified", WORDS, primary_key=True),
    sa.Column("versions", NUMBER, nullable=False),
    sa.Column("files", NUMBER, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

# The rest of what the database counts (``migrations.dating``), by whole days since 1970.
replica_age = sa.Table(
    "replica_age",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("tier", WORDS, primary_key=True),
    sa.Column("young", sa.Boolean, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("part", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("replicas", NUMBER, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

# By the day since which no check compared all digests: of writing, where none ever did.
replica_compared = sa.Table(
    "replica_compared",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("tier", WORDS, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("replicas", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

intake = sa.Table(
    "intake",
    metadata,
    sa.Column("community", WORDS, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("versions", NUMBER, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("code", Words, nullable=False),
    sa.Column("severity", WORDS, nullable=False),
    sa.Column("community", WORDS, nullable=False),
    sa.Column("aip", WORDS, nullable=False),
    sa.Column("version", NUMBER, nullable=False),
    sa.Column("tier", WORDS, nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("message", Words, nullable=False),
    sa.Column("hint", Words, nullable=False),
    sa.Column("state", WORDS, nullable=False),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("closed_at", Moment),
    sa.Column("detail", Document, nullable=False),
    sa.Column("decided", Document, nullable=False),
    sqlite_with_rowid=False,
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", COUNTER, primary_key=True),
    sa.Column("id", Id, nullable=False, unique=True),
    sa.Column("body", OCTETS, nullable=False),
    sqlite_autoincrement=True,
)

# The ids of the newest events that were drained, so that one recorded again is noticed.
recorded = sa.Table(
    "recorded",
    metadata,
    sa.Column("seq", COUNTER, primary_key=True, autoincrement=False),
    sa.Column("id", Id, nullable=False, unique=True),
)

arrival = sa.Table(
    "arrival",
    metadata,
    sa.Column("id", WORDS, primary_key=True),
    sa.Column("community", WORDS, nullable=False),
    sa.Column("name", Path, nullable=False),
    sa.Column("path", Path, nullable=False),
    sa.Column("signature", Words, nullable=False),
    sa.Column("aip", Id, nullable=False),
    sa.Column("state", WORDS, nullable=False),
    sa.Column("version", NUMBER, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Column("settled_at", Moment),
    sa.Column("receipt", Document, nullable=False),
    sqlite_with_rowid=False,
)

# The fence is a counter that never gives a number twice: taking a lease inserts a row.
lease = sa.Table(
    "lease",
    metadata,
    sa.Column("fence", COUNTER, primary_key=True),
    sa.Column("name", Words, nullable=False, unique=True),
    sa.Column("holder", Words, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)


# The order by age along the index of what is due. The lot says no more than the AIP does, and
# stands where it fills what would be padding.
BY_AGE = (replica.c.aged_from, replica.c.aip, replica.c.lot, replica.c.version)


def on_tier(community: str, tier: str) -> tuple[sa.ColumnElement[bool], ...]:
    """All replicas on a tier, in the two parts of the index of what is due."""
    columns = replica.c
    return (
        columns.community == community,
        columns.tier == tier,
        columns.young.in_([False, True]),
    )
