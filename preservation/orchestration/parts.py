"""The seam between a task and the services: opens the home, translates failures.

Everything below this room says by its exception whether a retry can help; only here does
that become a word of Airflow's. A retryable failure passes through as it is, so that Airflow
retries; anything else of ours becomes ``AirflowFailException``: red at once.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from preservation import __version__
from preservation.errors import SamarkandError

if TYPE_CHECKING:
    from preservation.app.parts import Parts

_log = logging.getLogger(__name__)


def home() -> Path:
    """Where the archive lives: ``PRESERVATION_HOME``, or ``var``."""
    return Path(os.environ.get("PRESERVATION_HOME") or "var")


@contextmanager
def open_parts() -> Iterator[Parts]:
    """The home's services, for the body of one task.

    A catalogue that is older than the journal fails every task: nothing may act on it.
    """
    from preservation.app.parts import open_home
    from preservation.orchestration.credentials import from_connections

    opened = open_home(home(), agent=agent(), credentials=from_connections)
    with told_to_airflow(), opened as parts:
        parts.expect_today()
        yield parts


def agent() -> str:
    """Who acts, as the events of this run name it: program, version, run, host."""
    ti = get_current_context()["ti"]
    return f"samarkand {__version__} (Airflow {ti.dag_id}, {ti.run_id}) on {socket.gethostname()}"


@contextmanager
def told_to_airflow() -> Iterator[None]:
    """Let Airflow retry what a retry can help, and nothing else.

    Raises:
        AirflowFailException: a failure of ours that would be the same next time.
    """
    try:
        yield
    except SamarkandError as error:
        _log.error("%s", sentence(error))
        if error.retry:
            raise
        raise AirflowFailException(sentence(error)) from error


def sentence(error: SamarkandError) -> str:
    """What happened and what to do next, for the log."""
    hint = f" Next: {error.hint}" if error.hint else ""
    return f"[{error.code}] {error.message}.{hint}"
