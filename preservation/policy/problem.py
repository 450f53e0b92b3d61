"""Problems: what is wrong in policy files, told so that it can be mended at once.

A problem is a value. A check returns all of them; nothing here raises.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import field
from typing import Any

from preservation.model.deferred import dataclass

_KEYS = re.compile(r"//[^/@\s]{1,1000}@")

CODES = {
    "POL-SYNTAX": "not YAML, or YAML that policies do not use: anchors, tags, tabs, bombs",
    "POL-DUPLICATE": "a name stands twice in one mapping, or an entry twice in one list",
    "POL-UNKNOWN": "no such field",
    "POL-KIND": "another kind of value: a list for a text, a number for a duration",
    "POL-VALUE": "the right kind, but not an allowed value",
    "POL-BEYOND": "the right form, but a schedule that never comes, or no such time zone",
    "POL-MISSING": "a field that has to be said is said nowhere",
    "POL-FILE": "the set of files is wrong: one is missing, or has another's name",
    "POL-CROSS": "two values, each allowed by itself, contradict each other",
    "POL-FLOOR": "a community promises less than the floor of baseline.yaml",
}
MOST_PROBLEMS = 100  # told per file; the rest is counted
_SHOWN = 80  # characters of what was found


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file.

    Attributes:
        file: as the caller named it; empty for a built-in default.
        line, column: from 1; 0 where there is no place in a file.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.file:
            return "default"
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a policy file.

    Attributes:
        line, column: from 1.
        path: the field, ``intake.limits.size``; empty for the file as a whole.
        found: what stands there.
        allowed: what may stand there.
        hint: the nearest right word, or what to do; may be empty.
        code: stable, one of ``CODES``.
    """

    file: str
    line: int
    column: int
    path: str
    found: str
    allowed: str
    hint: str = ""
    code: str = "POL-VALUE"

    def to_json(self) -> dict[str, Any]:
        """The problem as a JSON object."""
        return {
            "code": self.code,
            "file": printable(self.file),
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "found": self.found,
            "allowed": self.allowed,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        where = f"{printable(self.file)}:{self.line}:{self.column}: "
        what = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{what}found {self.found}; allowed: {self.allowed}{hint} [{self.code}]"


@dataclass(slots=True)
class Problems:
    """Collects the problems of one file, and stays small whatever the file holds."""

    file: str
    kept: list[Problem] = field(default_factory=list)
    more: int = 0

    def add(
        self, at: Place, path: str, found: str, allowed: str, *, code: str, hint: str = ""
    ) -> None:
        """Keep a problem, or count it where there are too many to read."""
        if len(self.kept) >= MOST_PROBLEMS:
            self.more += 1
            return
        line, column = max(at.line, 1), max(at.column, 1)
        self.kept.append(
            Problem(at.file or self.file, line, column, path, found, allowed, hint, code)
        )

    def nearest(self, word: str, known: Iterable[str]) -> str:
        """``did you mean …?``, or nothing; not asked any more once there is too much wrong."""
        return "" if len(self.kept) >= MOST_PROBLEMS else nearest(word, known)

    def all(self) -> list[Problem]:
        """In the order of the file; a last line counts what was not told."""
        told = sorted(set(self.kept))
        if self.more:
            last = told[-1]
            found = f"{self.more} more problems in this file"
            told.append(
                Problem(self.file, last.line, last.column + 1, "", found, "none", code=last.code)
            )
        return told


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the right word nearest to a mistaken one; empty if none is near."""
    matches = difflib.get_close_matches(word[:64], list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]}?" if matches else ""


def stranger(text: str) -> str:
    """A hint that names the first character that is not ASCII: it may look just like one."""
    for place, char in enumerate(text[:200], 1):
        if not char.isascii():
            name = unicodedata.name(char, "a character without a name")
            return f"character {place} is U+{ord(char):04X}, {name.lower()}"
    return ""


def quoted(text: str) -> str:
    """Show what was found: one line, escaped, never longer than a line, without a URL's keys."""
    text = _KEYS.sub("//…@", text)
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return f'"{printable(shown)}"'


def printable(text: str) -> str:
    """Escape what could mislead a reader or break a line; file names can hold it too."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
