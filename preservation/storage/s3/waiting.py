"""Waiting for a service that asks for it; and no longer than somebody wants the answer.

Source: RFC 9110, sections 10.2.3 (Retry-After) and 5.6.7 (dates).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from preservation.errors import TierUnavailableError
from preservation.files import stopping

LONGEST_PAUSE = 60  # seconds: who asks for more has no time for us now
BUSY = frozenset({429, 503})
_SLICE = 0.2  # seconds
_SECONDS = re.compile("[0-9]{1,9}")
_DATE = "%a, %d %b %Y %H:%M:%S GMT"


class StoppedError(TierUnavailableError):
    """Somebody pressed Ctrl-C: nothing is asked any more."""

    def __init__(self) -> None:
        super().__init__("it was stopped", hint="run it again for the rest", code="TIER-S3")

    def __reduce__(self) -> tuple[Any, ...]:
        return (StoppedError, ())


class LaterError(Exception):
    """A service asks us to come back later than we wait."""


class Going:
    """Whether to go on."""

    def __init__(self) -> None:
        self._is_stopped = False
        stopping.heed(self)

    def stop(self) -> None:
        """Let nobody ask for anything any more."""
        self._is_stopped = True

    def expect(self) -> None:
        """Go on.

        Raises:
            StoppedError: nobody wants to.
        """
        if self._is_stopped:
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Wait as a service asks for it.

        Raises:
            StoppedError: nobody wants to wait any longer.
            LaterError: that is longer than we wait.
        """
        if seconds > LONGEST_PAUSE:
            raise LaterError(f"the service asks us to come back in {_spoken(seconds)}")
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.expect()
            time.sleep(min(left, _SLICE))


def asked_for(status: int, fields: Mapping[str, str]) -> float:
    """How many seconds a service wants to be left alone; 0 if it does not say, or says nothing
    that is understood.

    Args:
        fields: of the answer's head, by names in lower case.
    """
    said = fields.get("retry-after", "").strip()
    if status not in BUSY or not said:
        return 0
    if _SECONDS.fullmatch(said):
        return int(said)
    then = _date(said)
    if then is None:
        return 0
    now = _date(fields.get("date", "")) or datetime.now(UTC)  # by its own clock, if it says it
    return max(0.0, (then - now).total_seconds())


def _date(said: str) -> datetime | None:
    try:
        return datetime.strptime(said, _DATE).replace(tzinfo=UTC)
    except ValueError:
        return None


def _spoken(seconds: float) -> str:
    if seconds < 3 * 60:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 3 * 3600 else f"{seconds / 3600:.0f} hours"
