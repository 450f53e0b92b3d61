"""What of a folder neither names nor bytes of a bag's payload can say: two tables among its tags.

``metadata/tree.csv`` has entries as they came, empty folders above all; ``metadata/names.csv`` the
files whose path in the bag is not the one that they had.

Source: RFC 4180; ``docs/formats/bag.md``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from preservation.errors import MalformedError
from preservation.files.walk import Entry, Kind
from preservation.model.names import escaped, is_safe, unescaped

TREE = b"metadata/tree.csv"
TREE_COLUMNS = ("path", "type", "bytes", "modified", "mode", "link_target")
NAMES = b"metadata/names.csv"
NAMES_COLUMNS = ("path", "original")
_FOLDER = "folder"


def csv_line(values: Sequence[object]) -> bytes:
    """One line of RFC 4180 CSV with LF at its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(values)  # so that a CR in a value is quoted
    return out.getvalue()[:-2].encode("utf-8") + b"\n"


def tree_row(entry: Entry) -> bytes:
    """One entry of a folder as it came."""
    return csv_line(
        (
            escaped(entry.path),
            entry.kind.value,
            entry.octets if entry.kind is Kind.FILE else "",
            _moment(entry.mtime_ns),
            f"{entry.mode:04o}",
            escaped(entry.link_target),
        )
    )


def names_row(kept: bytes, original: bytes) -> bytes:
    """One file whose path in the bag is another than it was; both relative to the bag."""
    return csv_line((escaped(kept), escaped(original)))


def read_folders(lines: Iterable[str]) -> Iterator[bytes]:
    """The paths of all folders that a tree has, parents first.

    Raises:
        MalformedError: it is not such a table.
    """
    for row in _rows(lines, TREE_COLUMNS):
        if row[1] == _FOLDER:
            yield _path(row[0])


def read_names(lines: Iterable[str]) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of the path in the bag and the original one.

    Raises:
        MalformedError: it is not such a table.
    """
    for row in _rows(lines, NAMES_COLUMNS):
        yield _path(row[0]), _path(row[1])


def _rows(lines: Iterable[str], columns: tuple[str, ...]) -> Iterator[list[str]]:
    try:
        rows = csv.reader(lines, strict=True)
        if next(rows, None) != list(columns):
            raise MalformedError(f"not a table with the columns {', '.join(columns)}")
        for row in rows:
            if len(row) != len(columns):
                raise MalformedError(f"line {rows.line_num}: not {len(columns)} values")
            yield row
    except (csv.Error, UnicodeError) as error:
        raise MalformedError(f"not a table of CSV: {error}") from error


def _path(text: str) -> bytes:
    try:
        path = unescaped(text)
    except UnicodeEncodeError as error:
        raise MalformedError(f"not UTF-8: {text!r}") from error
    if not is_safe(path):
        raise MalformedError(f"not a path below a folder: {text!r}")
    return path


def _moment(nanoseconds: int) -> str:
    """ISO 8601 with nanoseconds; a time beyond the years that it can spell as ``@<seconds>``."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    except (ValueError, OverflowError, OSError):
        return f"@{seconds}.{rest:09d}"
