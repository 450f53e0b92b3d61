"""The headline numbers: each one says which rows it is counted from, and is counted there.

The page repeats that in its markup (``data-table``, ``data-where``, ``data-sum``), so that a
reader, and our tests, can count again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from preservation.model.deferred import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its rule.

    Attributes:
        table: whose rows are counted.
        where: column and spelling that a row must have; both empty for every row.
        column: summed up, or counted once per different value if ``distinct``; empty to
            count rows.
    """

    key: str
    label: str
    table: str
    where: tuple[str, str] = ("", "")
    column: str = ""
    distinct: bool = False

    def value(self, rows: Sequence[Any]) -> int:
        """Count the rows, or sum the column, where the condition holds."""
        name, wanted = self.where
        chosen = [row for row in rows if not name or spelled(getattr(row, name)) == wanted]
        if self.distinct:
            return len({getattr(row, self.column) for row in chosen})
        return sum(int(getattr(row, self.column)) for row in chosen) if self.column else len(chosen)


def spelled(value: Any) -> str:
    """A cell's value as ``where`` compares it, the same in the page."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


FIGURES = (
    Figure("aips", "AIPs", "versions", column="aip", distinct=True),
    Figure("versions", "AIP versions", "versions"),
    Figure("files", "files", "versions", column="files"),
    Figure("bytes", "of payload", "versions", column="bytes"),
    Figure("replicas", "replicas", "replicas"),
    Figure("verified", "replicas verified", "replicas", ("state", "verified")),
    Figure("short", "AIP versions short of the policy", "versions", ("standing", "short")),
    Figure("checks", "checks in this run", "checks"),
    Figure("intact", "found intact", "checks", ("outcome", "intact")),
    Figure("altered", "found altered", "checks", ("outcome", "altered")),
    Figure("missing", "found missing", "checks", ("outcome", "missing")),
    Figure("unreadable", "unreadable", "checks", ("outcome", "unreadable")),
    Figure("unchecked", "tried, not checked", "checks", ("outcome", "unchecked")),
    Figure("bytes_read", "read", "checks", column="bytes_read"),
    Figure("not_checked", "replicas not checked in this run", "replicas", ("checked_in_run", "no")),
    Figure("overdue", "checks overdue", "replicas", ("overdue", "yes")),
    Figure("findings", "findings", "findings"),
    Figure("findings_open", "findings open", "findings", ("state", "open")),
    Figure("findings_resolved", "findings resolved", "findings", ("state", "resolved")),
    Figure("findings_accepted", "findings accepted", "findings", ("state", "accepted")),
    Figure("accepted", "deposits accepted", "deposits", ("outcome", "accepted")),
    Figure("rejected", "deposits rejected", "deposits", ("outcome", "rejected")),
    Figure("held_already", "deposits held already", "deposits", ("outcome", "held already")),
    Figure("waiting", "deposits waiting", "deposits", ("outcome", "waiting")),
    Figure("unscanned", "files not scanned for viruses", "deposits", column="unscanned"),
    Figure("formats", "formats", "formats"),
    Figure("format_files", "files", "formats", column="files"),
    Figure("doubtful", "files doubtful", "formats", column="doubtful"),
    Figure("invalid", "files invalid", "formats", column="invalid"),
    Figure("format_changed", "files changed since ingest", "formats", column="changed"),
    Figure("unidentified", "files unknown", "formats", ("standing", "unidentified"), "files"),
    Figure("high_risk", "files at high risk", "formats", ("risk", "high"), "files"),
    Figure("moderate_risk", "files at moderate risk", "formats", ("risk", "moderate"), "files"),
    Figure("unrated", "files of unknown risk", "formats", ("risk", "unknown"), "files"),
    Figure("promises_broken", "promises broken", "promises", ("verdict", "broken")),
)


def count_tables_but(
    counted: Mapping[str, int], rows: Mapping[str, Sequence[Any]]
) -> Mapping[str, int]:
    """Every figure's value, by its key; ``counted`` are those counted as their rows passed."""
    rest = [figure for figure in FIGURES if figure.key not in counted]
    values = {**counted, **count_tables(rest, rows)}
    return {figure.key: values[figure.key] for figure in FIGURES}


def count_tables(figures: Iterable[Figure], rows: Mapping[str, Sequence[Any]]) -> Mapping[str, int]:
    """The figures' values, by their keys."""
    return {figure.key: figure.value(rows[figure.table]) for figure in figures}
