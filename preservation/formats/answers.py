"""Answers that were given before, so that an unchanged file is never identified twice.

A derived SQLite file: it may be deleted at any moment, and whatever is wrong with it only costs
asking again. An answer is found by the file's SHA-256, the extension of its name, which changes
answers, and the toolchain that gave it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from preservation.model.identification import Basis, Identification

MOST = 1_000_000  # answers kept, of about 300 octets each; the oldest go first
_TABLE = """
CREATE TABLE IF NOT EXISTS answer (
    number INTEGER PRIMARY KEY, sha256 TEXT, extension TEXT, toolchain TEXT, said TEXT,
    UNIQUE (sha256, extension, toolchain)
)
"""
_BUSY_SECONDS = 2.0

Key = tuple[str, str]  # SHA-256 in hexadecimal digits, extension


class Answers:
    """Keeps answers; safe for several threads and processes.

    Args:
        path: of the file; it and its folder are made.
        toolchain: whose answers are found and kept.
        most: answers that are kept.
    """

    def __init__(self, path: Path, toolchain: str, most: int = MOST) -> None:
        self._toolchain = toolchain
        self._most = most
        self._lock = threading.Lock()
        self._base = _open(path)

    def find(self, keys: Sequence[Key]) -> dict[Key, Identification]:
        """Those that are known."""
        found: dict[Key, Identification] = {}
        with self._lock, suppress(sqlite3.Error):
            for key in dict.fromkeys(keys):
                row = self._base.execute(
                    "SELECT said FROM answer WHERE sha256 = ? AND extension = ? AND toolchain = ?",
                    (*key, self._toolchain),
                ).fetchone()
                known = _read(row[0]) if row else None
                if known:
                    found[key] = known
        return found

    def keep(self, answers: Mapping[Key, Identification]) -> None:
        """Keep answers; none that a later try could better."""
        rows = [
            (*key, self._toolchain, json.dumps(_written(said), separators=(",", ":")))
            for key, said in answers.items()
            if not said.unchecked
        ]
        with self._lock, suppress(sqlite3.Error), self._base:
            self._base.executemany(
                "INSERT OR IGNORE INTO answer (sha256, extension, toolchain, said) "
                "VALUES (?, ?, ?, ?)",
                rows,
            )
            self._base.execute(
                "DELETE FROM answer WHERE number <= (SELECT max(number) FROM answer) - ?",
                (self._most,),
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(path: Path) -> sqlite3.Connection:
    """The file, made anew where it is none of ours; in memory where there can be none."""
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            base = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = OFF")
            base.execute(_TABLE)
        except sqlite3.DatabaseError:
            with suppress(OSError):
                path.unlink()
        except OSError:
            break
        else:
            return base
    base = sqlite3.connect(":memory:", check_same_thread=False)
    base.execute(_TABLE)
    return base


_LISTS = ("candidates", "flags", "warnings")


def _written(said: Identification) -> dict[str, Any]:
    names = (name for name in Identification.__slots__ if getattr(said, name))
    return {name: getattr(said, name) for name in names} | {"basis": said.basis.value}


def _read(text: str) -> Identification | None:
    try:
        data = json.loads(text)
        data |= {name: tuple(data[name]) for name in _LISTS if name in data}
        return Identification(**(data | {"basis": Basis(data["basis"])}))
    except (ValueError, TypeError, KeyError):
        return None
