"""A budget of octets per second that may change while work runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from preservation.errors import MalformedError

_PATIENCE = 0.2  # seconds between two questions whether to give up


class RateLimit:
    """Holds readers back to so many octets a second, together. Safe for any thread.

    The first block passes at once, the next one waits until the first is paid for. So the rate
    holds over any time longer than one block.

    Args:
        octets_per_second: None for no limit.
        monotonic: tells seconds that never run backwards.
    """

    def __init__(
        self, octets_per_second: int | None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._paid_at = 0.0
        self._changed = threading.Condition()
        self._per_second = _checked(octets_per_second)

    @property
    def is_set(self) -> bool:
        """Whether there is a limit now."""
        return self._per_second is not None

    def change(self, octets_per_second: int | None) -> None:
        """Set another rate; readers that wait under the old one go on at once."""
        with self._changed:
            self._per_second = _checked(octets_per_second)
            self._paid_at = 0.0
            self._changed.notify_all()

    def take(self, octets: int, give_up: Callable[[], bool] = lambda: False) -> None:
        """Wait until what was taken before is paid for, then take some octets.

        Args:
            octets: to read, or read just now by a helper process.
            give_up: asked while waiting; ends the wait.
        """
        with self._changed:
            while self._per_second is not None and not give_up():
                now = self._monotonic()
                if self._paid_at <= now:
                    self._paid_at = now + octets / self._per_second
                    return
                self._changed.wait(min(self._paid_at - now, _PATIENCE))


def _checked(octets_per_second: int | None) -> int | None:
    if octets_per_second is not None and octets_per_second <= 0:
        raise MalformedError(f"not a rate: {octets_per_second} octets a second")
    return octets_per_second
