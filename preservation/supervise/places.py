"""Where the supervised Airflow and its database keep what they need, below a home.

    <home>/airflow/                 AIRFLOW_HOME
        run/                        private (0700)
            lock                    held by the supervisor as long as it lives
            state.json              who runs, where, how it goes
            token                   the mark that our processes carry
            place.json              where the database lies, and its socket
            keys.json               signing keys of this Airflow
            passwords.json          the logins, as Airflow's simple auth manager reads them
        postgres/                   the database, if its account can reach it here
        logs/                       one file per process, and Airflow's task logs
        plugins/

Nothing here belongs to the archive: all of it can be deleted while Airflow is down, and costs
Airflow's history of runs, no more.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from preservation.files import durable
from preservation.model.deferred import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """The paths below one home."""

    home: Path

    @property
    def airflow(self) -> Path:
        return self.home / "airflow"

    @property
    def run(self) -> Path:
        return self.airflow / "run"

    @property
    def logs(self) -> Path:
        return self.airflow / "logs"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    @property
    def state(self) -> Path:
        return self.run / "state.json"

    def log(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make the folders. Traversable for the database's account, readable for nobody else.

        Raises:
            NoSpaceError, NotNowError: see ``durable.plain_errors``.
        """
        with durable.plain_errors(self.airflow):
            self.airflow.mkdir(mode=0o711, exist_ok=True)
            for folder in (self.run, self.logs, self.airflow / "plugins"):
                folder.mkdir(mode=0o700, exist_ok=True)

    def token(self) -> str:
        """The mark of this home's processes; made at the first call."""
        path = self.run / "token"
        try:
            return path.read_text("ascii")
        except FileNotFoundError:
            durable.replace(path, secrets.token_hex(16).encode(), mode=0o600)
            return path.read_text("ascii")


def is_up_to_date(path: Path, text: str) -> bool:
    """Whether a small marker file says exactly this."""
    try:
        return path.read_bytes() == os.fsencode(text)
    except OSError:
        return False
