"""Cold replicas: asked for by a check, which ends there; a later one reads them.

No worker waits for hours. The catalogue knows by when a replica can be read, and the next run
of the audit, the replication or a person comes back to it.
"""

from __future__ import annotations

from preservation.catalogue.protocol import Catalogue, ReplicaRow
from preservation.errors import NotNowError
from preservation.model.check import CheckResult
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import Finding, Severity
from preservation.model.outcome import Outcome
from preservation.policy.policy import Policy
from preservation.storage.recall import Recall, ready_words
from preservation.storage.tier import Tier

READABLE = "it can be read now"


def recalled(
    policy: Policy, row: ReplicaRow, tier: Tier, catalogue: Catalogue, events: EventMaker
) -> CheckResult:
    """Ask for a cold replica, once; says when to come back.

    Returns:
        ``unchecked``, with the reason: nothing is known of the octets.
    """
    try:
        recall = tier.recall(row.key)
    except NotNowError as error:
        return _unchecked(row, f"it can't be recalled: {error.message}", error.hint)
    if recall is None:
        return _unchecked(row, READABLE, "run it again")
    known = row.ready_by is not None and row.ready_by > events.clock.now()
    if recall.asked or not known:
        catalogue.record([_event(policy, row, recall, events)])
    ready_by = row.ready_by if known and not recall.asked and row.ready_by else recall.ready_by
    hint = "nothing to do: the first run after that reads it"
    finding = Finding("FIX-RECALLED", _subject(row), ready_words(ready_by), hint, Severity.WARNING)
    return CheckResult(
        row.key,
        row.tier,
        Outcome.UNCHECKED,
        0,
        ready_words(ready_by),
        findings=(finding,),
        ready_by=ready_by,
    )


def _event(policy: Policy, row: ReplicaRow, recall: Recall, events: EventMaker) -> Event:
    return events.about(
        row.key, EventType.RECALL, "success", recall.to_json(), tier=row.tier, policy=policy.ref
    )


def _unchecked(row: ReplicaRow, reason: str, hint: str) -> CheckResult:
    finding = Finding(
        "FIX-UNCHECKED", _subject(row), f"not checked: {reason}", hint, Severity.WARNING
    )
    return CheckResult(row.key, row.tier, Outcome.UNCHECKED, 0, reason, findings=(finding,))


def _subject(row: ReplicaRow) -> str:
    return f"{row.key} on {row.tier}"
