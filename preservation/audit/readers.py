"""Several replicas are read at the same time; what becomes of each is for one thread to say.

Reading a replica is waiting and hashing, but for some milliseconds before and after: its seal, its
lists, what lies there and is not listed, its record. So while one is begun or ended, cores and
medium go on with another. Nothing but the reading is done here: leases, records, findings and the
brake stay with whoever waits for the results, one after the other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

from preservation.files import stopping

MOST = 4  # replicas at a time, however many cores there are: each has several files in work
_T = TypeVar("_T")


def cores() -> int:
    """Replicas that are read at a time where nobody says it: as many as this process has cores."""
    return min(MOST, len(os.sched_getaffinity(0)))


class _Read(NamedTuple, Generic[_T]):
    number: int
    result: _T | None
    error: BaseException | None


class Readers(Generic[_T]):
    """Runs so many readings at once, each in a thread of its own. For one thread, as a context:
    what is left at its end is told to stop, and waited for; after Ctrl-C for a moment only.

    Args:
        most: readings at a time, at least one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._at_work: dict[int, threading.Thread] = {}
        self._begun = 0
        self._done: SimpleQueue[_Read[_T]] = SimpleQueue()
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        stopping.join(self._at_work.values(), error)

    @property
    def is_full(self) -> bool:
        """Whether one has to end before another begins."""
        return len(self._at_work) >= self._most

    @property
    def is_empty(self) -> bool:
        """Whether none is at work, and every result was taken."""
        return not self._at_work

    def is_stopped(self) -> bool:
        """Whether nobody wants the results any more; readings ask, from any thread."""
        return self._stopped.is_set()

    def begin(self, read: Callable[[], _T]) -> int:
        """Begin a reading; its number, by which its result is known."""
        self._begun += 1
        number = self._begun
        thread = threading.Thread(
            target=self._run, args=[number, read], name="replica", daemon=True
        )
        thread.start()
        self._at_work[number] = thread
        return number

    def wait(self) -> tuple[int, _T]:
        """The number and the result of whichever ends next.

        Raises:
            BaseException: what its reading raised.
        """
        read = self._done.get()
        self._at_work.pop(read.number).join()
        if read.error is not None:
            raise read.error
        return read.number, read.result  # type: ignore[return-value]

    def _run(self, number: int, read: Callable[[], _T]) -> None:
        try:
            self._done.put(_Read(number, read(), None))
        except BaseException as error:  # noqa: BLE001 (raised where the results are taken)
            self._done.put(_Read(number, None, error))
