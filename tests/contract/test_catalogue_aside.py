"""A new catalogue takes the place of one that ended, and of none that goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from catalogues import a_key, kept

from preservation.catalogue import aside, database
from preservation.catalogue.failures import plain_failures
from preservation.catalogue.place import Place
from preservation.catalogue.sql import SqlCatalogue, open_catalogue
from preservation.errors import BusyError, CatalogueUnavailableError


def test_a_catalogue_that_goes_on_is_not_replaced(
    catalogue: SqlCatalogue, catalogue_url: str
) -> None:
    catalogue.record(kept(a_key(1), "vault"))
    last = aside.newest(catalogue_url)
    new = aside.begin(catalogue_url)
    catalogue.record(kept(a_key(2), "vault"))
    with pytest.raises(BusyError) as caught:
        aside.take_over(new, catalogue_url, last)
    assert caught.value.code == "CAT-GOES-ON"
    assert len(list(catalogue.versions())) == 2
    catalogue.record(kept(a_key(3), "vault"))
    last = aside.newest(catalogue_url)
    aside.take_over(aside.begin(catalogue_url), catalogue_url, last)
    anew = open_catalogue(catalogue_url)
    assert list(anew.versions()) == []
    anew.close()


def test_a_drain_is_no_end_of_events(catalogue: SqlCatalogue, catalogue_url: str) -> None:
    last = aside.newest(catalogue_url)
    events = kept(a_key(1), "vault")
    catalogue.record(events)
    catalogue.drained([one.id for one in events])
    assert last == 0
    assert aside.newest(catalogue_url) != last


def test_a_catalogue_that_is_locked_is_not_taken_for_lost(
    catalogue: SqlCatalogue, catalogue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever locks it may be about to record something."""
    monkeypatch.setattr(database, "LOCK_TIMEOUT_S", 1)
    catalogue.close()
    with locked(catalogue_url), pytest.raises(CatalogueUnavailableError) as caught:
        aside.newest(catalogue_url)
    assert caught.value.code == "CAT-LOCKED"
    assert aside.newest(catalogue_url) == 0


@contextmanager
def locked(url: str) -> Iterator[None]:
    place = Place.parse(url)
    if place.file is None:
        with database.Database(place).writing() as connection:
            connection.exec_driver_sql("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
            yield
        return
    with closing(sqlite3.connect(place.file, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        yield


def test_whoever_waits_while_a_file_is_exchanged_writes_into_none(tmp_path: Path) -> None:
    """SQLite's own doing, on which the exchange relies: the old file is not written any more."""
    place = Place.parse(f"sqlite:///{tmp_path}/old")
    for name, row in (("old", 1), ("new", 2)):
        with closing(sqlite3.connect(tmp_path / name, isolation_level=None)) as made:
            made.execute("CREATE TABLE t (x)")
            made.execute(f"INSERT INTO t VALUES ({row})")
    with closing(sqlite3.connect(tmp_path / "old", isolation_level=None)) as waiting:
        waiting.execute("SELECT * FROM t").fetchall()
        (tmp_path / "new").replace(tmp_path / "old")
        with pytest.raises(CatalogueUnavailableError) as caught, plain_failures(place):
            waiting.execute("PRAGMA journal_mode=WAL")
    assert caught.value.code == "CAT-EXCHANGED"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]
    with closing(sqlite3.connect(tmp_path / "old")) as found:
        assert found.execute("SELECT x FROM t").fetchall() == [(2,)]
