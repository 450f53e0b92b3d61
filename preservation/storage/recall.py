"""What came of asking for octets that can't be read at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from preservation.model.clock import stamp
from preservation.model.deferred import dataclass


@dataclass(frozen=True, slots=True)
class Recall:
    """A recall that is under way.

    Attributes:
        asked: False if somebody had asked before.
        ready_by: when it can be read, by what the tier declares.
        keep_days: for how long, from then on.
        speed: as the service calls it.
    """

    asked: bool
    ready_by: datetime
    keep_days: int
    speed: str

    def to_json(self) -> dict[str, Any]:
        """The detail of a ``recall`` event."""
        return {
            "asked": self.asked,
            "ready_by": stamp(self.ready_by),
            "keep_days": self.keep_days,
            "speed": self.speed,
        }


def ready_words(ready_by: datetime) -> str:
    """When to come back, for people."""
    return f"recalled, ready by {stamp(ready_by)[:16]}Z"
