"""TSV: tabs, with or without quotes."""

from __future__ import annotations

from preservation.formats.checks.subject import Subject
from preservation.formats.checks.tables import check_table

LIBRARY = ""


def check(subject: Subject) -> None:
    """Encoding, NULs, quotes where they are used, and rows of one width."""
    check_table(subject, b"\t")
