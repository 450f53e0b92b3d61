"""Closing a finding by a person's decision: it may stand. Nothing is repaired by it."""

from __future__ import annotations

from dataclasses import replace

from preservation.catalogue.protocol import Catalogue, FindingRow
from preservation.errors import UsageError
from preservation.model.event import EventMaker, EventType


def accept(
    catalogue: Catalogue, events: EventMaker, finding: FindingRow, by: str, reason: str
) -> None:
    """Put on record that a person lets a finding stand.

    Args:
        by: the person's account, in whose name the event is written.

    Raises:
        UsageError: it is closed already (``FND-CLOSED``).
    """
    if finding.state != "open":
        raise UsageError(f"finding {finding.id} is {finding.state} already", code="FND-CLOSED")
    detail = {"finding": finding.id, "by": by, "reason": reason, "event": ""}
    made = events.of(
        finding.community, EventType.FINDING_ACCEPTED, "success", detail, tier=finding.tier
    )
    catalogue.record([replace(made, agent=by, aip=finding.aip, version=finding.version)])
