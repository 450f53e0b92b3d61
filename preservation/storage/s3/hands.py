"""Threads that ask a service: nobody has to wait for those that get no answer.

Those of ``concurrent.futures`` are waited for at the end of the process, however long a service
takes to say nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")


class Hands:
    """So many threads, and what they are to do, one after the other.

    Args:
        many: threads at most; each is started when there is work for it.
        name: theirs.
    """

    def __init__(self, many: int, name: str) -> None:
        self._many, self._name = many, name
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, act: Callable[..., _T], *arguments: Any) -> Future[_T]:
        """Have something done; what becomes of it."""
        result: Future[_T] = Future()
        self._work.put((result, lambda: act(*arguments)))
        if len(self._threads) < self._many:
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            thread.start()
            self._threads.append(thread)
        return result

    def leave(self, patience: float | None = None) -> None:
        """Begin nothing more, and wait for what was begun.

        Args:
            patience: seconds, after which it is left alone; None: its own limits are enough.
        """
        until = None if patience is None else time.monotonic() + patience
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            result, act = work
            if not result.set_running_or_notify_cancel():
                continue
            try:
                result.set_result(act())
            except BaseException as error:  # noqa: BLE001 (raised where the result is taken)
                result.set_exception(error)
            del result, act, work  # what was read stays with who takes it
