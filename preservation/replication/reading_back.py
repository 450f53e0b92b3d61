"""Replicas of one version are read back at the same time: each lies on a tier of its own, whose
medium would wait for the others'. Each stands for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Protocol

from preservation.catalogue.protocol import Lease, ReplicaRow
from preservation.model.check import CheckResult
from preservation.model.progress import Progress
from preservation.model.sampling import Drawing
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
        drawn: Drawing | None,
        lease: Lease | None,
        /,
    ) -> CheckResult:
        """Record it, and what follows from it; raises as :meth:`check`."""
        ...


def look_at_all(
    checks: Checks, rows: Sequence[ReplicaRow], progress: Progress
) -> Generator[tuple[str, Any], None, None]:
    """Read replicas, each of another tier. One that can't be read to its end costs the others
    nothing; where nobody takes any more of what is yielded, all are stopped.

    Yields:
        A tier, and what reading its replica came to: for :meth:`Checks.weigh_up`, or the
        ``Exception`` that was in the way. The one that ends first comes first.
    """
    if not rows:
        return
    stopped = threading.Event()

    def look(row: ReplicaRow) -> tuple[str, Any]:
        try:
            return row.tier, checks.look(row, progress, cancelled=stopped.is_set)
        except Exception as error:  # noqa: BLE001 - of one tier; told with it
            return row.tier, error

    with ThreadPoolExecutor(min(len(rows), _MOST), "read-back") as threads:
        begun = [threads.submit(look, row) for row in rows]
        try:
            for each in as_completed(begun):
                yield each.result()
        except BaseException:
            stopped.set()
            for each in begun:
                each.cancel()
            raise
