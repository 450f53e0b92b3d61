"""The supervising process: starts the database and Airflow's four parts, and keeps them up.

One loop, one thread. It holds the home's lock as long as it lives, says in ``state.json`` what it
does, starts again what died (after longer and longer pauses), and at SIGTERM stops everything:
first what gives out work, the database last. Whoever is orphaned on the way is adopted by it, so
nothing of ours outlives it unless it is killed itself; then the next ``up`` or ``down`` ends the
rest (:func:`end_strays`).
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from preservation.errors import NotNowError, SamarkandError, UsageError
from preservation.files import durable, process
from preservation.supervise import (
    components,
    database_place,
    ports,
    postgres,
    processes,
    rest,
    vitals,
)
from preservation.supervise.components import Backoff, Component
from preservation.supervise.environment import environment, for_component, users
from preservation.supervise.history import VARIABLE, History
from preservation.supervise.lock import take_lock
from preservation.supervise.places import Places, is_up_to_date
from preservation.supervise.postgres import Database
from preservation.supervise.settings import Settings
from preservation.supervise.state import Phase, State

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.5
_START_SECONDS = 180.0
_MOST_STARTS = 3  # while starting: what dies so often will not come up by itself
_HEALTH_SECONDS = 15.0
_SICK_SECONDS = 180.0
_PR_SET_CHILD_SUBREAPER = 36


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for the end
    """SIGTERM or SIGINT came."""


class Supervisor:
    """What runs in the supervising process, from the lock to the last process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings.home)
        self._state = State(phase=Phase.STARTING, supervisor=process.identity())
        self._components: dict[str, Component] = {}
        self._database_backoff = Backoff()
        self._sick_since: dict[str, float] = {}
        self._asked_health = 0.0
        self._stop = False
        self._wake: int = -1
        self._history = History(self._places, os.environ.get(VARIABLE, ""))

    def run(self) -> int:
        """Supervise until told to stop; the exit code.

        Raises:
            BusyError: another supervisor has this home's lock.
        """
        self._places.make()
        lock = take_lock(self._places)
        try:
            self._listen()
            self._start()
            self._watch()
        except Stopped:
            log.info("told to stop")
            self._finish(Phase.STOPPED)
        except SamarkandError as error:
            self._state.error = error.to_json() | {"exit_code": error.exit_code}
            log.error("%s", error.message)
            self._finish(Phase.FAILED)
            return error.exit_code
        finally:
            if self._state.phase not in (Phase.STOPPED, Phase.FAILED):
                self._finish(Phase.FAILED)  # a defect: it is told by its traceback, in the log
            os.close(lock)
        return 0

    # Starting

    def _start(self) -> None:
        former = State.load(self._places.state)
        self._state.components = former.components  # until they are seen to be gone
        self._say("looking for what an earlier run left behind")
        end_strays(self._places, former)
        self._state.components = {}
        self._port = ports.choose(self._settings, former.port)
        self._state.port = self._port.port
        self._state.url = f"http://{self._settings.host}:{self._state.port}"
        users(self._places)
        self._say("starting PostgreSQL")
        self._database = Database(self._places)
        if not self._migrated.exists():
            self._database.discard()
        self._state.postgres = self._database.start()
        url = self._database.url("{driver}")
        variables = environment(self._settings, self._places, url, self._state.port)
        self._variables = variables
        self._migrate(variables)
        for name in components.COMMANDS:
            own = for_component(name, self._places, variables)
            self._components[name] = Component(name, self._places.log(name), own)
        self._say("starting Airflow")
        self._wait_until_healthy()
        self._state.phase = Phase.RUNNING
        self._say("")

    def _migrate(self, variables: dict[str, str]) -> None:
        """Bring the database to this Airflow's schema, once for each version of it."""
        version = importlib.metadata.version("apache-airflow-core")
        if is_up_to_date(self._migrated, version):
            return
        self._say("preparing Airflow's database")
        program = str(components.airflow_program())
        with self._places.log("migrate").open("ab") as output:
            migration = subprocess.Popen(
                [sys.executable, program, "db", "migrate"],
                env=variables,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            while migration.poll() is None:
                try:
                    self._pause(_TICK_SECONDS)
                except Stopped:
                    migration.kill()
                    migration.wait()
                    raise
        if migration.returncode != 0:
            raise NotNowError(
                "Airflow's database could not be prepared",
                hint=f"read {self._places.log('migrate')}",
                code="SUP-MIGRATE",
            )
        durable.replace(self._migrated, version.encode())

    @property
    def _migrated(self) -> Path:
        """Names the Airflow whose schema the database has. Until it is there, nothing is in it."""
        return self._database.data / "samarkand-migrated"

    def _wait_until_healthy(self) -> None:
        end = time.monotonic() + _START_SECONDS
        warmed = False
        while True:
            self._keep_up()
            missing = self._unwell()
            if not warmed and "api-server" not in missing:
                warmed = True
                rest.warm_up(self._state.url)
            if not missing:
                self._make_sure_that_it_is_ours()
                return
            for each in self._components.values():
                if each.starts > _MOST_STARTS:
                    raise self._not_healthy(f"Airflow's {each.name} ends as soon as it starts")
            if time.monotonic() > end:
                raise self._not_healthy(f"not healthy in time: {', '.join(missing)}")
            self._say(f"waiting for {', '.join(missing)}")
            self._pause(_TICK_SECONDS)

    def _make_sure_that_it_is_ours(self) -> None:
        """Only our own api-server knows our logins; a stranger may have been faster at the port."""
        admin = users(self._places)[0]
        try:
            rest.AirflowApi(self._state.url, admin.name, admin.password).pools()
        except UsageError as error:
            raise NotNowError(
                f"another program took port {self._state.port} while Airflow was starting",
                hint="run `preserve up` again",
                code="SUP-PORT",
            ) from error

    def _not_healthy(self, what: str) -> NotNowError:
        return NotNowError(what, hint=f"read the logs in {self._places.logs}", code="SUP-UNHEALTHY")

    def _unwell(self) -> list[str]:
        return vitals.unwell(self._state.url, self._state.components)

    # Watching

    def _watch(self) -> None:
        while True:
            self._keep_up()
            self._look_for_the_sick()
            self._history.tick(self._variables)
            for name in (*components.COMMANDS, "postgres", "supervisor", "history"):
                components.rotate(self._places.log(name))
            self._pause(_TICK_SECONDS)

    def _keep_up(self) -> None:
        """Start what is not running and may be started by now. The database comes first."""
        processes.reap()
        if not self._database_is_up():
            return
        for each in self._components.values():
            if each.who and not each.runs:
                log.warning("%s ended", each.name)
                components.end_session(each.who)
                each.who = ""
                each.backoff.failed()
            if not each.who and each.backoff.due:
                if each.starts:
                    log.warning("starting %s again", each.name)
                    self._state.restarts[each.name] = each.starts
                each.start()
                self._state.components[each.name] = each.who
                self._save()

    def _database_is_up(self) -> bool:
        if processes.runs(self._state.postgres):
            return True
        if self._state.postgres:
            log.warning("PostgreSQL ended")
            self._state.postgres = ""
            self._database_backoff.failed()
        if not self._database_backoff.due:
            return False
        log.warning("starting PostgreSQL again")
        try:
            self._state.postgres = self._database.start()
        except SamarkandError as error:
            log.error("%s", error.message)
            self._database_backoff.failed()
            return False
        self._state.restarts["postgres"] = self._state.restarts.get("postgres", 0) + 1
        self._database_backoff.started()
        self._save()
        return True

    def _look_for_the_sick(self) -> None:
        """End a part that runs but gave no sign of life for minutes; it is then started again."""
        now = time.monotonic()
        if now - self._asked_health < _HEALTH_SECONDS:
            return
        self._asked_health = now
        sick = set(self._unwell())
        if len(sick) == len(components.COMMANDS):
            sick = {"api-server"}  # nobody else can be judged while it says nothing
        self._sick_since = {name: self._sick_since.get(name, now) for name in sick}
        for name, since in self._sick_since.items():
            each = self._components[name]
            if now - max(since, each.backoff.since) > _SICK_SECONDS:
                log.error("%s gives no sign of life: ending it", name)
                processes.send(each.who, signal.SIGKILL)

    # Stopping

    def _finish(self, phase: Phase) -> None:
        self._stop = False
        self._state.phase = Phase.STOPPING
        self._say("stopping Airflow")
        for seconds, names in components.STOP_ORDER:
            there = [self._components[name] for name in names if name in self._components]
            components.stop(there, seconds)
        self._say("stopping PostgreSQL")
        end_strays(self._places, self._state)
        for who in processes.children():
            processes.send(who, signal.SIGKILL)
        processes.wait_until_gone(processes.children, 5.0)
        processes.reap()
        self._state.phase = phase
        self._state.components = {}
        self._state.postgres = ""
        self._say("")

    # The process itself

    def _listen(self) -> None:
        """Be told of ended children and of the wish to stop; adopt orphans."""
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._wake, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        for what in (signal.SIGTERM, signal.SIGINT):
            signal.signal(what, self._on_stop)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _pause(self, seconds: float) -> None:
        """Sleep, but not through a signal."""
        if select.select([self._wake], [], [], seconds)[0]:
            os.read(self._wake, 4096)
        if self._stop:
            raise Stopped

    def _say(self, step: str) -> None:
        if step != self._state.step or not step:
            self._state.step = step
            if step:
                log.info("%s", step)
            self._save()

    def _save(self) -> None:
        try:
            self._state.save(self._places.state)
        except SamarkandError as error:  # a full disk must not end what runs
            log.error("%s", error.message)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """SIGCHLD only has to wake the loop."""


def end_strays(places: Places, last: State) -> None:
    """End everything of this home that runs without a supervisor. Only under the lock.

    Found by what the ``last`` state says, looked at again (number, start time, boot), by the
    sessions that those processes led, and by our mark in a process's environment.
    """
    for leader in last.components.values():
        components.end_session(leader)
    mine = process.identity()

    def marked() -> list[str]:
        return [who for who in processes.marked(places.token()) if who != mine]

    for who in marked():
        processes.send(who, signal.SIGKILL)
    processes.wait_until_gone(marked, 5.0)
    data = database_place.known(places)
    if data is not None:
        postgres.stop(data)
    database_place.remove_sockets(places)
