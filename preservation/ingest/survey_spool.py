"""The survey's notebook: one row per entry, in a temporary SQLite file, so that memory is flat.

Every question that needs all entries at once (twins, duplicates, samples, the largest) is asked
here in SQL. The file is private, on the disk of ``TMPDIR``, about 200 octets an entry, and gone
when the survey ends. Paths are bytes throughout.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Self

from preservation.errors import NoSpaceError
from preservation.files import durable
from preservation.files.temporary import places, temporary_folder
from preservation.files.walk import Entry, Kind
from preservation.ingest.survey_names import extension_of, folded
from preservation.model.digest import Digest

_BATCH = 2000
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_SIGNED = 2**63 - 1
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -16000;
CREATE TABLE entry (path BLOB, parent INTEGER, fold BLOB, kind TEXT, octets INTEGER,
                    ino INTEGER, dev INTEGER, nlink INTEGER, ext TEXT, mix INTEGER,
                    again INTEGER);
CREATE TABLE listed (path BLOB, algorithm TEXT, value BLOB);
CREATE TABLE judged (path BLOB, good INTEGER);
CREATE TABLE lister (path BLOB);
CREATE TABLE hashed (path BLOB, octets INTEGER, value BLOB);
"""
_INSERT = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
_FINISH = """
CREATE INDEX entry_path ON entry (path);
UPDATE entry SET again = 1 WHERE kind = 'file' AND nlink > 1 AND rowid NOT IN
  (SELECT min(rowid) FROM entry WHERE kind = 'file' AND nlink > 1 GROUP BY dev, ino);
CREATE INDEX entry_size ON entry (octets) WHERE kind = 'file' AND octets > 0 AND again = 0;
"""
_SAME_SIZE = """
SELECT path, octets FROM entry JOIN
  (SELECT octets AS size, count(*) - 1 AS spare FROM entry
   WHERE kind = 'file' AND octets > 0 AND again = 0 GROUP BY octets HAVING count(*) > 1)
  ON size = octets WHERE kind = 'file' AND again = 0
ORDER BY size * spare DESC, size, path
"""
_DUPLICATES = """
SELECT value, octets, count(*) FROM hashed GROUP BY value HAVING count(*) > 1
ORDER BY octets * (count(*) - 1) DESC, value
"""


@contextmanager
def notebook() -> Iterator[Spool]:
    """An empty one, for one survey.

    Raises:
        NoSpaceError: there is no room for it.
        NotNowError: it can't be made for another reason.
    """
    try:
        with durable.plain_errors(places()[0]), Spool() as spool:
            yield spool
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_ROOM:
            raise
        raise NoSpaceError(
            f"a temporary file cannot be written: {error}",
            hint=f"make room in {places()[0]}, or set TMPDIR to a folder with room",
        ) from error


