"""No command prints a password of its own home."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from preservation.cli.main import call

ROOT = Path(__file__).resolve().parents[3]


def test_init_names_the_catalogue_without_its_password(
    tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home"), "--policies", str(ROOT / "policies")]
    assert call([*home, "init"]) == 0
    shutil.rmtree(tmp_path / "home/policies")
    settings = tmp_path / "home/samarkand.toml"
    told = settings.read_text().replace(
        'catalogue = "sqlite:///catalogue.sqlite"', f'catalogue = "{postgres_url}&password=hidden"'
    )
    assert "hidden" in told
    settings.write_text(told)
    capsys.readouterr()
    assert call([*home, "init"]) == 0
    shown = capsys.readouterr()
    assert "postgresql+psycopg://" in shown.out
    assert "hidden" not in shown.out + shown.err
