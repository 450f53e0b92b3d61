"""A home is made once; what it has lost is not made anew in passing."""

from __future__ import annotations

import sqlite3

import pytest
from homes import Archive
from private_postgres import PrivatePostgres

from preservation.app.create import create_home
from preservation.app.upkeep import rebuild_catalogue
from preservation.errors import CatalogueUnavailableError


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
