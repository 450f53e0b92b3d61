"""What Alembic runs: the migrations, in the transaction that ``schema.migrate`` opened."""

from __future__ import annotations

from alembic import context

from preservation.catalogue.tables import metadata

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=metadata,
    version_table_schema=attributes["schema"],
    # SQLite cannot alter most things: Alembic then makes a new table and copies.
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
