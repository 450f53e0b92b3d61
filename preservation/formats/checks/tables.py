"""Delimited text: one encoding, no NULs, quotes that close, rows of one width.

Flat memory: the file goes through in blocks; one row is held at a time, of 16 MiB at most.
Where a block has no quote in it, and that is most of most tables, its rows are counted and not
parsed.

Source: RFC 4180; the IANA registration of text/tab-separated-values, which has no quotes.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.formats.checks.text import blocks
from preservation.model.deferred import dataclass
from preservation.model.format_check import Unchecked

MOST_ROW = 16 << 20  # octets
_SAMPLE_LINES = 500
_NAMES = {b",": "comma", b";": "semicolon", b"\t": "tab", b"|": "pipe"}
_QUOTE = b'"'
_ESCAPED = b'\\"'
_OPEN = "unexpected end of data"  # how the csv module says that a quote was not closed

csv.field_size_limit(2 * MOST_ROW)


def check_table(subject: Subject, delimiters: bytes) -> None:
    """Check one table.

    Args:
        delimiters: those that it may have.

    Raises:
        Invalid, NotChecked: as every check.
    """
    lines = _lines(blocks(subject))
    first = next(lines, [])
    head = list(first[:_SAMPLE_LINES])
    comments = _comments(head)
    separator = head[0][4:5] if head[:1] and _names_separator(head[0]) else b""
    skipped = 1 if separator else comments
    shape = _shape(head[skipped:], separator or delimiters)
    subject.facts["delimiter"] = _NAMES.get(shape.delimiter, "none")
    if comments:
        subject.facts["comment_lines"] = comments
    rows = _Rows(subject, shape, skipped)
    rows.feed(first[skipped:])
    for some in lines:
        rows.feed(some)
    rows.finish()


@dataclass(frozen=True, slots=True)
class _Shape:
    """How rows are made: ``delimiter`` is empty where there is one column."""

    delimiter: bytes
    width: int
    spaced: bool  # a quote may follow a delimiter and a space
    quoted: bool


def _lines(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Whole lines without their ends, many at a time; any of the three kinds of line end."""
    rest, end = b"", b""
    for piece in pieces:
        if not end:
            end = b"\n" if b"\n" in piece else b"\r" if b"\r" in piece else b""
        data = rest + piece
        *whole, rest = data.split(end) if end else [data]
        if len(rest) > MOST_ROW:
            raise NotChecked(Unchecked.TOO_LARGE, "a row is longer than 16 MiB")
        if whole:
            yield [line.removesuffix(b"\r") for line in whole] if b"\r" in data else whole
    if rest:
        yield [rest.removesuffix(b"\r")]


def _comments(head: list[bytes]) -> int:
    """How many lines before the table begin with a number sign or are blank."""
    count = 0
    for line in head:
        if line.strip() and not line.startswith(b"#"):
            break
        count += 1
    return count if any(line.startswith(b"#") for line in head[:count]) else 0


def _names_separator(line: bytes) -> bool:
    """Excel's own first line: ``sep=;``."""
    return len(line) == 5 and line[:4].lower() == b"sep="


def _shape(head: list[bytes], delimiters: bytes) -> _Shape:
    """The shape that most rows of the sample share."""
    best, score = _Shape(b"", 1, spaced=False, quoted=True), (0.0, 0)
    for code in delimiters:
        delimiter = bytes([code])
        for spaced, quoted in ((False, True), (True, True), (False, False)):
            if not quoted and delimiter != b"\t":
                continue
            widths = Counter(_sampled(head, delimiter, spaced=spaced, quoted=quoted))
            width, rows = max(widths.items(), key=lambda item: item[::-1], default=(1, 0))
            reached = (rows / max(1, widths.total()), rows)
            if width > 1 and reached > score:
                best, score = _Shape(delimiter, width, spaced, quoted), reached
    return best


def _sampled(head: list[bytes], delimiter: bytes, *, spaced: bool, quoted: bool) -> Iterator[int]:
    if not quoted:
        yield from (line.count(delimiter) + 1 for line in head if line)
        return
    reader = csv.reader(
        (line.decode("latin-1") + "\n" for line in head),
        delimiter=delimiter.decode(),
        skipinitialspace=spaced,
    )
    with suppress(csv.Error):  # the rows before it are sample enough
        yield from (len(row) for row in reader if row)


