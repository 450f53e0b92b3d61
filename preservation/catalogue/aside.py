"""A new catalogue beside the old one, and the one step in which it takes its place.

A crash at any moment leaves the old catalogue or the new one, whole. What is recorded between the
rebuild and the swap exists only in the old one: then there is no swap. Only one process at a time
makes one aside: whoever calls sees to that.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from preservation.catalogue import schema
from preservation.catalogue.database import LOCK_TIMEOUT_S, Database
from preservation.catalogue.failures import plain_failures
from preservation.catalogue.migrations import counting
from preservation.catalogue.place import Place
from preservation.catalogue.sql import SqlCatalogue, open_place
from preservation.errors import BusyError, SamarkandError
from preservation.files import durable

_COMPANIONS = ("-wal", "-shm", "-journal")
LATER = ("CAT-LOCKED", "CAT-UNREACHABLE")  # what a catalogue says that may be well
_NEWEST = (
    "SELECT max(seq) FROM "
    "(SELECT max(seq) AS seq FROM outbox UNION ALL SELECT max(seq) AS seq FROM recorded) AS each"
)


def begin(url: str) -> SqlCatalogue:
    """An empty catalogue beside the one at this URL; what an earlier attempt left is removed.

    Raises:
        CatalogueUnavailableError, NoSpaceError: it cannot be made.
    """
    remove(url)
    place = Place.parse(url).aside()
    schema.migrate_place(place)
    return open_place(place)


def remove(url: str) -> None:
    """Take away what lies beside the catalogue at this URL.

    Raises:
        CatalogueUnavailableError: it can't be reached.
    """
    place = Place.parse(url).aside()
    if place.file is not None:
        _remove(place.file)
    else:
        _drop(place)


def newest(url: str, *, drained: bool = False) -> int | None:
    """The number of the last event that the catalogue at this URL has recorded; None where it is
    gone, or can't say so: then there is nothing to wait for.

    Args:
        drained: it was just now; what its outbox has came after that, and is not in the journal.

    Raises:
        CatalogueUnavailableError: it may say so later: it is locked, or can't be reached now.
        BusyError: it was drained, and something was recorded since (``CAT-GOES-ON``).
    """
    place = Place.parse(url)
    if place.file is not None and not place.file.exists():
        return None
    database = Database(place)
    try:
        with database.reading() as connection:
            last = connection.exec_driver_sql(_NEWEST).scalar_one() or 0
            left = connection.exec_driver_sql("SELECT count(*) FROM outbox").scalar_one()
    except SamarkandError as error:
        if error.code in LATER:
            raise
        return None
    finally:
        database.close()
    if drained and left:
        raise _goes_on(place)
    return int(last)


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


def take_over(new: SqlCatalogue, url: str, last: int | None = None) -> None:
    """Put a catalogue that :func:`begin` gave in the place of the one at this URL, if any.

    Args:
        last: what :func:`newest` said of the old one before the new one was made.

    Raises:
        CatalogueUnavailableError: the old one is in use (``CAT-LOCKED``); it was not touched.
        BusyError: something was recorded into it since (``CAT-GOES-ON``); likewise.
    """
    new.close()
    aside, place = new.database.place, Place.parse(url)
    if aside.file is None or place.file is None:
        _rename_schema(aside, place, last)
        return
    with plain_failures(aside):
        _fold_log(aside.file)
    if place.file.exists():
        _empty_log(place, place.file)
    with _held_still(place, place.file, last):
        os.replace(aside.file, place.file)
    durable.fsync_dir(place.file.parent)


@contextmanager
def _held_still(place: Place, file: Path, last: int | None) -> Iterator[None]:
    """Let nobody write a SQLite catalogue, if it is one that ended with this event."""
    if last is None or not file.exists():
        yield
        return
    with closing(sqlite3.connect(file, timeout=LOCK_TIMEOUT_S, isolation_level=None)) as held:
        with plain_failures(place):
            held.execute("BEGIN EXCLUSIVE").close()
            (log,) = held.execute("PRAGMA journal_mode").fetchone()
            (found,) = held.execute(_NEWEST).fetchone()
        if log != "delete" or (found or 0) != last:
            raise _goes_on(place)
        yield


def _goes_on(place: Place) -> BusyError:
    return BusyError(
        f"something was recorded into the catalogue {place} while it was made again",
        hint="stop what works on this home (`preserve down`), then try again; nothing was changed",
        code="CAT-GOES-ON",
    )


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


def _rename_schema(aside: Place, place: Place, last: int | None) -> None:
    database = Database(place)
    try:
        with database.writing() as connection:
            if last is not None:
                connection.exec_driver_sql("LOCK TABLE outbox, recorded IN ACCESS EXCLUSIVE MODE")
                if (connection.exec_driver_sql(_NEWEST).scalar_one() or 0) != last:
                    raise _goes_on(place)
            connection.execute(sa.schema.DropSchema(place.schema, cascade=True, if_exists=True))
            # Both names match [a-z][a-z0-9_]*: see Place.
            connection.exec_driver_sql(f"ALTER SCHEMA {aside.schema} RENAME TO {place.schema}")
    finally:
        database.close()
