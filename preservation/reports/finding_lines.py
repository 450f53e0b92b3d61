"""Findings as a report tells them: with what was done about each, in little memory.

They pass one by one. What the journal says about them is asked for many together, since each
question reads all of it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from itertools import islice
from typing import Any

from preservation.catalogue.protocol import Catalogue, FindingRow
from preservation.errors import SamarkandError
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.event import Event, EventType
from preservation.model.finding import DAMAGE
from preservation.model.outcome import Outcome
from preservation.model.replica import VersionKey
from preservation.reports.acts import Results, Titles
from preservation.reports.holdings import shown
from preservation.reports.rows import ActionLine, FileLine, FindingLine, RangeLine, Run
from preservation.reports.told import Told

_TOGETHER = 10_000  # findings whose acts are held at once: a few hundred octets each


@dataclass(slots=True)
class _Acts:
    """What was done about one finding; ``differences`` are difference maps, by their digests."""

    lines: list[ActionLine] = field(default_factory=list)
    differences: list[tuple[datetime, str]] = field(default_factory=list)


def finding_lines(
    catalogue: Catalogue, told: Told, results: Results, titles: Titles, run: Run
) -> Iterator[FindingLine]:
    """Findings that are open, or were closed in a run, with what was done about them: the oldest
    first, as they come from the catalogue.
    """
    rows = catalogue.each_finding(run.community, since=run.since, brief=True)
    while some := [(row.id, row.opened_at) for row in islice(rows, _TOGETHER)]:
        ids = [id for id, _ in some]
        acts = _acts(told.about(set(ids), min(at for _, at in some)))
        for row in catalogue.findings_by(ids):
            yield _finding(row, acts.get(row.id) or _Acts(), results, titles)


def _acts(events: Iterable[Event]) -> Mapping[str, _Acts]:
    """By finding: only what is told of events is held, not what they carry."""
    acts: defaultdict[str, _Acts] = defaultdict(_Acts)
    for event in events:
        mine, agent = acts[event.detail["finding"]], sys.intern(shown(event.agent))
        mine.lines.append(ActionLine(event.at, sys.intern(_act(event)), agent, event.id))
        if digest := event.detail.get("difference"):
            mine.differences.append((event.at, digest))
    for one in acts.values():
        one.lines.sort(key=lambda line: line.at)
        one.differences.sort(key=lambda told: told[0])
    return acts


def _finding(row: FindingRow, acts: _Acts, results: Results, titles: Titles) -> FindingLine:
    found = [_as_file(file) for file in row.detail.get("files", [])]
    key = VersionKey(row.community, row.aip, row.version) if row.aip and row.version else None
    return FindingLine(
        id=row.id,
        code=row.code,
        severity=row.severity,
        state=row.state,
        tier=row.tier,
        aip=row.aip,
        version=row.version,
        title=titles.get(key, "") if key else "",
        message=shown(row.message),
        hint=shown(row.hint) if row.state == "open" else "",
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        files=tuple(_files(found, _differences(acts, results))),
        more_files=int(row.detail.get("more", 0)),
        actions=tuple(acts.lines),
    )


def _differences(acts: _Acts, results: Results) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The ranges of each file, from the newest difference map of a finding."""
    if not acts.differences:
        return {}
    try:
        document = results(Digest.parse_tagged(acts.differences[-1][1]))
    except (SamarkandError, OSError):
        return {}  # the map is lost: the finding is told without it
    return {file["path"]: file["ranges"] for file in document.get("files", [])}


def _as_file(file: Any) -> Mapping[str, Any]:
    """What a finding names: a file with its outcome, or, from other writers, a bare name."""
    return file if isinstance(file, Mapping) else {"path": str(file)}


def _files(
    found: Iterable[Mapping[str, Any]], differences: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[FileLine]:
    """The files that the check named, then whatever else the difference map knows."""
    rest = dict(differences)
    for file in found:
        ranges = rest.pop(file.get("path", ""), [])
        yield FileLine(
            path=shown(file.get("path", "")),
            outcome=str(file.get("outcome", "")),
            reason=shown(str(file.get("reason", ""))),
            expected=str(file.get("expected", "")),
            observed=str(file.get("observed", "")),
            ranges=_ranges(ranges),
        )
    for path, ranges in rest.items():
        yield FileLine(shown(path), Outcome.ALTERED.value, "", "", "", _ranges(ranges))


def _ranges(ranges: Iterable[Mapping[str, Any]]) -> tuple[RangeLine, ...]:
    return tuple(
        RangeLine(int(r["offset"]), int(r["bytes"]), str(r["damaged"]), str(r["intact"]))
        for r in ranges
    )


def _act(event: Event) -> str:
    detail = event.detail
    match event.type, event.outcome:
        case EventType.FINDING_OPENED, _:
            by = detail.get("by")
            text = f"opened again by {by}: {detail.get('reason', '')}" if by else "found"
        case EventType.FINDING_RESOLVED, _:
            text = f"closed: {detail.get('reason', '')}"
        case EventType.FINDING_ACCEPTED, _:
            text = f"accepted by {detail.get('by', '')}: {detail.get('reason', '')}"
        case EventType.QUARANTINE, _:
            text = f"damaged bytes set aside on {event.tier}: {detail.get('place', '')}"
        case EventType.RECOVERY, "begun":
            approved = detail.get("approved_by")
            text = f"repair from {detail.get('source', '')} begun"
            text += f", approved by {approved}" if approved else ""
        case EventType.RECOVERY, "success":
            text = f"{event.tier} healed from {detail.get('source', '')}"
        case _:
            text = f"{event.type.value}: {event.outcome}"
    return shown(text)


def accepted_damage(catalogue: Catalogue, community: str) -> set[tuple[str, int, str]]:
    """Replicas whose damage a person let stand, and of which nothing else was found since."""
    every = catalogue.each_finding
    accepted, found = (
        {
            (row.aip, row.version, row.tier)
            for row in every(community, state, brief=True)
            if row.code in DAMAGE
        }
        for state in ("accepted", "open")
    )
    return accepted - found