class _Rows:
    """Counts rows and holds their widths against each other."""

    def __init__(self, subject: Subject, shape: _Shape, line: int) -> None:
        self._subject = subject
        self._shape = shape
        self._line = line  # lines of the file that were taken
        self._rows = 0
        self._held: list[bytes] = []  # lines of a row whose quote is open
        self._octets = 0  # of those
        self._began = 0  # the line on which it began
        subject.facts["columns"] = shape.width

    def feed(self, lines: list[bytes]) -> None:
        """Take whole lines, in order."""
        shape = self._shape
        quotes = shape.quoted and shape.delimiter and any(_QUOTE in line for line in lines)
        if not self._held and not quotes:
            self._feed_plain(lines)
            return
        if not self._held and self._feed_quoted(lines):
            return
        for line in lines:
            self._line += 1
            self._feed_line(line)
        self._subject.spend(0)

    def finish(self) -> None:
        """After the last line."""
        if self._held:
            message = f"the quote that opens on line {self._began} is never closed"
            raise Invalid("unterminated quote", message)
        self._subject.facts["rows"] = self._rows

    def _feed_plain(self, lines: list[bytes]) -> None:
        """Lines that are rows, without a quote among them."""
        delimiter, width = self._shape.delimiter, self._shape.width
        whole = len(lines)
        counts = {line.count(delimiter) for line in lines} if delimiter else {0}
        if counts == {width - 1}:
            self._rows += whole
        else:
            for line in lines:
                self._line += 1
                if line:
                    self._row(line.count(delimiter) + 1 if delimiter else 1, line)
            self._line -= whole
        self._line += whole
        self._subject.spend(0)

    def _feed_quoted(self, lines: list[bytes]) -> bool:
        """Lines that are whole rows, if they are, and if nothing about them is odd."""
        reader = csv.reader(
            [line.decode("latin-1") for line in lines],
            delimiter=self._shape.delimiter.decode(),
            skipinitialspace=self._shape.spaced,
            strict=True,
        )
        try:
            widths = Counter(map(len, reader))
        except csv.Error:
            return False
        widths.pop(0, None)  # blank lines
        if set(widths) != {self._shape.width}:
            return False
        self._rows += widths.total()
        self._line += len(lines)
        self._subject.spend(0)
        return True

    def _feed_line(self, line: bytes) -> None:
        if not self._held:
            if not line:
                return
            if _QUOTE not in line:
                self._row(line.count(self._shape.delimiter) + 1, line)
                return
            self._began = self._line
        self._held.append(line)
        self._octets += len(line) + 1
        if self._octets > MOST_ROW:
            raise NotChecked(
                Unchecked.TOO_LARGE,
                f"the quote that opens on line {self._began} is not closed within 16 MiB",
            )
        # Only a line with an odd number of quotes can close what an earlier one opened.
        if len(self._held) > 1 and not line.count(_QUOTE) % 2:
            return
        width = self._parsed(b"\n".join(self._held))
        if width:
            self._held, self._octets = [], 0
            self._row(width)
            self._began = 0

    def _parsed(self, row: bytes) -> int:
        """How many fields a row has; 0 if its quote is still open."""
        text = row.decode("latin-1")
        width = self._fields(text, None)
        if width != self._shape.width and _ESCAPED in row:
            width = self._fields(text, "\\") or width
        if width is None:
            message = f"line {self._began}: a quoted field goes on after its closing quote"
            raise Invalid("quoting", message)
        return width

    def _fields(self, text: str, escape: str | None) -> int | None:
        """Parse one row by the letter; None if it can't be, 0 if its quote is still open."""
        reader = csv.reader(
            [text],
            delimiter=self._shape.delimiter.decode(),
            skipinitialspace=self._shape.spaced,
            escapechar=escape,
            doublequote=escape is None,
            strict=True,
        )
        try:
            return len(next(reader))
        except csv.Error as error:
            return 0 if _OPEN in str(error) else None

    def _row(self, width: int, line: bytes = b"") -> None:
        expected, facts = self._shape.width, self._subject.facts
        if width != expected and line.startswith(b"#"):
            facts["comment_lines"] = int(facts.get("comment_lines", 0)) + 1
            return
        self._rows += 1
        if width == expected:
            return
        if self._rows == 1 and width == expected - 1:
            self._subject.facts["row_names"] = True  # as R writes tables: a header without theirs
            return
        self._subject.facts["rows_read"] = self._rows
        place = self._began or self._line
        message = f"line {place} has {width} fields, the others have {expected}"
        raise Invalid("ragged rows", message)
