"""Holding a lease while work goes on that may take longer than the lease."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
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
    with _renewed(catalogue, [lease], clock, ttl):
        try:
            yield lease
        finally:
            catalogue.release(lease)


@contextmanager
def hold_all(
    catalogue: Catalogue, names: Sequence[str], clock: Clock, ttl: timedelta = TTL
) -> Iterator[dict[str, Lease]]:
    """Take several leases at once, as :func:`hold` takes one; by name, those that are free."""
    leases = catalogue.lease_all(names, ttl, clock.now())
    with _renewed(catalogue, leases, clock, ttl):
        try:
            yield {lease.name: lease for lease in leases}
        finally:
            catalogue.release_all(leases)


@contextmanager
def _renewed(
    catalogue: Catalogue, leases: Sequence[Lease], clock: Clock, ttl: timedelta
) -> Iterator[None]:
    done = threading.Event()
    beat = threading.Thread(target=_renew, args=(catalogue, leases, clock, ttl, done), daemon=True)
    beat.start()
    try:
        yield
    finally:
        done.set()
        beat.join()


def _renew(
    catalogue: Catalogue,
    leases: Sequence[Lease],
    clock: Clock,
    ttl: timedelta,
    done: threading.Event,
) -> None:
    while not done.wait(ttl.total_seconds() / 3):
        for lease in leases:
            try:
                catalogue.renew(lease, ttl, clock.now())
            except BusyError:
                continue  # lost; the fence will tell whoever records
            except NotNowError:
                break  # the database may be back at the next beat
