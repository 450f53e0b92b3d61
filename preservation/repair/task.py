"""One replica being repaired, under its lease."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preservation.catalogue.protocol import FindingRow, Lease, ReplicaRow, VersionRow
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.progress import Progress
from preservation.policy.policy import Policy
from preservation.repair.result import RepairResult
from preservation.storage.tier import Tier


@dataclass(frozen=True, slots=True)
class Task:
    """What a repair is about, and who allowed it."""

    policy: Policy
    finding: FindingRow
    row: ReplicaRow
    version: VersionRow
    tier: Tier
    lease: Lease
    progress: Progress
    approved_by: str

    def result(self, state: str, reason: str = "", source: str = "") -> RepairResult:
        """What became of the finding."""
        row = self.row
        return RepairResult(self.finding.id, row.key, row.tier, state, source=source, reason=reason)

    def about(self, events: EventMaker, type_: EventType, detail: Mapping[str, Any]) -> Event:
        """An event about the replica."""
        row, ref = self.row, self.policy.ref
        return events.about(row.key, type_, "success", detail, tier=row.tier, policy=ref)
