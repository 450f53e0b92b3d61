"""Tables of any length in little memory: counted as their rows pass, and kept as far as drawn.

A table that stays below :data:`MOST_ROWS` is kept whole, in its order. One that grows beyond it is
written to its data files as it passes, in the order in which the catalogue gives it, and of its
rows only the first by its order are kept, for the document, and for the page, which draws fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from preservation.reports.numbers import FIGURES, Figure, spelled

MOST_ROWS = 5000  # of one table in the document; the data files have all of them

Row = TypeVar("Row")
Order = Callable[[Row], Any]


class Writer(Protocol):
    """Where a long table's rows go."""

    def write(self, table: str, rows: Iterable[Any]) -> None:
        """Append rows to the table's data files."""
        ...


class First(Generic[Row]):
    """The first rows by an order, out of any number."""

    def __init__(self, order: Order[Row], most: int) -> None:
        self._order, self._most = order, most
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Take one more; now and then what comes too late is let go."""
        self._rows.append(row)
        if len(self._rows) >= 2 * self._most:
            self._rows = self.rows()

    def rows(self) -> list[Row]:
        """The first of all that were added, in order."""
        return sorted(self._rows, key=self._order)[: self._most]


class Count:
    """One headline number, counted row by row."""

    def __init__(self, figure: Figure) -> None:
        self.figure, self.value, self._last = figure, 0, object()

    def add(self, row: Any) -> None:
        """Count a row. Different values are told apart where equal ones follow each other."""
        name, wanted = self.figure.where
        if name and spelled(getattr(row, name)) != wanted:
            return
        column = getattr(row, self.figure.column) if self.figure.column else 1
        if not self.figure.distinct:
            self.value += int(column)
        elif column != self._last:
            self.value += 1
            self._last = column


class Sink(Generic[Row]):
    """One table on its way through.

    Args:
        most: rows that are kept, where fewer than :data:`MOST_ROWS` are, since each is large.
    """

    def __init__(
        self,
        table: str,
        order: Order[Row],
        writer: Writer | None = None,
        most: int | None = None,
    ) -> None:
        self.total = 0
        self._most = MOST_ROWS if most is None else min(most, MOST_ROWS)
        self.counts = [Count(figure) for figure in FIGURES if figure.table == table]
        self._table, self._writer = table, writer
        self._first = First(order, self._most)
        self._waiting: list[Row] = []

    def add(self, row: Row) -> None:
        """Take one row in."""
        self.total += 1
        for count in self.counts:
            count.add(row)
        self._first.add(row)
        self._waiting.append(row)
        if len(self._waiting) > self._most:
            self._let_go()

    def rows(self) -> tuple[Row, ...]:
        """The rows that are kept, in their order; call it once, at the end."""
        if self.total > self._most:
            self._let_go()
        return tuple(self._first.rows())

    def _let_go(self) -> None:
        if self._writer is not None and self._waiting:
            self._writer.write(self._table, self._waiting)
        self._waiting = []