class Spool:
    """Entries of one survey. For one thread."""

    def __init__(self) -> None:
        self._folder = temporary_folder("samarkand-survey-")
        self._sql = sqlite3.connect(Path(self._folder.name) / "entries.sqlite")
        self._sql.executescript(_SCHEMA)
        self._pending: list[tuple[object, ...]] = []

    def add(self, entry: Entry) -> None:
        """Note an entry of the walk."""
        parent, _, name = entry.path.rpartition(b"/")
        self._pending.append(
            (
                entry.path,
                _number(parent),
                folded(name),
                entry.kind.value,
                entry.octets,
                entry.ino & _SIGNED,
                entry.dev & _SIGNED,
                entry.nlink,
                extension_of(entry.path) if entry.kind is Kind.FILE else "",
                zlib.crc32(entry.path),
            )
        )
        if len(self._pending) >= _BATCH:
            self._flush()

    def finish(self) -> None:
        """All entries are in: from now on, ask."""
        self._flush()
        self._sql.executescript(_FINISH)

    def twins(self) -> Iterator[list[bytes]]:
        """Groups of paths in one folder that differ in case or composition alone."""
        rows = self._sql.execute(
            "SELECT parent, fold, path FROM entry WHERE (parent, fold) IN "
            "(SELECT parent, fold FROM entry GROUP BY parent, fold HAVING count(*) > 1) "
            "ORDER BY parent, fold, path"
        )
        for _, group in groupby(rows, key=lambda row: row[:2]):
            yield [path for _, _, path in group]

    def largest(self, count: int) -> list[tuple[bytes, int]]:
        """The biggest files, biggest first."""
        return self._sql.execute(
            "SELECT path, octets FROM entry WHERE kind = 'file' AND octets > 0 "
            "ORDER BY octets DESC, path LIMIT ?",
            (count,),
        ).fetchall()

    def extensions(self) -> list[tuple[str, int, int]]:
        """Extension, files and octets, the most octets first. Empty files are left out."""
        return self._sql.execute(
            "SELECT ext, count(*), sum(octets) FROM entry WHERE kind = 'file' AND octets > 0 "
            "GROUP BY ext ORDER BY sum(octets) DESC, ext"
        ).fetchall()

    def files(self) -> Iterator[tuple[bytes, str, int]]:
        """Path, extension and octets of every file that is not empty."""
        return iter(
            self._sql.execute(
                "SELECT path, ext, octets FROM entry WHERE kind = 'file' AND octets > 0"
            )
        )

    def sample(self, each: int, most: int) -> Iterator[tuple[bytes, str, int]]:
        """About ``each`` files per extension, never more, and ``most`` in all.

        Picked by a hash of the path, in one pass: somewhat too many, and the surplus dropped.
        """
        picked = self._sql.execute(
            "SELECT path, ext, octets FROM entry JOIN (SELECT ext AS name, count(*) AS files "
            "FROM entry WHERE kind = 'file' AND octets > 0 GROUP BY ext) ON name = ext "
            "WHERE kind = 'file' AND octets > 0 AND mix * files < ?",
            ((each * 5 // 4 + 8) << 32,),
        )
        taken: Counter[str] = Counter()
        for path, extension, octets in picked:
            if taken[extension] < each and most > 0:
                taken[extension] += 1
                most -= 1
                yield path, extension, octets

    def sized(self, least: int, most: int, count: int) -> list[tuple[bytes, int]]:
        """Some files of a size between two, picked by a hash of the path."""
        return self._sql.execute(
            "SELECT path, octets FROM entry WHERE kind = 'file' AND octets BETWEEN ? AND ? "
            "ORDER BY mix, path LIMIT ?",
            (least, most, count),
        ).fetchall()

    def same_size(self) -> Iterator[tuple[bytes, int]]:
        """Path and octets of files that share their size, each inode once.

        Group after group, the one with the most to save first.
        """
        return iter(self._sql.execute(_SAME_SIZE))

    def note_hash(self, path: bytes, octets: int, digest: Digest) -> None:
        """Note what was computed in search of duplicates."""
        self._sql.execute("INSERT INTO hashed VALUES (?, ?, ?)", (path, octets, digest.value))

    def duplicates(self) -> Iterator[tuple[bytes, int, int]]:
        """Digest, octets and copies of each content that is there twice; most to save first."""
        return iter(self._sql.execute(_DUPLICATES))

    def with_hash(self, value: bytes, count: int) -> list[bytes]:
        """Some paths of one content."""
        rows = self._sql.execute(
            "SELECT path FROM hashed WHERE value = ? ORDER BY path LIMIT ?", (value, count)
        )
        return [path for (path,) in rows]

    def list_digest(self, path: bytes, digest: Digest) -> bool:
        """Note a digest that came along; False if it is about no file here."""
        if not self.holds_file(path):
            return False
        self._sql.execute(
            "INSERT INTO listed VALUES (?, ?, ?)", (path, digest.algorithm.value, digest.value)
        )
        return True

    def holds_file(self, path: bytes) -> bool:
        """True if there is a file at the path."""
        query = "SELECT 1 FROM entry WHERE path = ? AND kind = 'file'"
        return self._sql.execute(query, (path,)).fetchone() is not None

    def covered(self) -> int:
        """How many files some digest came along for."""
        query = "SELECT count(DISTINCT path) FROM listed"
        return int(self._sql.execute(query).fetchone()[0])

    def listed(self, algorithm: str) -> Iterator[bytes]:
        """The files for which digests of one algorithm came along, each once."""
        rows = self._sql.execute(
            "SELECT DISTINCT path FROM listed WHERE algorithm = ? ORDER BY path", (algorithm,)
        )
        return (path for (path,) in rows)

    def agrees(self, path: bytes, digest: Digest) -> bool:
        """True if every digest of that algorithm that came along for a file is this one."""
        rows = self._sql.execute(
            "SELECT value FROM listed WHERE path = ? AND algorithm = ?",
            (path, digest.algorithm.value),
        )
        return all(value == digest.value for (value,) in rows)

    def judge(self, path: bytes, good: bool) -> None:
        """Note that a file was compared with digests that came along."""
        self._sql.execute("INSERT INTO judged VALUES (?, ?)", (path, good))

    def judged(self) -> tuple[int, int]:
        """How many files matched every digest that came along, and how many did not."""
        query = (
            "SELECT sum(worst), count(*) FROM (SELECT min(good) AS worst FROM judged GROUP BY path)"
        )
        matched, files = self._sql.execute(query).fetchone()
        return matched or 0, files - (matched or 0)

    def differing(self) -> Iterator[bytes]:
        """The files that differ from a digest that came along."""
        rows = self._sql.execute("SELECT DISTINCT path FROM judged WHERE NOT good ORDER BY path")
        return (path for (path,) in rows)

    def note_lister(self, path: bytes) -> None:
        """Note a file that looks like a list of digests."""
        self._sql.execute("INSERT INTO lister VALUES (?)", (path,))

    def listers(self) -> Iterator[bytes]:
        """The files that look like lists of digests."""
        return (path for (path,) in self._sql.execute("SELECT path FROM lister"))

    def algorithms(self) -> list[str]:
        """The algorithms of which digests came along."""
        rows = self._sql.execute("SELECT DISTINCT algorithm FROM listed ORDER BY algorithm")
        return [name for (name,) in rows]

    def close(self) -> None:
        """Forget everything."""
        self._sql.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _flush(self) -> None:
        self._sql.executemany(_INSERT, self._pending)
        self._pending.clear()


def _number(folder: bytes) -> int:
    """A folder as a number; sixty-four bits of a hash, so that no map of folders is kept."""
    return int.from_bytes(hashlib.blake2b(folder, digest_size=8).digest(), signed=True)
