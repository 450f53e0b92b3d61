"""Replicas of one version are read back at the same time: each lies on a tier of its own, whose
medium would wait for the others'.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, Protocol

from preservation.catalogue.protocol import Lease, ReplicaRow
from preservation.model.check import CheckResult
from preservation.model.progress import Progress
from preservation.policy.policy import Policy

_MOST = 4  # replicas at a time; each has several files in work


class Checks(Protocol):
    """Fixity checks of replicas, in halves: one that reads, one that records."""

    def check(
        self, policy: Policy, row: ReplicaRow, progress: Progress, /, *, lease: Lease | None
    ) -> CheckResult:
        """Both; raises ``BusyError`` where the lease on the replica was lost."""
        ...

    def look(self, row: ReplicaRow, progress: Progress, /, *, cancelled: Callable[[], bool]) -> Any:
        """Read a replica; what that came to is for :meth:`weigh_up`. From any thread."""
        ...

    def weigh_up(
        self,
        policy: Policy,
        row: ReplicaRow,
        looked: Any,
        progress: Progress,
        drawn_from: int,
        lease: Lease | None,
        /,
    ) -> CheckResult:
        """Record it, and what follows from it; raises as :meth:`check`."""
        ...

    def hurry(self) -> None:
        """Let nobody wait for readings that are not wanted any more."""
        ...


def look_at_all(
    checks: Checks, rows: Sequence[ReplicaRow], progress: Progress
) -> Mapping[str, Any]:
    """Read replicas, each of another tier; what it came to, by tier.

    Raises:
        BaseException: what stopped one of them, or us; the others are stopped.
    """
    if not rows:
        return {}
    stopped = threading.Event()

    def look(row: ReplicaRow) -> Any:
        return checks.look(row, progress, cancelled=stopped.is_set)

    with ThreadPoolExecutor(min(len(rows), _MOST), "read-back") as threads:
        begun = {row.tier: threads.submit(look, row) for row in rows}
        try:
            wait(begun.values(), return_when=FIRST_EXCEPTION)
            return {tier: each.result() for tier, each in begun.items() if each.done()}
        except BaseException:
            stopped.set()
            for each in begun.values():
                each.cancel()
            checks.hurry()
            raise
