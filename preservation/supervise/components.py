"""One process that is kept alive: when it may start again, and what it leaves behind.

Airflow's four components are children of the supervisor, each in a session of its own, so that
everything that one forks (LocalExecutor's workers, tasks, parsers) can be found and ended with
it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from preservation.errors import UsageError
from preservation.files import process
from preservation.model.deferred import dataclass
from preservation.supervise import processes

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_SETTLED_SECONDS = 60.0
_LARGEST_LOG = 10 * 2**20
_OLD_LOGS = 3

# In the order of their start; the api-server takes longest.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
# Who ends together, and how many seconds they get. The scheduler waits for its running tasks,
# and these report to the api-server until the last moment.
STOP_ORDER = ((8.0, ("scheduler",)), (5.0, ("dag-processor", "triggerer", "api-server")))


@dataclass(slots=True)
class Backoff:
    """When to try again: half a second, doubled each time, until something held for a minute."""

    pause: float = 0.0
    since: float = 0.0
    not_before: float = 0.0

    def started(self) -> None:
        self.since = time.monotonic()

    def failed(self) -> None:
        now = time.monotonic()
        settled = self.since and now - self.since > _SETTLED_SECONDS
        doubled = min(_LONGEST_PAUSE_SECONDS, 2 * self.pause)
        self.pause = _FIRST_PAUSE_SECONDS if settled or not self.pause else doubled
        self.not_before = now + self.pause

    @property
    def due(self) -> bool:
        return time.monotonic() >= self.not_before


@dataclass(slots=True)
class Component:
    """One of Airflow's processes.

    Attributes:
        who: its identity; empty before the first start and after its end was dealt with.
        starts: how often it was started.
    """

    name: str
    log: Path
    variables: Mapping[str, str]
    who: str = ""
    starts: int = 0
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def runs(self) -> bool:
        return processes.runs(self.who)

    def start(self) -> None:
        """Start it, leading a session of its own, saying what it has to say into its log."""
        rotate(self.log)
        arguments = [sys.executable, str(airflow_program()), *COMMANDS[self.name]]
        self.who = spawn(arguments, self.variables, self.log)
        self.starts += 1
        self.backoff.started()


def stop(group: Sequence[Component], grace_seconds: float) -> None:
    """Ask them to end, wait so long for all, then end all that is left of their sessions."""
    for each in group:
        processes.send(each.who, signal.SIGTERM)
    processes.wait_until_gone([each.who for each in group], grace_seconds)
    for each in group:
        if each.runs:
            log.warning("%s did not end in time: it is killed", each.name)
        end_session(each.who)
        each.who = ""


def airflow_program() -> Path:
    """The ``airflow`` command of the environment that we run in.

    Raises:
        UsageError: it is not installed there.
    """
    program = Path(sys.executable).with_name("airflow")
    if not program.exists():
        raise UsageError(
            "Airflow is not installed here",
            hint="install Samarkand with its extra 'airflow', or do without: the other commands"
            " need none",
            code="SUP-AIRFLOW-ABSENT",
        )
    return program


def spawn(arguments: list[str], variables: Mapping[str, str], output: Path) -> str:
    """Start a process in a session of its own, its output at the end of a log; its identity."""
    pid = os.posix_spawn(
        arguments[0],
        arguments,
        variables,
        setsid=True,
        setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGPIPE),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    try:
        return process.identity(pid)
    except ProcessLookupError:  # it ended at once: an identity that nothing has
        return f"-:{pid}:ended-0"


def end_session(leader: str) -> None:
    """End all that is left of a session at once: tasks are made to be killed and run again."""
    for who in processes.session_of(leader):
        processes.send(who, signal.SIGKILL)
    processes.wait_until_gone(lambda: processes.session_of(leader), 5.0)


def rotate(path: Path) -> None:
    """Keep a log below 10 MiB, with three older ones.

    It is copied and emptied, not renamed: whoever writes to it holds it open, at its end.
    """
    try:
        if path.stat().st_size < _LARGEST_LOG:
            return
        for number in range(_OLD_LOGS - 1, 0, -1):
            older = path.with_suffix(f".log.{number}")
            if older.exists():
                older.replace(path.with_suffix(f".log.{number + 1}"))
        path.with_suffix(".log.1").write_bytes(path.read_bytes())
        os.truncate(path, 0)
    except OSError:
        return  # a log that cannot be rotated now is no reason to stop an archive
