"""Persistent identifiers: each belongs to one AIP of its community."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table. What came before it is filled in by `preserve catalogue rebuild`."""
    op.create_table(
        "identifier",
        sa.Column("community", _WORDS, nullable=False),
        sa.Column("scheme", _WORDS, nullable=False),
        sa.Column("value", _WORDS, nullable=False),
        sa.Column("shown", _WORDS, nullable=False),
        sa.Column("aip", sa.LargeBinary(), nullable=False),
        sa.Column("status", _WORDS, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("community", "scheme", "value"),
        sa.ForeignKeyConstraint(["community"], ["community.community"]),
        sa.ForeignKeyConstraint(["aip"], ["aip.aip"]),
        sqlite_with_rowid=False,
    )
    op.create_index("identifier_aip", "identifier", ["aip"])
