"""What was done, as the journal tells it: checks and deposits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from preservation.catalogue.protocol import Arrival
from preservation.model.check import CheckResult
from preservation.model.digest import Digest
from preservation.model.event import Event, EventType
from preservation.model.outcome import Outcome
from preservation.model.replica import VersionKey
from preservation.reports.holdings import shown
from preservation.reports.rows import CheckLine, DepositLine, Run

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


def _title(event: Event, titles: Titles) -> str:
    return titles.get(VersionKey(event.community, event.aip, event.version), "")
