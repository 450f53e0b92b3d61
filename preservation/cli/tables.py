"""Tables of a command's answer: drawn by Rich, or into a pipe as it would draw them, without it.

To import Rich and draw ten rows takes as long as to find them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

Cells = tuple[str, ...]


class Rows:
    """A table.

    Attributes:
        title: what stands above it.
        names: of its columns.
        numbers: which of them are aligned to the right.
        rows: their cells.
    """

    def __init__(self, title: str, columns: Sequence[str]) -> None:
        """Begin one.

        Args:
            columns: their names; one that begins with ``>`` is aligned to the right.
        """
        self.title = title
        self.names = [column.removeprefix(">") for column in columns]
        self.numbers = [column.startswith(">") for column in columns]
        self.rows: list[Cells] = []

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def add_row(self, *cells: str) -> None:
        """Add a row; cells that are not given are empty."""
        self.rows.append(cells + ("",) * (len(self.names) - len(cells)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawing = importlib.import_module("preservation.cli.tables_drawn")
        return cast("RenderResult", drawing.drawn(self, console, options))

    def plain(self, width: int) -> str | None:
        """The octets that Rich would write into a pipe of a width; None where that takes Rich: a
        table that is wider, and text of which not every character takes one column.
        """
        table = [tuple(self.names), *self.rows]
        if not all(map(_is_plain, (self.title, *(cell for row in table for cell in row)))):
            return None
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        across = sum(widths) + 3 * len(widths) + 1
        if across > width or not 0 < len(self.title) <= across:
            return None
        head, *rows = (self._line(row, widths) for row in table)
        rule, blank = " " + "\u2500" * (across - 2) + " ", " " * across
        return "\n".join((self.title, blank, head, rule, *rows, blank, ""))

    def _line(self, row: Cells, widths: Iterable[int]) -> str:
        placed = zip(row, widths, self.numbers, strict=True)
        cells = (cell.rjust(to) if number else cell.ljust(to) for cell, to, number in placed)
        return "  " + "   ".join(cells) + "  "


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and text == text.strip()
