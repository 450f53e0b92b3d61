"""What a database says when it cannot, told as one sentence with a next step.

Source: SQLite result codes (sqlite.org/rescode.html); PostgreSQL errcodes appendix.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from preservation.catalogue.place import Place
from preservation.errors import CatalogueUnavailableError, NoSpaceError, SamarkandError

REBUILD = "run `preserve catalogue rebuild`: it makes the catalogue again from tiers and journal"
_LOCKED = "another process holds it for long; try again, or look for one that hangs"
_READ_ONLY = "give this account the right to write the catalogue's file and folder"
_FULL_OR_FAILING = "make room, if its disk is full (`df`); else look for disk errors in the log"
_REACH = "start the database, and check the address, account and password in samarkand.toml"
_EXCHANGED = "try again: the new one is in its place; this attempt wrote nothing into either"
_MIGRATE = "run `preserve init` with this version of Samarkand to bring the schema up to date"

_SQLITE = {
    "SQLITE_BUSY": ("CAT-LOCKED", "is locked", _LOCKED),
    "SQLITE_LOCKED": ("CAT-LOCKED", "is locked", _LOCKED),
    "SQLITE_CORRUPT": ("CAT-CORRUPT", "is corrupt", REBUILD),
    "SQLITE_NOTADB": ("CAT-CORRUPT", "is not a catalogue file", REBUILD),
    "SQLITE_READONLY": ("CAT-READ-ONLY", "cannot be written", _READ_ONLY),
    "SQLITE_READONLY_DBMOVED": ("CAT-EXCHANGED", "was exchanged meanwhile", _EXCHANGED),
    "SQLITE_CANTOPEN": ("CAT-UNREADABLE", "cannot be opened", _READ_ONLY),
    "SQLITE_PERM": ("CAT-READ-ONLY", "cannot be written", _READ_ONLY),
    "SQLITE_IOERR": ("CAT-DISK", "cannot be read or written", _FULL_OR_FAILING),
}
_POSTGRES = {
    "25006": ("CAT-READ-ONLY", "is read-only", "use the primary server, not a standby"),
    "3F000": ("CAT-SCHEMA", "has no schema of ours", _MIGRATE),
    "42501": ("CAT-READ-ONLY", "refuses us", "grant this account the rights on the schema"),
    "42P01": ("CAT-SCHEMA", "lacks a table", _MIGRATE),
    "42703": ("CAT-SCHEMA", "lacks a column", _MIGRATE),
    "40001": ("CAT-LOCKED", "is busy", _LOCKED),
    "40P01": ("CAT-LOCKED", "is busy", _LOCKED),
    "55P03": ("CAT-LOCKED", "is locked", _LOCKED),
    "XX001": ("CAT-CORRUPT", "is corrupt", REBUILD),
    "XX002": ("CAT-CORRUPT", "is corrupt", REBUILD),
}
_POSTGRES_FULL = "53100"


@contextmanager
def plain_failures(place: Place) -> Iterator[None]:
    """Let nothing of the database's own errors pass.

    Raises:
        CatalogueUnavailableError: with a code ``CAT-…`` and what to do.
        NoSpaceError: its disk is full.
        SamarkandError: ``CAT-DEFECT``, a statement of ours was wrong.
        MalformedError: a value that the columns refuse (``columns``).
    """
    try:
        yield
    except sa.exc.StatementError as error:
        raise _told(place, error.orig) from error
    except sqlite3.Error as error:
        raise _told(place, error) from error
    except sa.exc.TimeoutError as error:
        raise CatalogueUnavailableError(
            f"the catalogue {place} is busy: {error}", hint=_LOCKED, code="CAT-LOCKED"
        ) from error


def _told(place: Place, error: BaseException | None) -> SamarkandError:
    """Translate what the driver, or one of our columns, raised."""
    if isinstance(error, SamarkandError):
        return error
    if isinstance(error, sqlite3.Error):
        # sqlite3 adds the name to what the engine raises, not to its own complaints.
        name: str = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            return _full(place)
        known = _SQLITE.get(name) or _SQLITE.get("_".join(name.split("_")[:2]))
        if known is None and "no such table" in str(error):
            known = ("CAT-SCHEMA", "lacks a table", _MIGRATE)
    else:
        state = getattr(error, "sqlstate", None)
        if state == _POSTGRES_FULL:
            return _full(place)
        known = _POSTGRES.get(state or "")
        if known is None and (state is None or state[:2] in ("08", "28", "53", "57")):
            known = ("CAT-UNREACHABLE", "does not answer", _REACH)
    text = " ".join(str(error).split())
    if known is None:
        return SamarkandError(
            f"the catalogue {place} refused a statement: {text}", code="CAT-DEFECT"
        )
    code, what, hint = known
    return CatalogueUnavailableError(f"the catalogue {place} {what}: {text}", hint=hint, code=code)


def _full(place: Place) -> NoSpaceError:
    return NoSpaceError(f"no space left for the catalogue {place}", hint="free space, then again")


def missing(place: Place) -> CatalogueUnavailableError:
    """There is no catalogue. It is never made in passing: that would look like an empty archive."""
    return CatalogueUnavailableError(
        f"there is no catalogue at {place}", hint=REBUILD, code="CAT-MISSING"
    )


def other_schema(place: Place, found: str | None, wanted: str) -> CatalogueUnavailableError:
    """A catalogue of another version of this software."""
    return CatalogueUnavailableError(
        f"the catalogue {place} has schema {found or 'none'}, this version needs {wanted}",
        hint=_MIGRATE if found else REBUILD,
        code="CAT-SCHEMA",
    )
