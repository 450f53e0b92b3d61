"""What the supervisor tells everybody else: who runs, where, how it goes.

Written whole or not at all, by the supervisor alone; read by ``up``, ``down`` and ``status``.
What it says of processes is never believed, only used to look.
"""

from __future__ import annotations

import json
from dataclasses import asdict, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from preservation.files import durable
from preservation.model.deferred import dataclass

SCHEMA = "samarkand.supervise/1"


class Phase(Enum):
    """How far the supervisor is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(slots=True)
class State:
    """The document.

    Attributes:
        step: what is being done now, for a person who waits; one sentence.
        supervisor, postgres: identities; empty if there is none.
        components: identity of each component's leader, by its name.
        restarts: how often each had to be started again since ``up``.
        error: ``SamarkandError.to_json()`` and ``exit_code`` when the phase is ``failed``.
    """

    phase: Phase = Phase.STOPPED
    step: str = ""
    url: str = ""
    port: int = 0
    supervisor: str = ""
    postgres: str = ""
    components: dict[str, str] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Put it on disk, in one step.

        Raises:
            NoSpaceError, NotNowError: see ``durable.replace``.
        """
        document = {"schema": SCHEMA} | asdict(self) | {"phase": self.phase.value}
        durable.replace(path, json.dumps(document, indent=1).encode(), mode=0o600)

    @classmethod
    def load(cls, path: Path) -> State:
        """Read it. What is not there or cannot be read is an empty state: nothing is known."""
        try:
            document = json.loads(path.read_bytes())
            known = {f.name: document[f.name] for f in fields(cls) if f.name in document}
            return cls(**(known | {"phase": Phase(document["phase"])}))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()
