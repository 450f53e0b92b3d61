"""An audit by hand of a tier that is mounted empty: what was not checked is told, and what next."""

from __future__ import annotations

from pathlib import Path

import pytest

from preservation.cli.main import call

ROOT = Path(__file__).resolve().parents[3]


def test_what_could_not_be_checked_is_told_apart_with_the_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home"), "--policies", str(ROOT / "policies")]
    assert call([*home, "init"]) == 0
    (tmp_path / "deposit").mkdir()
    (tmp_path / "deposit/note.txt").write_text("note")
    deposit = str(tmp_path / "deposit")
    assert call([*home, "ingest", "--replicate", deposit, "--community", "field-notes"]) == 0
    (tmp_path / "home/tiers/mirror").rename(tmp_path / "away")
    (tmp_path / "home/tiers/mirror").mkdir()
    capsys.readouterr()

    assert call([*home, "audit", "--all"]) == 5
    told = capsys.readouterr().out
    assert "1 checked (1 intact), 1 not checked, 0 overdue\n" in told
    assert "next: mend what is in the way (`preserve tier list` looks at the tiers)" in told
