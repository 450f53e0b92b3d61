"""What rooms that do not audit need of the audit: one check of one replica."""

from __future__ import annotations

from typing import Protocol

from preservation.catalogue.protocol import Lease, ReplicaRow
from preservation.model.check import CheckResult
from preservation.model.progress import Progress
from preservation.policy.policy import Policy


class Check(Protocol):
    """Reads a replica back, and records what it found."""

    def __call__(
        self,
        policy: Policy,
        row: ReplicaRow,
        progress: Progress,
        /,
        *,
        lease: Lease | None = None,
    ) -> CheckResult:
        """Raises ``BusyError``, nothing being recorded, if a lease that is given was lost."""
        ...


class LeasedCheck(Protocol):
    """The same, always under a lease that is held on the replica."""

    def __call__(
        self, policy: Policy, row: ReplicaRow, progress: Progress, /, *, lease: Lease
    ) -> CheckResult:
        """Raises ``BusyError``, nothing being recorded, where the lease was lost."""
        ...
