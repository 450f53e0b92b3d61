"""Ctrl-C reaches what waits in other threads.

Python interrupts the first thread alone, which then waits for the others; and these may wait for
a machine that answers nothing, for a minute and more. So whatever waits long says here how it is
woken.
"""

from __future__ import annotations

import signal
import threading
import time
import weakref
from collections.abc import Iterable
from typing import NoReturn, Protocol

PATIENCE = 2.0  # seconds that threads have to end after Ctrl-C

_known: list[weakref.ref[Stoppable]] = []  # no set: a signal may come while it changes
_said: list[bool] = []  # not empty: it was pressed


class Stoppable(Protocol):
    """Something that others wait for."""

    def stop(self) -> None:
        """Wake who waits, and let nobody wait again. From a signal's handler: no lock is taken."""
        ...


def heed(one: Stoppable) -> None:
    """Have something stopped by Ctrl-C, for as long as it lives; at once, if it was pressed."""
    _known.append(weakref.ref(one, _known.remove))
    if _said:
        one.stop()


def stop_all() -> None:
    """Wake everybody who waits for anything, now and later: what is done at the end of a command
    is not to wait, either.
    """
    _said.append(True)
    for each in [*_known]:
        if (one := each()) is not None:
            one.stop()


def join(threads: Iterable[threading.Thread], error: BaseException | None) -> None:
    """Wait for daemon threads that were told to end; not for ever where this process is to end,
    too: one that waits for a file server that is gone can't be woken by anything.

    Args:
        error: why they were told so; only an ``Exception`` lets work go on.
    """
    is_over = error is not None and not isinstance(error, Exception)
    until = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()) if is_over else None)


def listen() -> None:
    """Do so at Ctrl-C, before the first thread is interrupted as ever; not where whoever started
    us has it ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def _interrupted(*_: object) -> NoReturn:
    stop_all()
    raise KeyboardInterrupt
