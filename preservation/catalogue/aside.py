"""A new catalogue beside the old one, and the one step in which it takes its place.

A crash at any moment leaves the old catalogue or the new one, whole. Whoever swaps must know
that nobody writes the old one meanwhile: what is recorded between the rebuild and the swap
exists only in the old one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from preservation.catalogue import schema
from preservation.catalogue.database import LOCK_TIMEOUT_S, Database
from preservation.catalogue.failures import plain_failures
from preservation.catalogue.migrations import counting
from preservation.catalogue.place import Place
from preservation.catalogue.sql import SqlCatalogue, open_place
from preservation.files import durable

_COMPANIONS = ("-wal", "-shm", "-journal")


def begin(url: str) -> SqlCatalogue:
    """An empty catalogue beside the one at this URL; what an earlier attempt left is removed.

    Raises:
        CatalogueUnavailableError, NoSpaceError: it cannot be made.
    """
    place = Place.parse(url).aside()
    if place.file is not None:
        _remove(place.file)
    else:
        _drop(place)
    schema.migrate_place(place)
    return open_place(place)


@contextmanager
def counted_at_the_end(new: SqlCatalogue) -> Iterator[None]:
    """Count once what the block writes into a catalogue that :func:`begin` gave, instead of row by
    row: on PostgreSQL that is half of all time.

    What the block leaves by an exception, or by being killed, has no triggers; it never takes
    over, and the next :func:`begin` removes it.
    """
    _execute(new.database, counting.dropping)
    yield
    _execute(new.database, counting.recounting, counting.statements)


def _execute(database: Database, *makers: Callable[[str], Iterable[str]]) -> None:
    with database.writing() as connection:
        for make in makers:
            for statement in make(connection.dialect.name):
                connection.exec_driver_sql(statement)


def take_over(new: SqlCatalogue, url: str) -> None:
    """Put a catalogue that :func:`begin` gave in the place of the one at this URL, if any.

    Raises:
        CatalogueUnavailableError: the old one is in use (``CAT-LOCKED``); it was not touched.
    """
    new.close()
    aside, place = new.database.place, Place.parse(url)
    if aside.file is None or place.file is None:
        _rename_schema(aside, place)
        return
    with plain_failures(aside):
        _fold_log(aside.file)
    if place.file.exists():
        _empty_log(place, place.file)
    os.replace(aside.file, place.file)
    durable.fsync_dir(place.file.parent)


def _empty_log(place: Place, file: Path) -> None:
    """See to it that no write-ahead log of the old file can be taken for the new one's."""
    try:
        _fold_log(file)
    except sqlite3.OperationalError:
        with plain_failures(place):
            raise
    except sqlite3.DatabaseError:  # corrupt: that is why it is replaced
        for suffix in _COMPANIONS:
            Path(f"{file}{suffix}").unlink(missing_ok=True)


def _fold_log(file: Path) -> None:
    """Bring a SQLite database into its one file, without log; needs it for itself."""
    connection = sqlite3.connect(file, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        connection.execute("PRAGMA journal_mode=DELETE").close()
    finally:
        connection.close()


def _remove(file: Path) -> None:
    for suffix in ("", *_COMPANIONS):
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def _drop(place: Place) -> None:
    database = Database(place)
    try:
        with database.writing() as connection:
            connection.execute(sa.schema.DropSchema(place.schema, cascade=True, if_exists=True))
    finally:
        database.close()


def _rename_schema(aside: Place, place: Place) -> None:
    database = Database(place)
    try:
        with database.writing() as connection:
            connection.execute(sa.schema.DropSchema(place.schema, cascade=True, if_exists=True))
            # Both names match [a-z][a-z0-9_]*: see Place.
            connection.exec_driver_sql(f"ALTER SCHEMA {aside.schema} RENAME TO {place.schema}")
    finally:
        database.close()
