"""The tables of keeping and giving out; like the others, the fold of events."""

from __future__ import annotations

import sqlalchemy as sa

from preservation.catalogue.columns import (
    NUMBER,
    ORDINAL,
    WORDS,
    Document,
    Id,
    Moment,
    Sha256,
    Words,
)
from preservation.catalogue.tables import metadata


def _version_key() -> tuple[sa.Column[str], sa.Column[str], sa.Column[int]]:
    return (
        sa.Column("community", WORDS, primary_key=True),
        sa.Column("aip", Id, primary_key=True),
        sa.Column("version", ORDINAL, primary_key=True, autoincrement=False),
    )


# What was disposed of: the version as it was, and how it ended.
tombstone = sa.Table(
    "tombstone",
    metadata,
    *_version_key(),
    sa.Column("title", Words, nullable=False),
    sa.Column("seal", Sha256, nullable=False),
    sa.Column("previous_seal", Sha256),
    sa.Column("content_digest", Sha256, nullable=False),
    sa.Column("lineage", Words, nullable=False),
    sa.Column("files", NUMBER, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sa.Column("ingested_at", Moment, nullable=False),
    sa.Column("policy", Words, nullable=False),
    sa.Column("disposed_at", Moment, nullable=False),
    sa.Column("by", Words, nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("approved_by", Document, nullable=False),
    sa.Column("proposal", WORDS, nullable=False),
    sa.Column("event", Id, nullable=False),
    sqlite_with_rowid=False,
)

removal = sa.Table(
    "removal",
    metadata,
    *_version_key(),
    sa.Column("tier", WORDS, primary_key=True),
    sa.Column("kind", WORDS, nullable=False),
    sa.Column("packaging", WORDS, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sa.Column("proposal", WORDS, nullable=False),
    sa.Column("begun_at", Moment, nullable=False),
    sa.Column("until", Moment),
    sa.Column("reason", Words, nullable=False),
    sa.Column("done_at", Moment),
    sqlite_with_rowid=False,
)
is_pending = removal.c.done_at.is_(None)

hold = sa.Table(
    "hold",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("community", WORDS, nullable=False),
    sa.Column("aip", Id, nullable=False),
    sa.Column("version", ORDINAL, nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("by", Words, nullable=False),
    sa.Column("placed_at", Moment, nullable=False),
    sa.Column("released_at", Moment),
    sa.Column("released_by", Words, nullable=False),
    sa.Column("released_why", Words, nullable=False),
    sqlite_with_rowid=False,
)

access = sa.Table(
    "access",
    metadata,
    *_version_key(),
    sa.Column("state", WORDS, nullable=False),
    sa.Column("until", Moment),
    sa.Column("reason", Words, nullable=False),
    sa.Column("by", Words, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sqlite_with_rowid=False,
)

appraisal = sa.Table(
    "appraisal",
    metadata,
    *_version_key(),
    sa.Column("kept_until", Moment),
    sa.Column("reason", Words, nullable=False),
    sa.Column("by", Words, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

proposal = sa.Table(
    "proposal",
    metadata,
    sa.Column("digest", WORDS, primary_key=True),
    sa.Column("community", WORDS, nullable=False),
    sa.Column("policy", Words, nullable=False),
    sa.Column("proposed_at", Moment, nullable=False),
    sa.Column("items", NUMBER, nullable=False),
    sa.Column("octets", NUMBER, nullable=False),
    sa.Column("approvals", Document, nullable=False),
    sa.Column("begun_at", Moment),
    sa.Column("ended_at", Moment),
    sqlite_with_rowid=False,
)
