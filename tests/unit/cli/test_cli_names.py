"""What strangers called their files is printed as it is, and never read as markup."""

from __future__ import annotations

from pathlib import Path

import pytest

from preservation.cli.main import call

ROOT = Path(__file__).resolve().parents[3]


def preserve(home: Path, *words: str) -> int:
    return call(["--home", str(home), "--policies", str(ROOT / "policies"), *words])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert preserve(tmp_path / "home", "init") == 0
    return tmp_path / "home"


def test_brackets_in_names_are_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deposit = home / "inbox/field-notes/[bold]May[2024] :tada:"
    deposit.mkdir()
    (deposit / "note.txt").write_text("May")
    assert preserve(home, "ingest", "--inbox") == 0
    assert preserve(home, "aip", "list") == 0
    assert capsys.readouterr().out.count("[bold]May[2024] :tada:") == 2


def test_a_name_that_closes_a_tag_stops_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "inbox/field-notes/hostile/x["
    folder.mkdir(parents=True)
    (folder / "z]").symlink_to("/etc")
    assert preserve(home, "ingest", "--inbox") == 3
    assert "x[/z]" in capsys.readouterr().out
