"""Temporary folders are made where one may, and never in the folder that one is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from preservation.errors import NotNowError
from preservation.files import temporary


@pytest.fixture
def deposit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that one is in, while no usual place can be written to."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(temporary, "_USUAL", (str(tmp_path / "gone"),))
    inside = tmp_path / "deposit"
    inside.mkdir()
    monkeypatch.chdir(inside)
    return inside


def test_nothing_is_made_where_one_is_and_every_place_is_named(deposit: Path) -> None:
    with pytest.raises(NotNowError, match=f"{deposit.parent}/gone .No such file") as told:
        temporary.temporary_folder("samarkand-")
    assert told.value.code == "FS-NO-TEMPORARY"
    assert told.value.hint
    assert not list(deposit.iterdir())


def test_the_first_place_that_takes_one_has_it(
    deposit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "never"))
    with temporary.temporary_folder("samarkand-") as made:
        assert Path(made).parent == tmp_path / "gone"
        assert Path(made).stat().st_mode & 0o777 == 0o700
    assert not list((tmp_path / "gone").iterdir())
