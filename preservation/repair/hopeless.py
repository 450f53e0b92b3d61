"""The worst that can be said: no replica is whole any more. Said once, with what is left of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue
from preservation.model.event import EventMaker, EventType
from preservation.model.finding import NO_INTACT_REPLICA, Finding, Severity
from preservation.model.units import counted
from preservation.repair.result import RepairResult
from preservation.repair.salvage import Salvaged
from preservation.repair.task import Task

_NAMED = 10  # files that a sentence names


def hopeless(
    catalogue: Catalogue,
    events: EventMaker,
    task: Task,
    reason: str,
    keep: Callable[[], Salvaged],
) -> RepairResult:
    """Say that every replica was looked at, and the whole is nowhere.

    Args:
        reason: what each replica came to.
        keep: keeps what could be recovered; asked only if nobody said it before.
    """
    kept = ""
    with hold(catalogue, f"finding:{task.row.key}", events.clock) as lease:
        if lease is not None:  # otherwise another replica's repair says it now
            kept = _said_before(catalogue, task) or _say(catalogue, events, task, reason, keep())
    return replace(task.result("hopeless", reason), salvage=kept)


def _said_before(catalogue: Catalogue, task: Task) -> str:
    """Where what could be recovered lies by the finding that is open; empty if none is."""
    key = task.row.key
    for one in catalogue.findings(key.community, state="open", aip=key.aip):
        if one.code == NO_INTACT_REPLICA and one.version == key.version:
            salvage = one.detail.get("salvage", {})
            return f"{salvage.get('tier', '')}:{salvage.get('place', '')}"
    return ""


def _say(catalogue: Catalogue, events: EventMaker, task: Task, reason: str, kept: Salvaged) -> str:
    row = task.row
    lost = kept.gathered.unknown or (
        f"{counted(kept.gathered.lost_files, 'file')} intact nowhere: "
        f"{', '.join(kept.gathered.lost[:_NAMED])}"
    )
    where = f"; {kept.gathered.files} are kept at {kept.place} on {kept.tier}"
    critical = Finding(
        NO_INTACT_REPLICA,
        str(row.key),
        f"no intact replica is left to repair {row.tier} from: {lost}"
        f"{where if kept.place else ''} ({reason})",
        "look for a copy elsewhere before anything else is done; nothing was removed",
        Severity.CRITICAL,
    )
    localised = {"salvage": kept.to_json()}
    detail = {"finding": events.new_id(), **critical.to_json(), "localised": localised}
    event = events.about(row.key, EventType.FINDING_OPENED, "fail", detail, policy=task.policy.ref)
    catalogue.record([event], task.lease)
    return f"{kept.tier}:{kept.place}"
