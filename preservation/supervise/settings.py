"""What one supervised Airflow is started with: a value, handed over to the supervisor as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from preservation.errors import MalformedError
from preservation.model.deferred import dataclass

FIRST_PORT = 8080


def default_parallelism() -> int:
    """Task slots: two for each core, 4 at least (waiting tasks), 8 at most (memory)."""
    return min(8, max(4, 2 * (os.cpu_count() or 1)))


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of ``preserve up``.

    Attributes:
        home, policies: what the tasks get as PRESERVATION_HOME and PRESERVATION_POLICIES.
        dags: the folder of DAG files.
        host: where the address is opened; loopback unless somebody knows what he does.
        port: None for the first free one from 8080.
        parallelism: tasks at once.
        pools: slots by pool name, made or changed by ``up``.
        environment: more variables for Airflow's processes.
    """

    home: Path
    policies: Path
    dags: Path
    host: str = "127.0.0.1"
    port: int | None = None
    parallelism: int = field(default_factory=default_parallelism)
    pools: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def absolute(self) -> Settings:
        """The same, whatever the working directory: the supervisor has another."""
        fixed = {name: getattr(self, name).absolute() for name in ("home", "policies", "dags")}
        return Settings(**(_plain(self) | fixed))

    def encode(self) -> str:
        """As JSON, for the supervisor's command line. Nothing secret is in it."""
        return json.dumps(_plain(self), default=str)

    @classmethod
    def decode(cls, text: str) -> Settings:
        """Read what :meth:`encode` wrote.

        Raises:
            MalformedError: anything else.
        """
        try:
            found = json.loads(text)
            paths = {name: Path(found[name]) for name in ("home", "policies", "dags")}
            return cls(**(found | paths))
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedError(f"not settings of a supervisor: {error}") from error


def _plain(settings: Settings) -> dict[str, Any]:
    return asdict(settings)
