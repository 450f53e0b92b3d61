"""From the catalogue and the journal to one report: everything is read here, and only here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from preservation.catalogue.protocol import Catalogue, FindingRow, ReplicaRow, VersionRow
from preservation.ledger.protocol import Journal
from preservation.model.check import CheckResult
from preservation.model.event import Event
from preservation.model.identifier import IdentifierStatus
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.reports.acts import (
    check_lines,
    deposit_lines,
    finding_lines,
    unchecked_lines,
)
from preservation.reports.ages import age_lines
from preservation.reports.document import Report
from preservation.reports.holdings import (
    KEPT,
    HeldFormat,
    by_catalogue,
    format_lines,
    replica_lines,
    shown,
    version_line,
)
from preservation.reports.numbers import count_all
from preservation.reports.promises import policy_words, promise_lines, task_lines
from preservation.reports.rows import (
    CheckLine,
    ReplicaLine,
    Run,
    Tables,
    TierLine,
    VersionLine,
)
from preservation.reports.sentences import sentences


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made from.

    Attributes:
        pending: events that are recorded and not in the journal yet (the outbox).
        unchecked: checks of this run that could not be made; they left no event.
        domains: tier -> the failure domain it was observed in; a tier that could not be
            observed is left out.
        formats: counts of the central inventory; without them the catalogue's are told.
        uncounted: AIP versions that are not in the inventory.
    """

    policy: Policy
    catalogue: Catalogue
    journal: Journal
    pending: Sequence[Event] = ()
    unchecked: Sequence[CheckResult] = ()
    domains: Mapping[str, str] | None = None
    formats: Sequence[HeldFormat] | None = None
    uncounted: int = 0


def gather(sources: Sources, run: Run) -> Report:
    """Read what happened from ``run.since`` on, and how things stand, into one report."""
    policy, catalogue = sources.policy, sources.catalogue
    domains = dict(sources.domains or {})
    rows = list(catalogue.versions(run.community))
    titles = {row.key: shown(row.title) for row in rows}
    replicas = list(catalogue.replicas(run.community))
    found = [f for f in catalogue.findings(run.community) if _is_told(f, run.since)]
    events = _events(sources, run, found)
    recent = [event for event in events if event.at >= run.since]
    checks = _worst_first(
        [*check_lines(recent, titles), *unchecked_lines(sources.unchecked, titles, run)]
    )
    made = {(VersionKey(run.community, c.aip, c.version), c.tier) for c in checks if c.event}
    held = _most_urgent_first(replica_lines(replicas, policy, titles, made, run.at))
    identifiers = _identifiers(catalogue, run.community)
    versions = sorted(
        _versions(rows, replicas, policy, domains, identifiers, run.at),
        key=lambda line: (line.standing == KEPT, line.title, line.aip, line.version),
    )
    findings = finding_lines(found, events, sources.journal.result, titles)
    deposits = deposit_lines(recent, catalogue.arrivals(run.community))
    tiers = tuple(tier_lines(policy, held, checks, domains))
    tables = Tables(
        promises=tuple(promise_lines(policy, versions, held, tiers, findings, run.at)),
        tasks=tuple(task_lines(policy, versions, held, tiers, findings, deposits, run.at)),
        tiers=tiers,
        ages=tuple(age_lines(policy, held, run.at)),
        checks=checks,
        findings=tuple(findings),
        versions=tuple(versions),
        replicas=held,
        formats=tuple(
            format_lines(
                by_catalogue(rows) if sources.formats is None else sources.formats,
                policy.intake.formats,
            )
        ),
        deposits=tuple(deposits),
    )
    numbers = count_all(tables)
    return Report(
        run=run,
        title={tag: shown(text) for tag, text in policy.title.items()},
        contact=shown(policy.contact),
        sentences=sentences(tables, numbers, policy, domains),
        numbers=numbers,
        policy_words=tuple(policy_words(policy)),
        uncounted=sources.uncounted,
        tables=tables,
    )


