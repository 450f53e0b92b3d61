"""Progress as log lines: what, how far, how fast, every ten seconds or so."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from preservation.model.units import format_size

EVERY = 10.0  # seconds between two lines: an hour's shard is 360 of them
_log = logging.getLogger(__name__)


class LogProgress:
    """Writes progress into the task's log, where the Airflow UI shows it as it comes.

    Args:
        say: takes a finished line.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        say: Callable[[str], None] = _log.info,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = say
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._what = "work"
        self._total: int | None = None
        self._done = 0
        self._began = self._told = monotonic()

    def begin(self, what: str, total_bytes: int | None) -> None:
        """Start counting anew; the line says how much there is."""
        with self._lock:
            self._what, self._total, self._done = what, total_bytes, 0
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
        self._write(line)

    def say(self, sentence: str) -> None:
        """Write it now."""
        self._write(sentence)

    def _line(self, seconds: float) -> str:
        rate = self._done / seconds
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
