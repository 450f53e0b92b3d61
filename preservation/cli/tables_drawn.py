"""Tables as Rich draws them: on a terminal of any width, or with other letters than ASCII's."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from preservation.cli.tables import Cells, Rows

_WHOLE = {"AIP", "id", "code", "since", "when", "community", "tier", "state", "outcome"}
_LEAST = 16  # what words need before their lines become a ladder of syllables
_BEGINNING = 8  # of a UUID: commands take it in place of the whole
_ANY = 100_000


def drawn(table: Rows, console: Console, options: ConsoleOptions) -> RenderResult:
    """A table as wide as there is room. Where it is too wide for a terminal, AIPs are told by the
    beginnings of their UUIDs; where columns that stand closer are not enough either, each row
    becomes a list of its cells.
    """
    tries = [(table.rows, True)]
    if console.is_terminal:  # a program that reads this gets whole UUIDs
        short = [_shortened(table, row) for row in table.rows]
        tries += [(short, True), (short, False)]
    for rows, airy in tries:
        if _needed(table, rows, console, airy=airy) <= options.max_width:
            yield _table(table, rows, airy=airy)
            return
    yield Text(table.title, "bold")
    for row in table.rows:
        yield _list(table, row)


def _needed(table: Rows, rows: Iterable[Cells], console: Console, *, airy: bool) -> int:
    """The columns of a terminal that show these rows so that they can be read."""
    wide = console.options.update_width(_ANY)
    widths = [console.measure(name).maximum for name in table.names]
    for row in rows:
        measured = (console.measure(cell, options=wide).maximum for cell in row)
        widths = [*map(max, widths, measured)]
    for at, width in enumerate(widths):
        widths[at] = width if _whole(table, at) else min(width, _LEAST)
    return sum(widths) + (3 * len(widths) + 1 if airy else 2 * (len(widths) - 1))


def _whole(table: Rows, at: int) -> bool:
    return table.numbers[at] or table.names[at] in _WHOLE


def _shortened(table: Rows, row: Cells) -> Cells:
    named = zip(table.names, row, strict=True)
    return tuple(cell[:_BEGINNING] if name == "AIP" else cell for name, cell in named)


def _table(table: Rows, rows: Iterable[Cells], *, airy: bool) -> Table:
    made = Table(title=table.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    if not airy:
        made.box, made.padding, made.pad_edge = None, (0, 2, 0, 0), False
    for at, name in enumerate(table.names):
        made.add_column(
            name,
            justify="right" if table.numbers[at] else "left",
            overflow="fold",
            no_wrap=_whole(table, at),
        )
    for row in rows:
        made.add_row(*row)
    return made


def _list(table: Rows, row: Cells) -> Table:
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row("", "")
    for name, cell in zip(table.names, row, strict=True):
        if cell:
            made.add_row(name, cell)
    return made
