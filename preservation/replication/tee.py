"""One stream handed to several takers at once, in bounded memory.

Each taker has a lane with room for a few batches. Who gives waits for the slowest lane, so that
memory stays flat; but only so long: a taker that takes nothing for that time is left behind,
and the others go on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from preservation.errors import TierUnavailableError

T = TypeVar("T")
DEPTH = 4  # batches in one lane
PATIENCE = 120.0  # seconds that one taker may keep the others waiting


class LeftBehindError(TierUnavailableError):
    """A taker took nothing for so long that the others went on without it."""

    default_code = "REP-SLOW"


class Lane(Generic[T]):
    """From one giver to one taker, in order. Each side may end it, and the other hears of it.

    Args:
        patience: seconds to wait for room.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._patience = patience
        self._is_ended = False
        self._error: BaseException | None = None
        self._is_left = False  # nobody takes any more

    @property
    def is_left(self) -> bool:
        """Whether what is given goes nowhere."""
        return self._is_left

    def give(self, item: T) -> None:
        """Add an item, once there is room; does nothing where nobody takes any more."""
        with self._changed:
            if not self._changed.wait_for(self._has_room, self._patience):
                self._is_left = True
                self._items.clear()
                self._error = LeftBehindError(
                    f"it took nothing for {self._patience:g} seconds, and the others went on",
                    hint="look at that tier; it is tried once more on its own",
                )
            if not self._is_left:
                self._items.append(item)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes; or ``error`` is what the taker meets after what it has."""
        with self._changed:
            self._is_ended = True
            self._error = self._error or error
            self._changed.notify_all()

    def leave(self) -> None:
        """Take no more."""
        with self._changed:
            self._is_left = True
            self._items.clear()
            self._changed.notify_all()

    def items(self) -> Iterator[T]:
        """What is given, as it comes.

        Raises:
            LeftBehindError: the others went on.
            BaseException: what the giver ended with.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._is_ended or self._is_left)
                if self._items:
                    item = self._items.popleft()
                    self._changed.notify_all()
                elif self._error is not None:
                    raise self._error
                else:
                    return
            yield item

    def _has_room(self) -> bool:
        return self._is_left or len(self._items) < DEPTH
