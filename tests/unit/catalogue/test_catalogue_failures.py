"""A catalogue that cannot be used says so in one sentence, with what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from catalogues import MINUTE, START, a_key, kept
from private_postgres import PrivatePostgres

from preservation.catalogue import database as database_module
from preservation.catalogue.place import Place
from preservation.catalogue.schema import migrate
from preservation.catalogue.sql import create_catalogue, open_catalogue
from preservation.errors import CatalogueUnavailableError, NoSpaceError, UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a folder" / "what? it's 100%.sqlite"
    path.parent.mkdir()
    create_catalogue(f"sqlite:///{path}").close()
    return path


def refusal(url: str) -> CatalogueUnavailableError:
    with pytest.raises(CatalogueUnavailableError) as caught:
        open_catalogue(url)
    assert "sqlalche.me" not in caught.value.message
    assert "[SQL" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_missing_file_is_told_and_never_made(tmp_path: Path) -> None:
    missing = tmp_path / "catalogue.sqlite"
    assert refusal(f"sqlite:///{missing}").code == "CAT-MISSING"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_vanishes_is_told_and_never_made(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/catalogue.sqlite"
    catalogue = create_catalogue(address)
    (tmp_path / "catalogue.sqlite").unlink()
    with pytest.raises(CatalogueUnavailableError) as caught:
        catalogue.record(kept(a_key(), "vault"))
    assert caught.value.code == "CAT-MISSING"
    assert not (tmp_path / "catalogue.sqlite").exists()


@pytest.mark.parametrize("rubbish", [b"not a database at all" * 300, b"SQLite format 3\0" * 300])
def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path, rubbish: bytes) -> None:
    file = tmp_path / "catalogue.sqlite"
    file.write_bytes(rubbish)
    error = refusal(f"sqlite:///{file}")
    assert error.code == "CAT-CORRUPT"
    assert "preserve catalogue rebuild" in error.hint
    assert file.read_bytes() == rubbish


def test_a_page_that_rots_is_corrupt(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.sqlite"
    catalogue = create_catalogue(f"sqlite:///{file}")
    catalogue.record([event for n in range(1, 40) for event in kept(a_key(n), "vault", "deep")])
    octets = bytearray(file.read_bytes())
    octets[8192:] = os.urandom(len(octets) - 8192)
    file.write_bytes(octets)
    with pytest.raises(CatalogueUnavailableError) as caught:
        list(catalogue.replicas())
    assert caught.value.code == "CAT-CORRUPT"


def test_a_database_of_others_or_of_another_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.sqlite"
    sqlite3.connect(file).close()
    assert refusal(f"sqlite:///{file}").code == "CAT-SCHEMA"
    create_catalogue(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert refusal(f"sqlite:///{file}").code == "CAT-SCHEMA"
    with pytest.raises(CatalogueUnavailableError):
        migrate(f"sqlite:///{file}")


def test_a_locked_catalogue_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT_S", 0.05)
    catalogue = create_catalogue(f"sqlite:///{tmp_path}/catalogue.sqlite")
    other = sqlite3.connect(tmp_path / "catalogue.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CatalogueUnavailableError) as caught:
        catalogue.record(kept(a_key(), "vault"))
    assert caught.value.code == "CAT-LOCKED"
    assert catalogue.outbox_size() == 0  # readers do not wait for a writer
    other.execute("ROLLBACK")
    other.close()
    catalogue.record(kept(a_key(), "vault"))


_RECORD = """
import os, sys
from preservation.catalogue.sql import open_catalogue
from preservation.errors import CatalogueUnavailableError
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    open_catalogue(sys.argv[1]).drained([])
except CatalogueUnavailableError as error:
    print(error.code)
"""


@pytest.mark.parametrize("folder_mode", [0o555, 0o777])
def test_a_file_that_cannot_be_written_is_read_only(tmp_path: Path, folder_mode: int) -> None:
    home = Path("/tmp") / f"read-only-{os.getpid()}"
    home.mkdir()
    try:
        create_catalogue(f"sqlite:///{home}/catalogue.sqlite").close()
        (home / "catalogue.sqlite").chmod(0o444)
        home.chmod(folder_mode)
        command = [sys.executable, "-c", _RECORD, f"sqlite:///{home}/catalogue.sqlite"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "CAT-READ-ONLY", done.stderr
    finally:
        home.chmod(0o777)
        shutil.rmtree(home)


def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    catalogue = create_catalogue(f"sqlite:///{tmp_path}/catalogue.sqlite")
    make = catalogue.database._sqlite

    def small() -> sqlite3.Connection:
        connection = make()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}").close()
        return connection

    catalogue.database._sqlite = small  # type: ignore[method-assign]
    catalogue.close()
    with pytest.raises(NoSpaceError):
        catalogue.record([event for n in range(1, 400) for event in kept(a_key(n), "vault")])
    assert catalogue.outbox_size() == 0
    assert list(catalogue.versions()) == []


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    address = f"postgresql://nobody:secret@/nothing?host={tmp_path}"
    error = refusal(address)
    assert error.code == "CAT-UNREACHABLE"
    assert "secret" not in error.message
    named = refusal(f"postgresql://nobody@/nothing?host={tmp_path}&password=secret")
    assert "secret" not in named.message
    assert str(tmp_path.name) in named.message


def test_what_is_kept_open_outlives_a_server_that_restarts(
    postgres_server: PrivatePostgres, postgres_url: str
) -> None:
    catalogue = open_catalogue(postgres_url)
    with catalogue.kept_open():
        catalogue.record(kept(a_key(), "vault"))
        postgres_server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'samarkand'"
        )
        catalogue.record(kept(a_key(2), "vault"))
    assert catalogue.outbox_size() == 6
    catalogue.close()


def test_a_database_without_our_schema_is_refused(postgres_server: PrivatePostgres) -> None:
    address = postgres_server.database()
    assert refusal(address).code == "CAT-SCHEMA"
    no_database = refusal(address.replace("/test_", "/no_such_"))
    assert no_database.code == "CAT-UNREACHABLE"
    assert "does not exist" in no_database.message


@pytest.mark.parametrize(
    "wrong",
    ["", "catalogue.sqlite", "sqlite://", "sqlite:///:memory:", "mysql://x/y", "postgresql://h/d?schema=a-b"],
)  # fmt: skip
def test_a_wrong_url_is_the_callers_to_mend(wrong: str) -> None:
    with pytest.raises(UsageError) as caught:
        Place.parse(wrong)
    assert caught.value.code == "CAT-URL"


def test_any_spelling_of_postgresql_is_understood() -> None:
    for spelling in ("postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"):
        place = Place.parse(f"{spelling}://a:b@host/samarkand?schema=archive&host=x")
        assert place.url is not None
        assert place.url.drivername == "postgresql+psycopg"
        assert (place.schema, place.aside().schema) == ("archive", "archive_rebuilding")
        assert "schema" not in place.url.query
        assert ":b@" not in str(place)


def test_a_name_with_odd_characters_is_a_name(file: Path) -> None:
    catalogue = open_catalogue(f"sqlite:///{file}")
    assert catalogue.lease("x", MINUTE, START) is not None
    assert stat.S_ISREG(file.stat().st_mode)
