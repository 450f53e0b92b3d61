"""Answers can be read on a terminal of any width: nothing is left out, and no word is a ladder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from preservation.cli.shell import PIPED_WIDTH, Shell
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


WORDS = st.text(st.sampled_from("ab -[]\u00e9\u4e2d\t\n"), max_size=9) | st.text("xyz", max_size=60)


@given(st.data(), st.integers(1, 5), WORDS)
@settings(max_examples=80, deadline=None)
def test_a_pipe_gets_what_rich_would_draw(data: st.DataObject, across: int, title: str) -> None:
    columns = data.draw(st.lists(WORDS | WORDS.map(">{}".format), min_size=across, max_size=across))
    shown = Rows(title, columns)
    for row in data.draw(st.lists(st.lists(WORDS, max_size=across), max_size=4)):
        shown.add_row(*row)
    plain = shown.plain(PIPED_WIDTH)
    console = Console(
        file=io.StringIO(), width=PIPED_WIDTH, soft_wrap=True, markup=False, emoji=False
    )
    console.print(shown)
    assert plain in {None, console.file.getvalue()}  # type: ignore[attr-defined]


def test_an_ordinary_table_takes_no_rich() -> None:
    shown = Rows("Held", HELD)
    shown.add_row(*ROW)
    assert AIP in (shown.plain(PIPED_WIDTH) or "")


@pytest.mark.parametrize("asked", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_whoever_wants_colours_in_a_pipe_gets_them(
    asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(asked, "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = Rows("Held", HELD)
    shown.add_row(*ROW)
    with pytest.raises(SystemExit):
        Shell(Path("h"), Path("p")).answer(False, "x", {}, lambda out: out.print(shown))
    assert "\x1b[1m" in capsys.readouterr().out


def test_progress_shows_no_more_done_than_there_is() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with watch(console) as progress:
        progress.begin("audit vault", 100)
        progress.advance(60)
        progress.advance(90)
        (task,) = progress._bars.tasks
        assert (task.completed, task.total) == (150, 150)
