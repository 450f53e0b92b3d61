"""Airflow's database: a PostgreSQL of our own, made, started and stopped by its own programs.

No TCP: one socket in a folder that only its account (and root) can enter, and the kernel says
who connects (``peer``), so there is no password. Everything in it is Airflow's: runs, task
states, approvals waiting. The archive needs none of it.

Source: PostgreSQL 18, "pg_ctl", "initdb", "Peer Authentication", "Shutting Down the Server";
``docs/decisions/0050-embedded-postgresql.md``.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from preservation.errors import BusyError, NoSpaceError, NotNowError, SamarkandError
from preservation.files import durable, process
from preservation.supervise import binaries, database_place, processes
from preservation.supervise.places import Places

NAME = "airflow"  # of the database, and of the role that owns it
_PORT = 5432  # only a part of the socket's name
_START_SECONDS = 60
_STOP_SECONDS = 20
_NO_SPACE = ("No space left on device", "could not extend file", "Disk quota exceeded")
_SETTINGS = """\
# Written by Samarkand at every start: changes here are lost.
listen_addresses = ''
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 48MB
max_wal_size = 256MB
wal_level = minimal
max_wal_senders = 0
# A crash may cost the last moments of Airflow's bookkeeping, never its consistency; its tasks
# are made to be run again.
synchronous_commit = off
jit = off
log_timezone = 'UTC'
timezone = 'UTC'
"""


class Database:
    """The PostgreSQL of one home. Only the holder of the home's lock may change anything."""

    def __init__(self, places: Places) -> None:
        """Find out where it is and which programs run it; nothing is started.

        Raises:
            UsageError: PostgreSQL is not installed, has no account, or not the data's version.
            NotNowError: there is no place for it.
        """
        self._places = places
        self._place = database_place.find(places)
        installed = binaries.for_data(self._place.data)
        with durable.plain_errors(self._place.base):
            self._programs = binaries.reachable(installed, self._place.account, self._place.base)

    @property
    def data(self) -> Path:
        return self._place.data

    def url(self, driver: str) -> str:
        """Where it is, as SQLAlchemy spells it: ``psycopg2`` or ``asyncpg``."""
        return f"postgresql+{driver}://{NAME}@/{NAME}?host={self._place.sockets}&port={_PORT}"

    def running(self) -> str:
        """The identity of our server if it runs, else empty."""
        return postmaster(self.data)

    def start(self) -> str:
        """Make the database if there is none, start it, wait until it answers.

        Returns:
            the server's identity.

        Raises:
            BusyError: another server, or the rest of one, still has the data.
            NoSpaceError: the disk is full.
            NotNowError: it did not start; the message has its own last words.
        """
        found = self.running()
        if found:
            return found
        if not self.data.exists():
            self._create()
        self._configure()
        self._forget_the_dead()
        since = self._log_size()
        arguments = ["start", "-w", "-t", str(_START_SECONDS), "-D", str(self.data)]
        code = self._run("pg_ctl", arguments)
        found = self.running()
        if code != 0 or not found:
            raise self._failure(since, "PostgreSQL did not start")
        return found

    def stop(self) -> None:
        """Stop it, fast: sessions are ended, the data are left tidy. Waits until all is gone."""
        stop(self.data)

    def discard(self) -> None:
        """Remove a database that holds nothing yet: it was being made when its maker was killed."""
        if self.data.exists():
            with durable.plain_errors(self.data):
                shutil.rmtree(self.data)

    def _create(self) -> None:
        # A name of its own: the `initdb` of a supervisor that was killed may still be at work.
        for given_up in self.data.parent.glob("postgres.making.*"):
            shutil.rmtree(given_up, ignore_errors=True)
        making = self.data.with_name(f"postgres.making.{os.getpid()}")
        since = self._log_size()
        with durable.plain_errors(making):
            making.mkdir(mode=0o700)
        self._place.account.give(making)
        options = ["--encoding=UTF8", "--locale=C", "--auth=peer", "--no-instructions"]
        if self._run("initdb", ["-D", str(making), "-U", NAME, *options]) != 0:
            raise self._failure(since, "the database could not be made")
        single = ["--single", "-D", str(making), "-c", "exit_on_error=true", "template1"]
        if self._run("postgres", single, feed=f"CREATE DATABASE {NAME};\n".encode()) != 0:
            raise self._failure(since, "the database could not be made")
        durable.rename_exclusive(making, self.data)
        durable.fsync_dir(self.data.parent)

    def _forget_the_dead(self) -> None:
        """Remove the lock files of a server that was killed.

        PostgreSQL would refuse to start if any process of its account has that number by now.
        It still notices the shared memory of sessions that live, by the data folder itself.
        """
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{_PORT}", f".s.PGSQL.{_PORT}.lock"):
            (self._place.sockets / name).unlink(missing_ok=True)

    def _configure(self) -> None:
        sockets = str(self._place.sockets).replace("'", "''")
        people = dict.fromkeys((getpass.getuser(), self._place.account.name))
        texts = {
            "postgresql.conf": _SETTINGS.format(port=_PORT, sockets=sockets),
            "pg_hba.conf": f"local all {NAME} peer map=samarkand\n",
            "pg_ident.conf": "".join(f'samarkand "{who}" {NAME}\n' for who in people),
        }
        for name, text in texts.items():
            durable.replace(self.data / name, text.encode(), mode=0o600)
            self._place.account.give(self.data / name)

    def _run(self, program: str, arguments: list[str], feed: bytes = b"") -> int:
        with self._places.log("postgres").open("ab") as log:
            more: dict[str, Any] = {"input": feed} if feed else {"stdin": subprocess.DEVNULL}
            return subprocess.run(
                [self._programs.program(program), *arguments],
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                check=False,
                **more,
                **self._place.account.drop(),
            ).returncode

    def _log_size(self) -> int:
        log = self._places.log("postgres")
        return log.stat().st_size if log.exists() else 0

    def _failure(self, since: int, what: str) -> SamarkandError:
        log = self._places.log("postgres")
        said = log.read_bytes()[since:].decode("utf-8", "replace")
        if any(words in said for words in _NO_SPACE):
            return NoSpaceError(
                f"{what}: no space left for {str(self.data)!r}",
                hint="free space, then run `preserve up` again",
            )
        if "is in use" in said or "still in use" in said or "another postmaster" in said:
            return BusyError(
                f"{what}: another PostgreSQL still has {str(self.data)!r}",
                hint="stop it, or wait until its last process ended, then run `preserve up` again",
                code="SUP-POSTGRES-BUSY",
            )
        lines = [line for line in said.splitlines() if "FATAL" in line or "error" in line.lower()]
        last = lines[-1] if lines else "it gave no reason"
        return NotNowError(f"{what}: {last}", hint=f"read {log}", code="SUP-POSTGRES")


