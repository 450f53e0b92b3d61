"""Answers can be read on a terminal of any width: nothing is left out, and no word is a ladder."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from preservation.cli.tables import Rows
from preservation.cli.watching import watch

AIP = "4b034f12-7221-4b7c-8c7e-acc012f7b579"
HELD = ("community", "AIP", ">version", "deposit", ">files", ">size", "since")
ROW = ("field-notes", AIP, "12", "soil-loggers", "4", "21.2 KiB", "2026-11-22")


def printed(width: int, *, terminal: bool = True) -> list[str]:
    shown = Rows("Held", HELD)
    shown.add_row(*ROW)
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    console.print(shown, soft_wrap=True)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("width", "aip", "lines"), [(120, AIP, 1), (90, AIP[:8], 1), (80, AIP[:8], 1), (50, AIP, 7)]
)
def test_a_terminal_of_any_width_shows_every_cell_whole(width: int, aip: str, lines: int) -> None:
    rows = printed(width)
    assert max(map(len, rows)) <= width
    cells = [cell if cell != AIP else aip for cell in ROW]
    assert all(any(cell in row for row in rows) for cell in cells), rows
    assert sum(any(cell in row for cell in cells) for row in rows) == lines


def test_a_pipe_gets_whole_uuids_whatever_the_width() -> None:
    for width in (160, 90, 50):
        assert any(AIP in row for row in printed(width, terminal=False))


def test_progress_shows_no_more_done_than_there_is() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with watch(console) as progress:
        progress.begin("audit vault", 100)
        progress.advance(60)
        progress.advance(90)
        (task,) = progress._bars.tasks
        assert (task.completed, task.total) == (150, 150)
