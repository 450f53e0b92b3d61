"""Closing a finding by a person's decision: it may stand. Nothing is repaired by it.

A person can change their mind: accepted damage that is still there is opened again.
"""

from __future__ import annotations

from dataclasses import replace

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, FindingRow
from preservation.errors import BusyError, UsageError
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import DAMAGE
from preservation.model.replica import ReplicaState, VersionKey


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


def reopen(
    catalogue: Catalogue, events: EventMaker, finding: FindingRow, by: str, reason: str
) -> str:
    """Put on record that a person does not let damage stand any more: a repair heals it.

    Args:
        by: the person's account, in whose name the event is written.

    Returns:
        The id of the finding that is open now; the accepted one stays what it was.

    Raises:
        UsageError: nobody accepted it, or what it is about is not damaged (``FND-NOT-ACCEPTED``).
        BusyError: another run is at the replica (``FND-BUSY``).
    """
    key = VersionKey(finding.community, finding.aip, finding.version)
    if finding.state != "accepted" or finding.code not in DAMAGE:
        raise UsageError(
            f"finding {finding.id} is no damage that a person accepted",
            hint="`preserve finding list --all` shows what was; other things are found again",
            code="FND-NOT-ACCEPTED",
        )
    with hold(catalogue, f"replica:{key}:{finding.tier}", events.clock) as lease:
        if lease is None:  # it may be opening a finding, or closing one
            raise BusyError(
                f"another run is at {key} on {finding.tier}",
                hint="try again when it is done with it",
                code="FND-BUSY",
            )
        replica = catalogue.replica(key, finding.tier)
        again = catalogue.findings(key.community, state="open", aip=key.aip, tier=finding.tier)
        known = any(one.version == key.version and one.code in DAMAGE for one in again)
        if replica is None or replica.state is not ReplicaState.DAMAGED or known:
            raise UsageError(
                f"{key} on {finding.tier} is not damaged, or a finding about it is open",
                hint="`preserve finding list` shows what is open",
                code="FND-NOT-ACCEPTED",
            )
        made = events.new_id()
        catalogue.record([_opening(events, key, finding, made, by, reason)], lease)
        return made


def _opening(
    events: EventMaker, key: VersionKey, finding: FindingRow, made: str, by: str, reason: str
) -> Event:
    detail = {
        "finding": made,
        "code": finding.code,
        "subject": finding.subject,
        "message": finding.message,
        "hint": finding.hint,
        "severity": finding.severity,
        "reopens": finding.id,
        "by": by,
        "reason": reason,
        "localised": {name: told for name, told in finding.detail.items() if name != "repair"},
    }
    event = events.about(key, EventType.FINDING_OPENED, "fail", detail, tier=finding.tier)
    return replace(event, agent=by)
