"""A home is made once; what it has lost is not made anew in passing."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from homes import Archive
from private_postgres import PrivatePostgres

from preservation.app.create import create_home
from preservation.app.upkeep import rebuild_catalogue
from preservation.cli.main import call
from preservation.errors import BusyError, CatalogueUnavailableError


def refused(archive: Archive) -> None:
    with pytest.raises(CatalogueUnavailableError) as told:
        create_home(archive.home, archive.policies, "ann", archive.clock)
    assert told.value.code == "CAT-MISSING"
    assert "catalogue rebuild" in told.value.hint


def test_a_file_that_was_emptied_is_no_new_archive(archive: Archive) -> None:
    file = archive.home / "catalogue.sqlite"
    file.unlink()
    refused(archive)
    sqlite3.connect(file).close()
    refused(archive)

    rebuild_catalogue(archive.home)
    create_home(archive.home, archive.policies, "ann", archive.clock)


def test_a_database_that_was_emptied_is_no_new_archive(
    archive: Archive, postgres_server: PrivatePostgres
) -> None:
    url = postgres_server.database()
    settings = archive.home / "samarkand.toml"
    settings.write_text(settings.read_text().replace("sqlite:///catalogue.sqlite", url))
    assert url in settings.read_text()
    refused(archive)

    rebuild_catalogue(archive.home)
    create_home(archive.home, archive.policies, "ann", archive.clock)


def test_of_several_that_make_a_home_at_once_none_meets_half_of_it(
    archive: Archive, tmp_path: Path
) -> None:
    def make(_: int) -> str:
        try:
            create_home(tmp_path / "made", archive.policies, "ann", archive.clock)
        except BusyError as error:
            return error.code
        return "made"

    with ThreadPoolExecutor(4) as hands:
        told = set(hands.map(make, range(4)))
    assert "made" in told
    assert told <= {"made", "HOME-MAKING"}


def test_no_home_is_made_where_a_file_is(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in ("file", "file/below"):
        words = ["--home", str(tmp_path / place), "--policies", str(archive.policies), "init"]
        assert call(words) == 2
        assert "HOME-PLACE" in capsys.readouterr().err
