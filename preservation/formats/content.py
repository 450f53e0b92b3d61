"""Cheap tests of a claim that rests on the extension alone: whether the content bears it out.

CSV, JSON, YAML, Markdown and source code have nothing but an extension in PRONOM. These tests
promote such a claim or refute it; they never name a format themselves. Pure functions over the
first bytes of a file; none of them is a validator.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections import Counter
from collections.abc import Callable

from preservation.formats.evidence import Content
from preservation.formats.mime import canonical, is_text

HEAD_OCTETS = 64 * 1024  # what a test of text or of a table looks at
WHOLE_OCTETS = 8 * 1024 * 1024  # JSON up to this size is parsed; parsing takes ten times as much

Test = Callable[[bytes, bool], Content]  # the first bytes, and whether they are the whole file

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"
_FEW = 8  # lines of which nothing can be said
_DELIMITERS = ",;\t|"


def decode(head: bytes, whole: bool) -> str | None:
    """Read bytes as text, in Unicode or else in some 8-bit encoding; None if they are binary."""
    mark, encoding = next((bom for bom in _BOMS if head.startswith(bom[0])), (b"", "utf-8"))
    head = head[len(mark) :]
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, whole)
    except UnicodeDecodeError:
        return None if encoding != "utf-8" or _has_controls(head) else head.decode("latin-1")
    return None if any(chr(code) in text for code in _CONTROLS) else text


def is_plain_text(head: bytes, whole: bool) -> Content:
    """Text decodes, and holds no control characters that text has no use for."""
    return Content.REFUTED if decode(head, whole) is None else Content.CONFIRMED


def is_json(head: bytes, whole: bool) -> Content:
    """One JSON value, all of it parsed; of a giant only that it is text and begins like one."""
    text = decode(head, whole)
    if text is None:
        return Content.REFUTED
    if not whole:
        return Content.SILENT if text.lstrip()[:1] in {"{", "["} else Content.REFUTED
    return Content.CONFIRMED if _parses(text) else Content.REFUTED


def is_json_lines(head: bytes, whole: bool) -> Content:
    """Each line is a JSON value; the last one may be cut."""
    text = decode(head, whole)
    if text is None:
        return Content.REFUTED
    lines = [line for line in _lines(text, whole) if line.strip()]
    if not lines:
        return Content.SILENT
    return Content.CONFIRMED if all(map(_parses, lines)) else Content.REFUTED


def is_table(head: bytes, whole: bool) -> Content:
    """Rows agree on their number of fields, at least two, under one of four delimiters; a single
    column says nothing, and many rows that disagree are none.
    """
    text = decode(head, whole)
    if text is None:
        return Content.REFUTED
    lines = [line for line in _lines(text, whole) if line.strip() and not line.startswith("#")]
    if any(_rows_agree(lines, delimiter, whole) for delimiter in _DELIMITERS):
        return Content.CONFIRMED
    one_column = not any(delimiter in line for line in lines for delimiter in _DELIMITERS)
    return Content.SILENT if one_column or len(lines) < _FEW else Content.REFUTED


def test_of(puid: str, mime: str, group: str) -> tuple[Test, int] | None:
    """The test that a claim calls for, and how many octets it wants; None if there is none.

    Args:
        puid: of the claimed format.
        mime: its MIME types as PRONOM lists them, with commas.
        group: its PRONOM classification.
    """
    kinds = [canonical(one) for one in mime.split(",")]
    if puid in _BY_PUID:
        return _BY_PUID[puid]
    if any(kind == "application/json" or kind.endswith("+json") for kind in kinds):
        return is_json, WHOLE_OCTETS
    if group.startswith("Text") or any(kind and is_text(kind) for kind in kinds):
        return is_plain_text, HEAD_OCTETS
    return None


_BY_PUID: dict[str, tuple[Test, int]] = {
    "x-fmt/18": (is_table, HEAD_OCTETS),  # CSV
    "x-fmt/13": (is_table, HEAD_OCTETS),  # TSV
    "fmt/817": (is_json, WHOLE_OCTETS),
    "fmt/1119": (is_json, WHOLE_OCTETS),  # Jupyter notebook
    "fmt/2054": (is_json_lines, HEAD_OCTETS),
    # Text formats to which PRONOM gives neither a MIME type nor a class.
    "fmt/818": (is_plain_text, HEAD_OCTETS),  # YAML
    "fmt/1735": (is_plain_text, HEAD_OCTETS),  # C header
    "x-fmt/62": (is_plain_text, HEAD_OCTETS),  # log
    "x-fmt/422": (is_plain_text, HEAD_OCTETS),  # Java
}


def _has_controls(head: bytes) -> bool:
    return len(head.translate(None, _CONTROLS)) != len(head)


def _lines(text: str, whole: bool) -> list[str]:
    lines = text.split("\n")
    return lines if whole else lines[:-1]


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _rows_agree(lines: list[str], delimiter: str, whole: bool) -> bool:
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter, strict=whole))
    except csv.Error:
        return False
    if not widths:
        return False
    width, rows = widths.most_common(1)[0]
    return width > 1 and rows >= 0.9 * sum(widths.values())
