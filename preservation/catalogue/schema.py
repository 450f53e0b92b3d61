"""The schema: making it, bringing it up to date, and refusing another version's.

Migrations are Alembic's, inside the package, and run from code: nobody needs an ``alembic.ini``.
Alembic is loaded when there is something to migrate: every task and command opens a catalogue,
and would pay a third of a second for what happens once in the life of a home.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import sqlalchemy as sa

from preservation.catalogue.database import Database
from preservation.catalogue.failures import missing, other_schema
from preservation.catalogue.place import Place
from preservation.catalogue.tables import REVISION

_SCRIPTS = Path(__file__).parent / "migrations"
# Two processes that migrate at once wait for each other: an advisory lock of our own.
_LOCK = 0x5A4D_4B44


def migrate(url: str) -> None:
    """Make the schema at this URL, or bring it up to date. Nothing to do is no error.

    Raises:
        CatalogueUnavailableError: it cannot be reached or written, or is newer than this
            version (``CAT-SCHEMA``).
        NoSpaceError: the disk is full.
    """
    migrate_place(Place.parse(url))


def migrate_place(place: Place) -> None:
    """As :func:`migrate`, for a place that was parsed."""
    database = Database(place, create=True)
    try:
        with database.writing() as connection:
            if place.schema:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                connection.execute(sa.schema.CreateSchema(place.schema, if_not_exists=True))
            found = revision(connection)
            if found is not None and found > REVISION:
                raise other_schema(place, found, REVISION)
            if found != REVISION:
                _upgrade(connection, place.schema)
    finally:
        database.close()


def check(database: Database) -> None:
    """Refuse a catalogue that is not there or has another schema.

    Raises:
        CatalogueUnavailableError: ``CAT-MISSING``, ``CAT-SCHEMA``, ``CAT-CORRUPT`` and others.
    """
    if database.place.file is not None and not database.place.file.exists():
        raise missing(database.place)
    with database.reading() as connection:
        found = revision(connection)
    if found != REVISION:
        raise other_schema(database.place, found, REVISION)


def is_there(place: Place) -> bool:
    """Whether a catalogue of ours is at a place, of whatever version.

    Raises:
        CatalogueUnavailableError: it cannot be reached or read.
    """
    if place.file is not None and not place.file.exists():
        return False
    database = Database(place)
    try:
        with database.reading() as connection:
            return revision(connection) is not None
    finally:
        database.close()


def revision(connection: sa.Connection) -> str | None:
    """The schema's revision; None where there is no schema."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: sa.Connection, schema: str) -> None:
    config = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema or None
    import_module("alembic.command").upgrade(config, "head")
