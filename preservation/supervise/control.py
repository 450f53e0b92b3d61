"""``up``, ``down``, ``status``: what people and other programs ask of the supervisor."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from preservation.errors import (
    BusyError,
    HomeNotFoundError,
    NoSpaceError,
    NotNowError,
    SamarkandError,
    UsageError,
)
from preservation.model.deferred import dataclass
from preservation.model.progress import Progress
from preservation.supervise import processes, vitals
from preservation.supervise.components import airflow_program, rotate, spawn
from preservation.supervise.environment import User, users
from preservation.supervise.lock import holder, take_lock
from preservation.supervise.places import Places
from preservation.supervise.rest import AirflowApi, ensure_pools
from preservation.supervise.settings import Settings
from preservation.supervise.state import Phase, State
from preservation.supervise.supervisor import end_strays

_LOOK_AGAIN_SECONDS = 0.1
_UP_SECONDS = 300.0
_DOWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """An Airflow that can be used. ``already`` is True if it was up before it was asked for."""

    url: str
    users: tuple[User, ...]
    already: bool = False

    def api(self, user: str = "admin") -> AirflowApi:
        """Its REST interface, as one of the users."""
        found = next(each for each in self.users if each.name == user)
        return AirflowApi(self.url, found.name, found.password)


@dataclass(frozen=True, slots=True)
class Status:
    """How it stands: ``parts`` says of each process whether it runs, and how it is."""

    phase: Phase
    url: str
    parts: Mapping[str, str]
    restarts: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """As one document."""
        return {
            "phase": self.phase.value,
            "url": self.url,
            "parts": dict(self.parts),
            "restarts": dict(self.restarts),
        }


def up(settings: Settings, progress: Progress) -> Running:
    """Start Airflow and its database, wait until all of it is healthy, make its pools.

    Raises:
        BusyError: another ``up`` is at it.
        HomeNotFoundError: there is no home to start it in.
        NotNowError, UsageError: it could not be started; nothing of it is left running.
    """
    settings = settings.absolute()
    places = Places(settings.home)
    if not settings.home.is_dir():
        raise HomeNotFoundError(f"there is no home at {str(settings.home)!r}")
    airflow_program()
    places.make()
    already = _already(places)
    if not already:
        _launch(settings, places, progress)
    state = State.load(places.state)
    running = Running(state.url, users(places), already=already)
    ensure_pools(running.api(), settings.pools)
    return running


def down(home: Path, progress: Progress) -> bool:
    """Stop all of it and wait until nothing is left, also when the supervisor is gone.

    Returns:
        False if nothing ran.

    Raises:
        BusyError: it does not end.
    """
    places = Places(home.absolute())
    if not places.run.is_dir():
        return False
    there = _somebody(places)
    if there:
        progress.say("stopping Airflow and its database")
        _end_supervisor(places)
    try:
        lock = take_lock(places)
    except BusyError as error:
        raise BusyError(
            "the supervisor of this home does not end",
            hint=f"look into {places.log('supervisor')}, then try again",
            code="SUP-BUSY",
        ) from error
    try:
        end_strays(places, State.load(places.state))
        State(port=State.load(places.state).port).save(places.state)
    finally:
        os.close(lock)
    return there


def status(home: Path) -> Status:
    """Look at what runs; nothing is believed that was only written down."""
    places = Places(home.absolute())
    state = State.load(places.state)
    leaders = {"supervisor": state.supervisor, "postgres": state.postgres, **state.components}
    parts = {name: "running" if processes.runs(who) else "ended" for name, who in leaders.items()}
    if parts["supervisor"] == "ended":
        orphaned = any(word == "running" for word in parts.values())
        phase = Phase.FAILED if orphaned or state.phase is Phase.FAILED else Phase.STOPPED
        return Status(phase, "", parts, state.restarts)
    unwell = vitals.unwell(state.url, state.components)
    for name in state.components:
        if parts[name] == "running":
            parts[name] = "unhealthy" if name in unwell else "healthy"
    return Status(state.phase, state.url, parts, state.restarts)


def healthy(home: Path) -> bool:
    """True if it runs and every part of it says that it is well."""
    found = status(home)
    return found.phase is Phase.RUNNING and not {"ended", "unhealthy"} & set(found.parts.values())


def _already(places: Places) -> bool:
    state = State.load(places.state)
    return state.phase is Phase.RUNNING and processes.runs(state.supervisor)


def _somebody(places: Places) -> bool:
    state = State.load(places.state)
    known = (state.supervisor, state.postgres, *state.components.values(), holder(places))
    return any(processes.runs(who) for who in known) or bool(processes.marked(places.token()))


def _launch(settings: Settings, places: Places, progress: Progress) -> None:
    variables = {k: v for k, v in os.environ.items() if k != processes.MARK}
    rotate(places.log("supervisor"))
    supervisor = spawn(
        [sys.executable, "-m", "preservation.supervise", settings.encode()],
        variables,
        places.log("supervisor"),
    )
    try:
        _follow(supervisor, places, progress)
    except BaseException:
        processes.send(supervisor, signal.SIGTERM)
        processes.wait_until_gone([supervisor], _DOWN_SECONDS)
        _leave(supervisor)
        raise


def _follow(supervisor: str, places: Places, progress: Progress) -> None:
    """Tell what the supervisor says until it runs, or did not come up."""
    end = time.monotonic() + _UP_SECONDS
    said = ""
    while True:
        lives = processes.runs(supervisor)
        state = State.load(places.state)
        if state.supervisor == supervisor:
            if state.step and state.step != said:
                said = state.step
                progress.say(said)
            if state.phase is Phase.RUNNING:
                return
        if not lives:
            raise _failure(state if state.supervisor == supervisor else None, places)
        if time.monotonic() > end:
            raise NotNowError(
                "Airflow did not come up in time",
                hint=f"read the logs in {places.logs}",
                code="SUP-UNHEALTHY",
            )
        time.sleep(_LOOK_AGAIN_SECONDS)


def _failure(state: State | None, places: Places) -> SamarkandError:
    if state is None and processes.runs(holder(places)):
        phase = State.load(places.state).phase.value
        return BusyError(
            f"this home's Airflow is already {phase}, by process"
            f" {processes.number_of(holder(places))}",
            hint="wait for it, or stop it: `preserve down`",
            code="SUP-BUSY",
        )
    if state is None or not state.error:
        return NotNowError(
            "the supervisor ended before Airflow was up",
            hint=f"read {places.log('supervisor')}",
            code="SUP-UNHEALTHY",
        )
    kinds: dict[tuple[str, int], type[SamarkandError]] = {
        (NoSpaceError.default_code, 5): NoSpaceError
    }
    codes: dict[int, type[SamarkandError]] = {2: UsageError, 5: NotNowError}
    found = state.error
    kind = kinds.get((found["code"], found["exit_code"])) or codes.get(
        found["exit_code"], SamarkandError
    )
    return kind(found["message"], hint=found["hint"], code=found["code"])


def _end_supervisor(places: Places) -> None:
    state = State.load(places.state)
    for who in {state.supervisor, holder(places)}:
        for what, seconds in ((signal.SIGTERM, _DOWN_SECONDS), (signal.SIGKILL, 5.0)):
            if not processes.send(who, what) or processes.wait_until_gone([who], seconds):
                break
        _leave(who)


def _leave(who: str) -> None:
    """Take leave of a supervisor that this very process had started."""
    number = processes.number_of(who)
    if number:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(number, os.WNOHANG)
