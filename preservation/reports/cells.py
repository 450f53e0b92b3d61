"""How one value of a row is spelled in a table's cell, and what it sorts and counts by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.outcome import Level
from preservation.model.units import format_size
from preservation.reports.columns import Column
from preservation.reports.numbers import spelled
from preservation.reports.words import brief, span

NONE = "–"
_FILES = 20  # of one finding that the page names; the data files have all that were recorded

_BAD = {
    "short", "altered", "missing", "unreadable", "damaged", "broken", "open", "error", "critical",
    "rejected", "refused", "high", "not met",
}  # fmt: skip
_DOUBTFUL = {
    "unchecked",
    "written",
    "warning",
    "waiting",
    "unidentified",
    "moderate",
    "nothing to judge",
    "not due yet",
    "met in part",
}
_GOOD = {
    "intact",
    "verified",
    "kept",
    "resolved",
    "accepted",
    "preferred",
    "held already",
    "low",
    "met",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        kind: which macro of the template draws it.
        text: what is read.
        sort: what it sorts by, a number's digits or text.
        value: what headline numbers compare and sum.
        mood: ``good``, ``bad``, ``open`` or empty; never the only carrier of a meaning.
        item: the value itself, for kinds that the template takes apart.
    """

    kind: str
    text: str
    sort: str
    value: str
    mood: str = ""
    item: Any = None


def cell(row: Any, column: Column) -> Cell:
    """Spell the value of a row's column."""
    return _KINDS[column.kind](row, getattr(row, column.key))


def is_numeric(column: Column) -> bool:
    """Whether the column sorts by number, and is set flush right."""
    return column.kind in {"number", "alarm_number", "bytes", "duration"}


def _text(_row: Any, value: Any) -> Cell:
    return Cell("text", str(value) or NONE, str(value), spelled(value))


def _as(kind: str) -> Callable[[Any, Any], Cell]:
    def make(_row: Any, value: Any) -> Cell:
        return Cell(kind, str(value) or NONE, str(value), spelled(value), "", value)

    return make


def _number(_row: Any, value: int) -> Cell:
    return Cell("number", f"{value:,}", str(value), str(value))


def _alarm_number(_row: Any, value: int) -> Cell:
    return Cell("number", f"{value:,}", str(value), str(value), "bad" if value else "")


def _bytes(_row: Any, value: int) -> Cell:
    return Cell("number", format_size(value), str(value), str(value), "", f"{value:,} bytes")


def _duration(_row: Any, value: int) -> Cell:
    text = span(timedelta(seconds=value)) if value else NONE
    return Cell("number", text, str(value), str(value))


def _time(_row: Any, value: datetime | None) -> Cell:
    if value is None:
        return Cell("text", NONE, "", "")
    return Cell("time", brief(value), stamp(value), stamp(value))


def _flag(_row: Any, value: bool) -> Cell:
    return Cell("text", spelled(value), spelled(value), spelled(value))


def _alarm(_row: Any, value: bool) -> Cell:
    return Cell("word", spelled(value), spelled(value), spelled(value), "bad" if value else "")


def _word(_row: Any, value: str) -> Cell:
    mood = "bad" if value in _BAD else "open" if value in _DOUBTFUL else ""
    return Cell("word", value or NONE, value, value, mood or ("good" if value in _GOOD else ""))


def _severity(row: Any, value: str) -> Cell:
    """Alarming only while the finding is open."""
    return _word(row, value) if row.state == "open" else Cell("word", value, value, value)


def _level(_row: Any, value: str) -> Cell:
    return Cell("level", Level(value).words if value else NONE, value, value)


def _observed(_row: Any, value: str) -> Cell:
    return Cell("name", value or "could not be observed", value, value, "" if value else "open")


def _names(_row: Any, value: tuple[str, ...]) -> Cell:
    joined = ", ".join(value)
    return Cell("names", joined or NONE, joined, joined, "", value)


def _aip(row: Any, value: str) -> Cell:
    if not value:
        return Cell("text", NONE, "", "")
    name = row.title or "without a title"
    return Cell("aip", name, f"{row.title} {value} {row.version}", value, "", row.version)


def _files(row: Any, value: tuple[Any, ...]) -> Cell:
    more = row.more_files + max(0, len(value) - _FILES)
    return Cell("files", row.message, row.message, row.id, "", (value[:_FILES], more))


def _actions(_row: Any, value: tuple[Any, ...]) -> Cell:
    last = stamp(value[-1].at) if value else ""
    return Cell("actions", NONE, last, str(len(value)), "", value)


_KINDS: dict[str, Callable[[Any, Any], Cell]] = {
    "text": _text,
    "name": _as("name"),
    "code": _as("code"),
    "id": _as("id"),
    "table": _as("table"),
    "number": _number,
    "alarm_number": _alarm_number,
    "bytes": _bytes,
    "duration": _duration,
    "time": _time,
    "flag": _flag,
    "alarm": _alarm,
    "step": _as("step"),
    "word": _word,
    "severity": _severity,
    "level": _level,
    "observed": _observed,
    "names": _names,
    "aip": _aip,
    "files": _files,
    "actions": _actions,
}
