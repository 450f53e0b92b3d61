"""Tables of a command's answer, to be read on a narrow terminal, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_WHOLE = {"AIP", "id", "code", "since", "when", "community", "tier", "state", "outcome"}
_LEAST = 16  # what words need before their lines become a ladder of syllables
_BEGINNING = 8  # of a UUID: commands take it in place of the whole
_ANY = 100_000

Cells = tuple[str, ...]


class Rows:
    """A table. Where it is too wide for a terminal, AIPs are told by the beginnings of their UUIDs;
    where columns that stand closer are not enough either, each row becomes a list of its cells.
    """

    def __init__(self, title: str, columns: Sequence[str]) -> None:
        """Begin one.

        Args:
            columns: their names; one that begins with ``>`` is aligned to the right.
        """
        self._title = title
        self._names = [column.removeprefix(">") for column in columns]
        self._numbers = [column.startswith(">") for column in columns]
        self._rows: list[Cells] = []

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._rows)

    def add_row(self, *cells: str) -> None:
        """Add a row; cells that are not given are empty."""
        self._rows.append(cells + ("",) * (len(self._names) - len(cells)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        tries = [(self._rows, True)]
        if console.is_terminal:  # a program that reads this gets whole UUIDs
            short = [*map(self._shortened, self._rows)]
            tries += [(short, True), (short, False)]
        for rows, airy in tries:
            if self._needed(rows, console, airy=airy) <= options.max_width:
                yield self._table(rows, airy=airy)
                return
        yield Text(self._title, "bold")
        yield from map(self._list, self._rows)

    def _needed(self, rows: Iterable[Cells], console: Console, *, airy: bool) -> int:
        """The columns of a terminal that show these rows so that they can be read."""
        wide = console.options.update_width(_ANY)
        widths = [console.measure(name).maximum for name in self._names]
        for row in rows:
            measured = (console.measure(cell, options=wide).maximum for cell in row)
            widths = [*map(max, widths, measured)]
        for at, width in enumerate(widths):
            widths[at] = width if self._whole(at) else min(width, _LEAST)
        return sum(widths) + (3 * len(widths) + 1 if airy else 2 * (len(widths) - 1))

    def _whole(self, at: int) -> bool:
        return self._numbers[at] or self._names[at] in _WHOLE

    def _shortened(self, row: Cells) -> Cells:
        named = zip(self._names, row, strict=True)
        return tuple(cell[:_BEGINNING] if name == "AIP" else cell for name, cell in named)

    def _table(self, rows: Iterable[Cells], *, airy: bool = True) -> Table:
        made = Table(title=self._title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        if not airy:
            made.box, made.padding, made.pad_edge = None, (0, 2, 0, 0), False
        for at, name in enumerate(self._names):
            made.add_column(
                name,
                justify="right" if self._numbers[at] else "left",
                overflow="fold",
                no_wrap=self._whole(at),
            )
        for row in rows:
            made.add_row(*row)
        return made

    def _list(self, row: Cells) -> Table:
        made = Table.grid(padding=(0, 2))
        made.add_column(style="dim", no_wrap=True)
        made.add_column(overflow="fold")
        made.add_row("", "")
        for name, cell in zip(self._names, row, strict=True):
            if cell:
                made.add_row(name, cell)
        return made
