"""CSV: one of four delimiters, which the rows agree on."""

from __future__ import annotations

from preservation.formats.checks.subject import Subject
from preservation.formats.checks.tables import check_table

LIBRARY = ""


def check(subject: Subject) -> None:
    """Encoding, NULs, quotes, and rows of one width."""
    check_table(subject, b",;\t|")
