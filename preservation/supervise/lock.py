"""The home's lock: whoever holds it may start and stop its Airflow. The kernel frees it.

Source: flock(2).
"""

from __future__ import annotations

import fcntl
import os
import time

from preservation.errors import BusyError
from preservation.files import durable, process
from preservation.supervise import processes
from preservation.supervise.places import Places

_TRIES = 5
_TRY_AGAIN_SECONDS = 0.05


def take_lock(places: Places) -> int:
    """Lock the home against another supervisor; the open lock, to be kept.

    Raises:
        BusyError: somebody has it.
    """
    with durable.plain_errors(places.lock):
        handle = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(handle)
    except BlockingIOError as error:
        who = os.read(handle, 200).decode("utf-8", "replace")
        os.close(handle)
        raise BusyError(
            f"the Airflow of this home is already being run, by process"
            f" {processes.number_of(who) or 'unknown'}",
            hint="see `preserve up` in the other window, or stop it: `preserve down`",
            code="SUP-BUSY",
        ) from error
    os.ftruncate(handle, 0)
    os.write(handle, process.identity().encode())
    return handle


def _lock(handle: int) -> None:
    # Somebody may be asking who the holder is, which takes the lock for a moment.
    for _ in range(_TRIES - 1):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_TRY_AGAIN_SECONDS)
        else:
            return
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder(places: Places) -> str:
    """The identity of the process that holds the lock now; empty if none does."""
    try:
        handle = os.open(places.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        # What is written there outlives the lock: only a lock that cannot be had has a holder.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(handle, 200).decode("utf-8", "replace")
    finally:
        os.close(handle)
    return ""
