"""Progress where the Airflow UI shows it: what, how far, how fast, every ten seconds or so.

All of it is a line in the task's log. Of a mapped task, how far it is stands beside its name, too,
in the grid and in the list of its instances, and changes while it runs: Airflow has no progress of
its own, but a task may say its name again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from preservation.model.units import format_size
from preservation.orchestration.settings import short

EVERY = 10.0  # seconds between two lines: an hour's shard is 360 of them
_log = logging.getLogger(__name__)


def rename_task(name: str) -> None:
    """Give the running mapped task this name in the UI, now; at its end it gets its last one.

    Raises:
        Exception: whatever Airflow raises where it does not take it.
    """
    from airflow.sdk.execution_time import comms, task_runner

    message = comms.SetRenderedMapIndex(rendered_map_index=short(name))
    task_runner.SUPERVISOR_COMMS.send(message)


def _quietly(show: Callable[[str], None], name: str) -> None:
    try:
        show(name)
    except Exception:  # noqa: BLE001 - a name that is not shown harms nothing
        _log.debug("the progress could not be shown beside the task's name", exc_info=True)


class LogProgress:
    """Writes progress into the task's log, where the Airflow UI shows it as it comes.

    Args:
        say: takes a finished line.
        monotonic: seconds that never go back.
        label: of a mapped task, its name; how far it is is shown beside that.
        show: takes name and progress; it may take its time, and may fail.
    """

    def __init__(
        self,
        say: Callable[[str], None] = _log.info,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        label: str = "",
        show: Callable[[str], None] = rename_task,
    ) -> None:
        self._write = say
        self._label, self._show = label, show
        self._showing: threading.Thread | None = None
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._what = "work"
        self._total: int | None = None
        self._done = self._before = 0
        self._began = self._told = monotonic()

    def begin(self, what: str, total_bytes: int | None) -> None:
        """Start counting anew; the line says how much there is."""
        with self._lock:
            self._what, self._total = what, total_bytes
            self._done = self._before = 0
            self._began = self._told = self._monotonic()
        size = "" if total_bytes is None else f", {format_size(total_bytes)}"
        self._write(f"{what}{size}")

    def advance(self, read_bytes: int) -> None:
        """Count; write a line if the last is old enough."""
        with self._lock:
            self._done += read_bytes
            now = self._monotonic()
            if now - self._told < EVERY:
                return
            self._told = now
            line = self._line(now - self._began)
            self._tell_beside_the_name()
        self._write(line)

    def skip(self, done_bytes: int) -> None:
        """Count what a killed task did before this one; the next line has it."""
        with self._lock:
            self._done += done_bytes
            self._before += done_bytes

    def _tell_beside_the_name(self) -> None:
        """In a thread: nothing that is read waits for Airflow. One at a time, or it is left out."""
        if not self._label or (self._showing is not None and self._showing.is_alive()):
            return
        far = format_size(self._done)
        if self._total:
            far += f" of {format_size(self._total)} ({100 * self._done // self._total} %)"
        self._showing = threading.Thread(
            target=_quietly, args=(self._show, f"{self._label} · {far}"), daemon=True
        )
        self._showing.start()

    def say(self, sentence: str) -> None:
        """Write it now."""
        self._write(sentence)

    def _line(self, seconds: float) -> str:
        rate = (self._done - self._before) / seconds
        line = f"{self._what}: {format_size(self._done)}"
        if self._total is not None:
            line += f" of {format_size(self._total)}"
        line += f", {format_size(int(rate))}/s"
        if self._total is not None and self._done < self._total and rate > 0:
            line += f", about {_spell((self._total - self._done) / rate)} left"
        return line


def _spell(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
