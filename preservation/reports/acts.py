"""What was done, as the journal tells it: checks, deposits, and what came of findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from preservation.catalogue.protocol import Arrival, FindingRow
from preservation.errors import SamarkandError
from preservation.model.check import CheckResult
from preservation.model.digest import Digest
from preservation.model.event import Event, EventType
from preservation.model.outcome import Outcome
from preservation.model.replica import VersionKey
from preservation.reports.holdings import shown
from preservation.reports.rows import (
    ActionLine,
    CheckLine,
    DepositLine,
    FileLine,
    FindingLine,
    RangeLine,
    Run,
)

Results = Callable[[Digest], Any]  # a result document by its digest: ``Journal.result``
Titles = Mapping[VersionKey, str]


def check_line(event: Event, titles: Titles) -> CheckLine:
    """A fixity check, as its event tells it."""
    detail, files = event.detail, event.detail.get("files", {})
    intact = int(files.get(Outcome.INTACT.value, 0))
    return CheckLine(
        at=event.at,
        tier=event.tier,
        aip=event.aip,
        version=event.version,
        title=_title(event, titles),
        outcome=event.outcome,
        level=str(detail.get("level", "")),
        algorithms=tuple(detail.get("algorithms", ())),
        files_intact=intact,
        files_other=sum(files.values()) - intact,
        bytes_read=int(detail.get("bytes_read", 0)),
        cache_bypassed=bool(detail.get("cache_bypassed")),
        milliseconds=int(detail.get("milliseconds", 0)),
        reason=shown(str(detail.get("reason", ""))),
        event=event.id,
        agent=shown(event.agent),
        policy=event.policy,
    )


def unchecked_lines(results: Iterable[CheckResult], titles: Titles, run: Run) -> list[CheckLine]:
    """Checks that were tried and could not be made. They left no event: nothing is known."""
    return [
        CheckLine(
            at=run.at,
            tier=result.tier,
            aip=result.key.aip,
            version=result.key.version,
            title=titles.get(result.key, ""),
            outcome=result.outcome.value,
            level="",
            algorithms=(),
            files_intact=0,
            files_other=0,
            bytes_read=result.octets,
            cache_bypassed=False,
            milliseconds=0,
            reason=shown(result.reason),
            event="",
            agent=shown(run.agent),
            policy=run.policy,
        )
        for result in results
        if result.outcome is Outcome.UNCHECKED and not result.event
    ]


def deposit_lines(events: Iterable[Event], waiting: Iterable[Arrival]) -> list[DepositLine]:
    """The deposits decided on among events, then those that still wait."""
    kinds = (EventType.INGESTION, EventType.VALIDATION)
    decided = [_decided(event) for event in events if event.type in kinds]
    still = [
        DepositLine(row.seen_at, shown(row.name), "waiting", "", 0, 0, 0, (), 0, 0, "")
        for row in waiting
    ]
    return [*decided, *still]


def _decided(event: Event) -> DepositLine:
    detail = event.detail
    accepted = event.type is EventType.INGESTION
    virus = detail.get("virus", {})
    return DepositLine(
        at=event.at,
        deposit=shown(str(detail.get("deposit") or detail.get("title", ""))),
        outcome="accepted" if accepted else event.outcome,
        aip=event.aip,
        version=event.version,
        files=int(detail.get("files", 0)),
        bytes=int(detail.get("bytes", 0)),
        reasons=tuple(_reason(finding) for finding in detail.get("findings", ())),
        invalid=int(detail.get("checks", {}).get("invalid", 0)),
        unscanned=sum(virus.get("not_scanned", {}).values()),
        virus=_virus_words(virus) if accepted else "",
    )


def _virus_words(virus: Mapping[str, Any]) -> str:
    """``349 clean, 2 not scanned (encrypted: 1, size limit: 1)``."""
    if not virus:
        return "not asked"
    words = [f"{virus.get('clean', 0):,} clean"]
    missed = virus.get("not_scanned", {})
    if missed:
        whys = ", ".join(f"{shown(why)}: {count:,}" for why, count in sorted(missed.items()))
        words.append(f"{sum(missed.values()):,} not scanned ({whys})")
    return ", ".join(words)


def _reason(finding: Mapping[str, Any]) -> str:
    text = f"{finding.get('code', '')}: {finding.get('subject', '')}: {finding.get('message', '')}"
    return shown(text)


def finding_lines(
    rows: Iterable[FindingRow], events: Iterable[Event], results: Results, titles: Titles
) -> list[FindingLine]:
    """Findings with what was done about them, the open ones first, then the newest.

    ``events`` must hold at least those since the oldest of the findings was opened.
    """
    acts: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        about = event.detail.get("finding")
        if isinstance(about, str):
            acts[about].append(event)
    lines = [_finding(row, acts[row.id], results, titles) for row in rows]
    return sorted(lines, key=lambda line: (line.state != "open", -line.opened_at.timestamp()))


def _finding(
    row: FindingRow, acts: Sequence[Event], results: Results, titles: Titles
) -> FindingLine:
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
        actions=tuple(
            ActionLine(event.at, act, shown(event.agent), event.id)
            for event in acts
            for act in (_act(event),)
        ),
    )


def _differences(acts: Iterable[Event], results: Results) -> dict[str, list[Mapping[str, Any]]]:
    """The ranges of each file, from the newest difference map of a finding."""
    for event in reversed(list(acts)):
        if digest := event.detail.get("difference"):
            try:
                document = results(Digest.parse_tagged(digest))
            except (SamarkandError, OSError):
                return {}  # the map is lost: the finding is told without it
            return {file["path"]: file["ranges"] for file in document.get("files", [])}
    return {}


def _as_file(file: Any) -> Mapping[str, Any]:
    """What a finding names: a file with its outcome, or, from other writers, a bare name."""
    return file if isinstance(file, Mapping) else {"path": str(file)}


def _files(
    found: Iterable[Mapping[str, Any]], differences: dict[str, list[Mapping[str, Any]]]
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
            text = "found"
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


def _title(event: Event, titles: Titles) -> str:
    return titles.get(VersionKey(event.community, event.aip, event.version), "")
