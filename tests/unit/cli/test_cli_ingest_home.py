"""Our own home is no part of a deposit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from preservation.cli.main import call

ROOT = Path(__file__).resolve().parents[3]


def test_a_deposit_that_holds_the_home_is_no_deposit_that_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "data/home"), "--policies", str(ROOT / "policies")]
    (tmp_path / "data").mkdir()
    assert call([*home, "init"]) == 0
    (tmp_path / "way").symlink_to(tmp_path / "data")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    words = ["--community", "field-notes", "--json"]
    for name in ("data", "way", "data/home"):
        capsys.readouterr()
        assert call([*home, "ingest", str(tmp_path / name), *words]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "DEP-HOLDS-HOME"
    assert call([*home, "ingest", str(tmp_path / "loop"), *words]) == 3
    (tmp_path / "data-beside").mkdir()
    assert call([*home, "ingest", str(tmp_path / "data-beside"), *words]) == 0