def _worst_first(lines: Iterable[CheckLine]) -> tuple[CheckLine, ...]:
    return tuple(sorted(lines, key=lambda line: (line.outcome == "intact", line.at, line.event)))


def _most_urgent_first(lines: Iterable[ReplicaLine]) -> tuple[ReplicaLine, ...]:
    damaged = ReplicaState.DAMAGED.value
    return tuple(
        sorted(
            lines,
            key=lambda line: (
                line.state != damaged,
                line.due_at is None,
                line.due_at or line.written_at,
                line.aip,
                line.version,
                line.tier,
            ),
        )
    )


def _is_told(finding: FindingRow, since: datetime) -> bool:
    """Open findings, and those closed in this run."""
    return finding.closed_at is None or finding.closed_at >= since


def _events(sources: Sources, run: Run, found: Iterable[FindingRow]) -> list[Event]:
    """The community's events since the run began, and since its findings were opened."""
    since = min([run.since, *(finding.opened_at for finding in found)])
    events: dict[str, Event] = {}
    for event in (*sources.journal.events(since), *sources.pending):
        if event.community == run.community and event.at >= since:
            events[event.id] = event
    return sorted(events.values(), key=lambda event: event.at)


def _versions(
    rows: Sequence[VersionRow],
    replicas: Iterable[ReplicaRow],
    policy: Policy,
    domains: Mapping[str, str],
    identifiers: Mapping[str, str],
    now: datetime,
) -> list[VersionLine]:
    by_version: defaultdict[VersionKey, list[ReplicaRow]] = defaultdict(list)
    for replica in replicas:
        by_version[replica.key].append(replica)
    independence = Independence(policy, domains)
    return [
        version_line(row, by_version[row.key], policy, independence, identifiers, now)
        for row in rows
    ]


def _identifiers(catalogue: Catalogue, community: str) -> dict[str, str]:
    """AIP -> its identifiers, and what they lead to where that is not the data set."""
    called: defaultdict[str, list[str]] = defaultdict(list)
    for row in catalogue.identifiers(community):
        live = row.status is IdentifierStatus.LIVE
        called[row.aip].append(row.identifier.shown + ("" if live else f" ({row.status.value})"))
    return {aip: ", ".join(names) for aip, names in called.items()}


def tier_lines(
    policy: Policy,
    replicas: Sequence[ReplicaLine],
    checks: Sequence[CheckLine],
    domains: Mapping[str, str],
) -> list[TierLine]:
    """One line for each tier that keeps, or should keep, this community's replicas."""
    wanted = [rule.tier for rule in policy.replicas] + list(policy.audit.tiers)
    names = dict.fromkeys([*wanted, *(line.tier for line in replicas)])
    return [_tier(name, policy, replicas, checks, domains) for name in names]


def _tier(
    name: str,
    policy: Policy,
    replicas: Sequence[ReplicaLine],
    checks: Sequence[CheckLine],
    domains: Mapping[str, str],
) -> TierLine:
    spec, rule = policy.tiers.get(name), policy.audit.tiers.get(name)
    mine = [line for line in replicas if line.tier == name]
    made = [line for line in checks if line.tier == name]
    states = Counter(line.state for line in mine)
    outcomes = Counter(line.outcome for line in made)
    return TierLine(
        tier=name,
        technology=shown(spec.technology) if spec else "",
        site=shown(spec.site) if spec else "",
        operator=shown(spec.operator) if spec else "",
        failure_domain=shown(domains.get(name, "")),
        level=rule.level.value if rule else "",
        max_age_seconds=int(rule.max_age.total_seconds()) if rule else 0,
        replicas=len(mine),
        verified=states[ReplicaState.VERIFIED.value],
        damaged=states[ReplicaState.DAMAGED.value],
        checks=len(made),
        intact=outcomes["intact"],
        altered=outcomes["altered"],
        missing=outcomes["missing"],
        unreadable=outcomes["unreadable"],
        unchecked=outcomes["unchecked"],
        bytes_read=sum(line.bytes_read for line in made),
        not_checked=sum(not line.checked_in_run for line in mine),
        overdue=sum(line.overdue for line in mine),
    )
