"""The AIP versions of a central inventory, by their keys, on disk: there may be millions.

They stand in files of the system's temporary folder that have no name and go with the process;
what memory holds of them is some pages. They are made from the parts' footers, and are nothing
that is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from preservation.errors import NoSpaceError
from preservation.formats.inventory.versions import HeldVersion, Key
from preservation.model.clock import parse_stamp, stamp

_COLUMNS = "aip, version, seal, ingested_at, files, octets, reviews"
_TABLE = f"""
    CREATE TABLE held ({_COLUMNS}, number, PRIMARY KEY (aip, version)) WITHOUT ROWID
"""
_PAGES_KIB = 8_192  # of each, in memory


class HeldVersions(Mapping[Key, HeldVersion]):
    """Which versions there are, in the order of their keys, and the number of the part of each.

    Raises:
        NoSpaceError: from any method: the temporary folder is full (``INV-SPACE``).
    """

    def __init__(self) -> None:
        self._rows = _nameless(_TABLE)

    def take(self, number: int, versions: Iterable[HeldVersion]) -> None:
        """Note those of a part: each is in this one from now on."""
        marks = ", ".join("?" * 8)
        with _plain_errors():
            self._rows.executemany(
                f"INSERT OR REPLACE INTO held VALUES ({marks})",  # noqa: S608 - of our own words
                ((*_row(one), number) for one in versions),
            )

    def forget(self, number: int) -> None:
        """Those of a part that is no more."""
        with _plain_errors():
            self._rows.execute("DELETE FROM held WHERE number = ?", (number,))

    def number(self, key: Key) -> int | None:
        """In which part a version counts; None if in none."""
        found = self._one("number", key)
        return None if found is None else int(found[0])

    def counts(self) -> dict[int, int]:
        """How many versions count in each part."""
        with _plain_errors():
            return dict(self._rows.execute("SELECT number, count(*) FROM held GROUP BY number"))

    def each(self) -> Iterator[HeldVersion]:
        """All of them."""
        with _plain_errors():
            for row in self._rows.execute(f"SELECT {_COLUMNS} FROM held ORDER BY aip, version"):  # noqa: S608
                yield _version(row)

    def __getitem__(self, key: Key) -> HeldVersion:
        found = self._one(_COLUMNS, key)
        if found is None:
            raise KeyError(key)
        return _version(found)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and self._one("1", key) is not None

    def __iter__(self) -> Iterator[Key]:
        with _plain_errors():
            yield from self._rows.execute("SELECT aip, version FROM held ORDER BY aip, version")

    def __len__(self) -> int:
        with _plain_errors():
            return int(self._rows.execute("SELECT count(*) FROM held").fetchone()[0])

    def _one(self, what: str, key: tuple[Any, ...]) -> tuple[Any, ...] | None:
        with _plain_errors():
            found = self._rows.execute(
                f"SELECT {what} FROM held WHERE aip = ? AND version = ?",  # noqa: S608
                key,
            )
            row: tuple[Any, ...] | None = found.fetchone()
            return row


class DueVersions:
    """Keys of versions by the month in which they came in; as flat in memory."""

    def __init__(self) -> None:
        self._rows = _nameless(
            "CREATE TABLE due (month, aip, version, PRIMARY KEY (month, aip, version)) "
            "WITHOUT ROWID"
        )

    def add(self, month: str, key: Key) -> None:
        """One more."""
        with _plain_errors():
            self._rows.execute("INSERT INTO due VALUES (?, ?, ?)", (month, *key))

    def months(self) -> list[str]:
        """In order."""
        with _plain_errors():
            found = self._rows.execute("SELECT DISTINCT month FROM due ORDER BY month").fetchall()
        return [month for (month,) in found]

    def of(self, month: str) -> Iterator[Key]:
        """Those of one month, in order."""
        asked = "SELECT aip, version FROM due WHERE month = ? ORDER BY aip, version"
        with _plain_errors():
            yield from self._rows.execute(asked, (month,))

    def __len__(self) -> int:
        with _plain_errors():
            return int(self._rows.execute("SELECT count(*) FROM due").fetchone()[0])


def _nameless(table: str) -> sqlite3.Connection:
    """A database in a file that has no name; one process at a time, in whatever thread."""
    with _plain_errors():
        made = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_PAGES_KIB}"):
            made.execute(f"PRAGMA {pragma}")
        made.execute(table)
    return made


def _row(version: HeldVersion) -> tuple[Any, ...]:
    moment, reviews = stamp(version.ingested_at), "\n".join(version.reviews)
    sums = version.files, version.octets
    return version.aip, version.version, version.seal, moment, *sums, reviews


def _version(row: tuple[Any, ...]) -> HeldVersion:
    aip, version, seal, ingested_at, files, octets, reviews = row
    later = tuple(reviews.split("\n")) if reviews else ()
    return HeldVersion(aip, version, seal, parse_stamp(ingested_at), files, octets, later)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise NoSpaceError(
            f"no room for a list of AIP versions in the temporary folder: {error}",
            hint="make room there, or let TMPDIR name another folder",
            code="INV-SPACE",
        ) from error
