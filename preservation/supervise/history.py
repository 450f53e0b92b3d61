"""Airflow's own history, and the logs of its tasks, do not grow for ever.

They are for people who look at last month's grid. Evidence is none of it: that stands in the
journal, the catalogue and on the tiers, which nothing here touches. How long they are kept is the
operator's setting, ``PRESERVATION_AIRFLOW_HISTORY``: a duration, one year by default, or
``forever``.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from preservation.errors import MalformedError
from preservation.files.remove import remove_tree
from preservation.model.units import format_duration, parse_duration
from preservation.supervise import components
from preservation.supervise.places import Places

VARIABLE = "PRESERVATION_AIRFLOW_HISTORY"
FOREVER = "forever"
DEFAULT = timedelta(days=365)
LEAST = timedelta(days=7)  # less would take runs away that somebody is still looking at
_FIRST_SECONDS = 600.0  # after the start: starting costs enough
_EVERY_SECONDS = 86_400.0
log = logging.getLogger(__name__)


def kept_for(text: str) -> timedelta | None:
    """How long history is kept, of the setting's text; None for ever.

    Raises:
        MalformedError: it is no duration, or one below a week.
    """
    if not text.strip():
        return DEFAULT
    if text.strip() == FOREVER:
        return None
    found = parse_duration(text.strip())
    if found < LEAST:
        raise MalformedError(
            f"{VARIABLE} says {text!r}",
            hint=f"{FOREVER}, or a duration of {format_duration(LEAST)} or more: 90d, 1y",
        )
    return found


class History:
    """Prunes once a day, beside whatever else runs."""

    def __init__(self, places: Places, text: str) -> None:
        self._places = places
        self._due = time.monotonic() + _FIRST_SECONDS
        self._cleaning: subprocess.Popen[bytes] | None = None
        try:
            self._kept = kept_for(text)
        except MalformedError as error:
            log.error("%s: %s; nothing is pruned", error.message, error.hint)
            self._kept = None

    def tick(self, variables: Mapping[str, str]) -> None:
        """Begin to prune if its day has come; never waits."""
        if self._cleaning is not None and self._cleaning.poll() is not None:
            if self._cleaning.returncode:
                log.warning("pruning failed: read %s", self._places.log("history"))
            self._cleaning = None
        if self._kept is None or self._cleaning is not None or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY_SECONDS
        before = datetime.now(UTC) - self._kept
        log.info("pruning Airflow's history before %s", before.date())
        removed = prune_logs(self._places.logs / "tasks", before)
        log.info("removed the logs of %s runs", removed)
        with self._places.log("history").open("ab") as output:
            self._cleaning = subprocess.Popen(
                command(before),
                env=dict(variables),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )


def command(before: datetime) -> list[str]:
    """What prunes the rows of Airflow's database."""
    program = str(components.airflow_program())
    moment = before.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    clean = ["db", "clean", "--clean-before-timestamp", moment, "--skip-archive", "--yes"]
    return [sys.executable, program, *clean]


def prune_logs(folder: Path, before: datetime) -> int:
    """Remove the logs of runs that ended before a moment; how many runs that were.

    ``dag_id=<id>/run_id=<id>/…``, as Airflow lays them down: a run goes whole or not at all.
    """
    removed = 0
    for run in sorted(folder.glob("dag_id=*/run_id=*")):
        if run.is_symlink() or not run.is_dir():
            continue
        files = [run, *run.rglob("*")]
        newest = max(os.lstat(path).st_mtime for path in files)
        if newest < before.timestamp():
            remove_tree(run)
            removed += 1
    return removed
