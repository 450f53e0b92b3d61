"""Ctrl-C reaches what waits in other threads.

Python interrupts the first thread alone, which then waits for the others; and these may wait for
a machine that answers nothing, for a minute and more. So whatever waits long says here how it is
woken.
"""

from __future__ import annotations

import signal
import weakref
from typing import NoReturn, Protocol

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


def listen() -> None:
    """Do so at Ctrl-C, before the first thread is interrupted as ever; not where whoever started
    us has it ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def _interrupted(*_: object) -> NoReturn:
    stop_all()
    raise KeyboardInterrupt