def postmaster(data: Path) -> str:
    """The identity of the server that has this data folder, if one runs; else empty.

    ``postmaster.pid`` alone proves nothing: after a crash its number may be anybody's. The
    process must be PostgreSQL's program, at home in this very folder.
    """
    try:
        number = int((data / "postmaster.pid").read_bytes().split(b"\n", 1)[0])
        who = process.identity(number)
    except (OSError, ValueError):
        return ""
    return who if _is_inside(number, data) else ""


def stop(data: Path) -> None:
    """Stop the server of a data folder and wait for its last process; nothing if none runs."""
    server = postmaster(data)
    # SIGINT is PostgreSQL's "fast", SIGQUIT its "immediate".
    steps = ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
    for what, seconds in steps:
        if not processes.send(server, what):
            break
        if processes.wait_until_gone([server], seconds):
            break
    _wait_for_sessions(data)


def _wait_for_sessions(data: Path) -> None:
    """Sessions of a server that was killed end by themselves, as soon as they look up."""
    if processes.wait_until_gone(lambda: _inside(data), 5.0):
        return
    for who in _inside(data):
        processes.send(who, signal.SIGKILL)
    processes.wait_until_gone(lambda: _inside(data), 5.0)


def _inside(data: Path) -> list[str]:
    found = []
    for each in processes.everyone():
        if _is_inside(each.pid, data):
            try:
                found.append(process.identity(each.pid))
            except ProcessLookupError:
                continue
    return found


def _is_inside(pid: int, data: Path) -> bool:
    try:
        program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        return os.path.basename(program) == "postgres" and os.path.samefile(
            f"/proc/{pid}/cwd", data
        )
    except OSError:
        return False


def _environment() -> dict[str, str]:
    """Little: nothing of ours is PostgreSQL's business, and PG* variables would change it."""
    keep = ("PATH", "TMPDIR", "TZ")
    return {name: os.environ[name] for name in keep if name in os.environ} | {"LC_ALL": "C"}
