"""Holding a lease while work goes on that may take longer than the lease."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from preservation.catalogue.protocol import Catalogue, Lease
from preservation.errors import BusyError, NotNowError
from preservation.model.clock import Clock

TTL = timedelta(minutes=10)


@contextmanager
def hold(
    catalogue: Catalogue, name: str, clock: Clock, ttl: timedelta = TTL
) -> Iterator[Lease | None]:
    """Take the lease ``name`` and renew it until the block ends; None if somebody has it.

    A process that is killed renews nothing, and its lease falls to whoever asks next on the
    same host, or after ``ttl``. A lease that was lost all the same is found out by the fence
    when the work is recorded.
    """
    lease = catalogue.lease(name, ttl, clock.now())
    if lease is None:
        yield None
        return
    done = threading.Event()
    beat = threading.Thread(target=_renew, args=(catalogue, lease, clock, ttl, done), daemon=True)
    beat.start()
    try:
        yield lease
    finally:
        done.set()
        beat.join()
        catalogue.release(lease)


def _renew(
    catalogue: Catalogue, lease: Lease, clock: Clock, ttl: timedelta, done: threading.Event
) -> None:
    while not done.wait(ttl.total_seconds() / 3):
        try:
            lease = catalogue.renew(lease, ttl, clock.now())
        except BusyError:
            return
        except NotNowError:
            continue  # the database may be back at the next beat
