"""Tables as CSV (RFC 4180, UTF-8): for spreadsheets, and for who has nothing else.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and names
come from strangers: such a cell of text begins with an apostrophe. So does what follows a
semicolon, where half of the world's spreadsheets begin a new cell. JSON and Parquet have it plain.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from preservation.model.clock import stamp
from preservation.reports.document import plain

_FORMULA = re.compile(r"(^|;)(\s*)([=+\-@\t\r\n＝＋－＠])")  # full width too, as in Japan


def csv_file(kind: type, rows: Iterable[Any]) -> bytes:
    """One table's file, its header included."""
    return csv_header(kind) + b"".join(csv_rows(kind, rows))


def csv_header(kind: type) -> bytes:
    """The first line of a table's file."""
    return _line([field.name for field in fields(kind)])


def csv_rows(kind: type, rows: Iterable[Any]) -> Iterator[bytes]:
    """The lines of a table's file, a row each."""
    names = [field.name for field in fields(kind)]
    for row in rows:
        yield _line([_cell(getattr(row, name)) for name in names])


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return stamp(value)
        case tuple() if any(is_dataclass(item) for item in value):
            return _FORMULA.sub(_spelled_out, json.dumps(plain(value), ensure_ascii=False))
        case tuple():
            return _harmless("; ".join(map(str, value)))
        case str():
            return _harmless(value)
        case _:
            return str(value)


def _harmless(text: str) -> str:
    return _FORMULA.sub(r"\1'\2\3", text)


def _spelled_out(found: re.Match[str]) -> str:
    """The same character within JSON, where an apostrophe would be another text."""
    return f"{found[1]}{found[2]}\\u{ord(found[3]):04x}"
