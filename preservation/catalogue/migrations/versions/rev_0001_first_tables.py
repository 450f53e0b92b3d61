"""The first tables: versions, replicas, findings, the outbox, arrivals, leases and identifiers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from preservation.catalogue.migrations import counting

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_OCTETS = sa.LargeBinary()
_NUMBER = sa.BigInteger()
_CODE = sa.SmallInteger()
_COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, _WORDS, nullable=False)


def _octets(name: str) -> sa.Column[bytes]:
    return sa.Column(name, _OCTETS, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, _NUMBER, nullable=False)


def _ordinal(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _key() -> list[sa.Column[str] | sa.Column[bytes] | sa.Column[int]]:
    return [_words("community"), _octets("aip"), _ordinal("version")]


def upgrade() -> None:
    """Make all tables."""
    _communities()
    _versions()
    _formats()
    _replicas()
    _replica_indexes()
    _vacuum_replicas()
    _counts()
    _counts_by_day()
    _triggers()
    _findings()
    _events()
    _arrivals()
    _leases()
    _checks_under_way()
    _identifiers()
    _statements()
    _tombstones()
    _removals()
    _proposals()
    _custody()


def _communities() -> None:
    op.create_table(
        "community",
        _words("community"),
        sa.Column("aips", _NUMBER, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("community"),
        sqlite_with_rowid=False,
    )


def _versions() -> None:
    op.create_table(
        "version",
        _number("files"),
        _number("octets"),
        _number("ingested_at"),
        _ordinal("version"),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        _words("community"),
        _octets("aip"),
        _words("title"),
        _octets("seal"),
        sa.Column("previous_seal", _OCTETS),
        _octets("content_digest"),
        _words("lineage"),
        _octets("policy"),
        sa.Column("there", _WORDS, nullable=False, server_default=""),
        sa.Column("verified", _WORDS, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("community", "aip", "version"),
        sa.ForeignKeyConstraint(["community"], ["community.community"]),
        sqlite_with_rowid=False,
    )
    op.create_index("version_kept", "version", ["community", "there", "verified", "ingested_at"])
    op.create_index("version_content", "version", ["content_digest"], postgresql_using="hash")
    op.create_index(
        "version_lineage",
        "version",
        ["community", "lineage"],
        sqlite_where=sa.text("lineage != ''"),
        postgresql_where=sa.text("lineage != ''"),
    )


def _formats() -> None:
    op.create_table(
        "content_format",
        *_key(),
        _words("puid"),
        _words("mime"),
        _words("name"),
        _number("files"),
        _number("octets"),
        sa.PrimaryKeyConstraint("community", "aip", "version", "puid", "mime", "name"),
        sa.ForeignKeyConstraint(
            ["community", "aip", "version"],
            ["version.community", "version.aip", "version.version"],
        ),
        sqlite_with_rowid=False,
    )


def _replicas() -> None:
    op.create_table(
        "replica",
        _number("octets"),
        _number("written_at"),
        _number("aged_from"),
        sa.Column("verified_at", _NUMBER),
        sa.Column("checked_at", _NUMBER),
        sa.Column("tar_octets", _NUMBER),
        sa.Column("ready_by", _NUMBER),
        sa.Column("all_digests_at", _NUMBER),
        _ordinal("version"),
        sa.Column("lot", _CODE, nullable=False),
        sa.Column("packaging", _CODE, nullable=False),
        sa.Column("state", _CODE, nullable=False),
        sa.Column("outcome", _CODE),
        sa.Column("level", _CODE),
        sa.Column("young", sa.Boolean(), nullable=False),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        _words("community"),
        _octets("aip"),
        _words("tier"),
        _octets("seal"),
        sa.Column("tar_digest", _OCTETS),
        sa.PrimaryKeyConstraint("community", "aip", "version", "tier"),
        sa.ForeignKeyConstraint(["community"], ["community.community"]),
        sqlite_with_rowid=False,
    )


def _replica_indexes() -> None:
    op.create_index(
        "replica_due",
        "replica",
        ["community", "tier", "young", "aged_from", "aip", "lot", "version", "octets"],
    )
    op.create_index(
        "replica_weak",
        "replica",
        ["community", "tier", "level", "aged_from"],
        sqlite_where=sa.text("level < 3"),
        postgresql_where=sa.text("level < 3"),
    )
    op.create_index(
        "replica_unsound",
        "replica",
        ["community", "tier", "state"],
        sqlite_where=sa.text("state != 1"),
        postgresql_where=sa.text("state != 1"),
    )


def _vacuum_replicas() -> None:
    # A night's checks touch nearly every page; until they are vacuumed, an index that has all that
    # is asked is not enough, and a plan reads a page for each replica. By default that would be
    # when a fifth of the table has changed: after half a month.
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE replica SET (autovacuum_vacuum_scale_factor = 0.005, "
            "autovacuum_vacuum_insert_scale_factor = 0.005)"
        )


def _counts() -> None:
    op.create_table(
        "replica_count",
        _words("community"),
        _words("tier"),
        sa.Column("state", _CODE, nullable=False, autoincrement=False),
        _number("replicas"),
        _number("octets"),
        sa.PrimaryKeyConstraint("community", "tier", "state"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "version_count",
        _words("community"),
        _words("there"),
        _words("verified"),
        _number("versions"),
        _number("files"),
        _number("octets"),
        sa.PrimaryKeyConstraint("community", "there", "verified"),
        sqlite_with_rowid=False,
    )


def _counts_by_day() -> None:
    op.create_table(
        "replica_age",
        _words("community"),
        _words("tier"),
        sa.Column("young", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("part", _CODE, nullable=False, autoincrement=False),
        _number("replicas"),
        _number("octets"),
        sa.PrimaryKeyConstraint("community", "tier", "young", "day", "part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "replica_compared",
        _words("community"),
        _words("tier"),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        _number("replicas"),
        sa.PrimaryKeyConstraint("community", "tier", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "intake",
        _words("community"),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        _number("versions"),
        _number("octets"),
        sa.PrimaryKeyConstraint("community", "day"),
        sqlite_with_rowid=False,
    )


def _triggers() -> None:
    bind = op.get_bind()
    for statement in counting.statements(bind.dialect.name):
        bind.exec_driver_sql(statement)


def _findings() -> None:
    op.create_table(
        "finding",
        _octets("id"),
        _words("code"),
        _words("severity"),
        _words("community"),
        _words("aip"),
        _number("version"),
        _words("tier"),
        _words("subject"),
        _words("message"),
        _words("hint"),
        _words("state"),
        _number("opened_at"),
        sa.Column("closed_at", _NUMBER),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("decided", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("finding_state", "finding", ["state", "community", "opened_at"])
    op.create_index("finding_community", "finding", ["community", "opened_at"])
    op.create_index("finding_aip", "finding", ["aip"])
    op.create_index("finding_code", "finding", ["code", "community", "state", "opened_at"])


def _events() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", _COUNTER, primary_key=True),
        _octets("id"),
        _octets("body"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recorded",
        sa.Column("seq", _COUNTER, primary_key=True, autoincrement=False),
        _octets("id"),
        sa.UniqueConstraint("id"),
    )


def _arrivals() -> None:
    op.create_table(
        "arrival",
        _words("id"),
        _words("community"),
        _octets("name"),
        _octets("path"),
        _words("signature"),
        _octets("aip"),
        _words("state"),
        _number("version"),
        _number("seen_at"),
        sa.Column("settled_at", _NUMBER),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("arrival_seen", "arrival", ["community", "seen_at"])


def _leases() -> None:
    op.create_table(
        "lease",
        sa.Column("fence", _COUNTER, primary_key=True),
        _words("name"),
        _words("holder"),
        _number("expires_at"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )


def _checks_under_way() -> None:
    op.create_table(
        "check_part",
        *_key(),
        _words("tier"),
        _ordinal("part"),
        _ordinal("of"),
        _number("began"),
        _number("ended"),
        _words("mark"),
        _words("outcome"),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("community", "aip", "version", "tier", "part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "drawing",
        _words("community"),
        _words("tier"),
        _number("drawn_at"),
        sa.Column("items", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("community", "tier"),
        sqlite_with_rowid=False,
    )


def _identifiers() -> None:
    op.create_table(
        "identifier",
        _words("community"),
        _words("scheme"),
        _words("value"),
        _words("shown"),
        _octets("aip"),
        _words("status"),
        _number("since"),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("community", "scheme", "value"),
        sa.ForeignKeyConstraint(["community"], ["community.community"]),
        sqlite_with_rowid=False,
    )
    op.create_index("identifier_aip", "identifier", ["aip"])


def _statements() -> None:
    op.create_table(
        "statement",
        _words("tier"),
        _words("package"),
        _number("at"),
        _words("outcome"),
        sa.Column("detail", sa.Text(), nullable=False),
        _octets("event"),
        sa.PrimaryKeyConstraint("tier", "package"),
        sqlite_with_rowid=False,
    )


def _tombstones() -> None:
    op.create_table(
        "tombstone",
        *_key(),
        _words("title"),
        _octets("seal"),
        sa.Column("previous_seal", _OCTETS),
        _octets("content_digest"),
        _words("lineage"),
        _number("files"),
        _number("octets"),
        _number("ingested_at"),
        _words("policy"),
        _number("disposed_at"),
        _words("by"),
        _words("reason"),
        sa.Column("approved_by", sa.Text(), nullable=False),
        _words("proposal"),
        _octets("event"),
        sa.PrimaryKeyConstraint("community", "aip", "version"),
        sqlite_with_rowid=False,
    )
    op.create_index("tombstone_content", "tombstone", ["community", "content_digest"])
    op.create_index("tombstone_lineage", "tombstone", ["community", "lineage"])


def _removals() -> None:
    op.create_table(
        "removal",
        *_key(),
        _words("tier"),
        _words("kind"),
        _words("packaging"),
        _number("octets"),
        _words("proposal"),
        _number("begun_at"),
        sa.Column("until", _NUMBER),
        _words("reason"),
        sa.Column("done_at", _NUMBER),
        sa.PrimaryKeyConstraint("community", "aip", "version", "tier"),
        sqlite_with_rowid=False,
    )
    pending = sa.text("done_at IS NULL")
    op.create_index(
        "removal_pending",
        "removal",
        ["community", "proposal"],
        sqlite_where=pending,
        postgresql_where=pending,
    )


def _proposals() -> None:
    op.create_table(
        "proposal",
        _words("digest"),
        _words("community"),
        _words("policy"),
        _number("proposed_at"),
        _number("items"),
        _number("octets"),
        sa.Column("approvals", sa.Text(), nullable=False),
        sa.Column("begun_at", _NUMBER),
        sa.Column("ended_at", _NUMBER),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("proposal_community", "proposal", ["community", "proposed_at"])


def _custody() -> None:
    op.create_table(
        "hold",
        _octets("id"),
        *_key(),
        _words("reason"),
        _words("by"),
        _number("placed_at"),
        sa.Column("released_at", _NUMBER),
        _words("released_by"),
        _words("released_why"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("hold_aip", "hold", ["community", "aip"])
    op.create_table(
        "access",
        *_key(),
        _words("state"),
        sa.Column("until", _NUMBER),
        _words("reason"),
        _words("by"),
        _number("since"),
        sa.PrimaryKeyConstraint("community", "aip", "version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "appraisal",
        *_key(),
        sa.Column("kept_until", _NUMBER),
        _words("reason"),
        _words("by"),
        _number("at"),
        sa.PrimaryKeyConstraint("community", "aip", "version"),
        sqlite_with_rowid=False,
    )
