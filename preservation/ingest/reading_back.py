"""Reads the first replica of a version back, so that it counts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from preservation.catalogue.checked import LeasedCheck
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, Lease, ReplicaRow
from preservation.errors import BusyError, SamarkandError
from preservation.ingest.result import MadeReplica
from preservation.model.clock import stamp
from preservation.model.event import EventMaker
from preservation.model.progress import Progress
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.policy import Policy

# Reads a new replica back, under this lease, while it makes others from it, or does nothing.
Beside = Callable[[Policy, ReplicaRow, Progress, Lease], None]


class FirstReplica:
    """The replica that an ingest makes.

    Args:
        check: reads a replica back, compares and records.
    """

    def __init__(self, catalogue: Catalogue, events: EventMaker, check: LeasedCheck) -> None:
        self._catalogue = catalogue
        self._events = events
        self._check = check

    def read_back(
        self,
        policy: Policy,
        key: VersionKey,
        tier: str,
        progress: Progress,
        beside: Beside | None = None,
    ) -> MadeReplica:
        """Read the first replica back, unless that was done before, or another run is at it.

        Args:
            beside: may do it in passing.
        """
        with hold(self._catalogue, f"replica:{key}:{tier}", self._events.clock) as lease:
            row = self._catalogue.replica(key, tier)
            if row is None:
                raise SamarkandError(f"{key} on {tier}: recorded, yet not in the catalogue")
            if lease is not None:
                row = self._read(policy, row, progress, lease, beside)
        at = "" if row.verified_at is None else stamp(row.verified_at)
        place = key.place(row.packaging)
        return MadeReplica(tier, place, row.packaging.value, row.state.value, at)

    def _read(
        self,
        policy: Policy,
        row: ReplicaRow,
        progress: Progress,
        lease: Lease,
        beside: Beside | None,
    ) -> ReplicaRow:
        """What it is then; where another run took it over meanwhile, as that one recorded it."""
        with suppress(BusyError):
            if beside is not None and row.state is ReplicaState.WRITTEN:
                beside(policy, row, progress, lease)
                row = self._catalogue.replica(row.key, row.tier) or row
            if row.state is ReplicaState.WRITTEN:
                self._check(policy, row, progress, lease=lease)
        return self._catalogue.replica(row.key, row.tier) or row
