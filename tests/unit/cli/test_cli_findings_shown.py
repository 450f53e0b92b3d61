"""Findings as people read them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from preservation.cli.findings_shown import show_finding
from preservation.model.finding import Finding


@pytest.mark.parametrize(
    "path", ["data/" + "deep/" * 900 + "a.txt", "data/" + "x y " * 900 + ".txt"]
)
def test_a_path_of_thousands_of_characters_is_shown_by_its_ends(path: str) -> None:
    out = Console(file=io.StringIO(), width=10_000)
    words = f"It is not {path.replace(' ', '')} but something else."
    show_finding(out, Finding("DEP-NAME", path, words, "rename it"))

    shown = out.file.getvalue()  # type: ignore[attr-defined]
    assert len(shown) < 500
    assert path[:60] in shown
    assert path[-60:] in shown
    assert shown.splitlines()[0].endswith("but something else.")


def test_a_path_that_a_line_holds_is_shown_whole() -> None:
    out = Console(file=io.StringIO(), width=10_000)
    show_finding(out, Finding("DEP-NAME", "data/a b.txt", "It differs.", "rename it"))

    assert "[DEP-NAME] data/a b.txt: It differs." in out.file.getvalue()  # type: ignore[attr-defined]
