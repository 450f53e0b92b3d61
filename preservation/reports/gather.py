"""From the catalogue and the journal to one report: everything is read here, and only here.

Versions, replicas, checks, findings and deposits pass one by one. They are counted as they pass,
and only the rows that a page draws are kept: memory does not grow with what a community holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from preservation.catalogue.protocol import Catalogue, ReplicaRow, VersionRow
from preservation.ledger.protocol import Journal
from preservation.model.check import CheckResult
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventType
from preservation.model.identifier import IdentifierStatus
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.comparing import Comparing
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.policy.terms import Past
from preservation.reports.acts import check_line, deposit_lines, unchecked_lines
from preservation.reports.ages import Ages
from preservation.reports.document import Report
from preservation.reports.drawn import Drawn
from preservation.reports.finding_lines import accepted_damage, finding_lines
from preservation.reports.holdings import (
    KEPT,
    FormatsByCatalogue,
    HeldFormat,
    Place,
    format_lines,
    is_ahead,
    replica_lines,
    shown,
    version_line,
)
from preservation.reports.numbers import count_tables_but
from preservation.reports.promises import Promises, Tasks, policy_words
from preservation.reports.rows import (
    CheckLine,
    DepositLine,
    FindingLine,
    ReplicaLine,
    Run,
    StatementLine,
    Tables,
    TierLine,
    VersionLine,
)
from preservation.reports.sentences import Glance, sentences
from preservation.reports.sink import Sink, Writer
from preservation.reports.told import JournalEvents, Told

_AT_ONCE = 500  # versions whose identifiers are asked for together
FINDINGS = 250  # that the document keeps: each may name hundreds of files


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
        told: where events are read; from the journal by default.
        statements: what is known besides: drills, brakes, retention, access.
        past: what governed the community; by default the policy alone, ever.
    """

    policy: Policy
    catalogue: Catalogue
    journal: Journal
    pending: Sequence[Event] = ()
    unchecked: Sequence[CheckResult] = ()
    domains: Mapping[str, str] | None = None
    formats: Sequence[HeldFormat] | None = None
    uncounted: int = 0
    told: Told | None = None
    statements: Sequence[StatementLine] = ()
    past: Past | None = None


def gather(sources: Sources, run: Run, writer: Writer | None = None) -> Report:
    """Read what happened from ``run.since`` on, and how things stand, into one report.

    Args:
        sources: what is read.
        run: what the report is about.
        writer: takes the rows of tables that are too long to be kept.
    """
    return _Gathering(sources, run, writer).report()


class _Gathering:
    """One report in the making."""

    def __init__(self, sources: Sources, run: Run, writer: Writer | None) -> None:
        policy, domains = sources.policy, dict(sources.domains or {})
        self._sources, self._run, self._policy, self._domains = sources, run, policy, domains
        self._told = sources.told or JournalEvents(sources.journal, sources.pending, run.community)
        self._independence = Independence(policy, domains)
        self._versions = Sink[VersionLine]("versions", _short_first, writer)
        self._replicas = Sink[ReplicaLine]("replicas", _urgent_first, writer)
        self._checks = Sink[CheckLine]("checks", _worst_first, writer)
        self._findings = Sink[FindingLine]("findings", _open_first, writer, FINDINGS)
        self._deposits = Sink[DepositLine]("deposits", _waiting_last, writer)
        self._promises = Promises(policy, run.at)
        self._tasks = Tasks(policy, run.at, accepted_damage(sources.catalogue, run.community))
        self._ages, self._tiers = Ages(policy, run.at), _Tiers(policy, domains)
        self._formats, self._seen = FormatsByCatalogue(), Glance()
        promised = ((tier, Comparing.of(policy, tier, sources.past)) for tier in policy.tiers)
        limits = ((tier, one.before(run.at)) for tier, one in promised if one is not None)
        self._compared = {tier: before for tier, before in limits if before is not None}
        self._drawn = Drawn()
        self._made: set[Place] = set()
        self._titles: dict[VersionKey, str] = {}  # of what checks and findings are about

    def report(self) -> Report:
        self._note_subjects()
        self._hold()
        self._happen()
        self._find()
        tables = self._tables()
        sinks = self._sinks
        counted = {
            count.figure.key: count.value for sink in sinks.values() for count in sink.counts
        }
        numbers = count_tables_but(counted, dict(tables.named()))
        return Report(
            run=self._run,
            title={tag: shown(text) for tag, text in self._policy.title.items()},
            contact=shown(self._policy.contact),
            sentences=sentences(tables, numbers, self._seen, self._policy, self._domains),
            numbers=numbers,
            policy_words=tuple(policy_words(self._policy)),
            uncounted=self._sources.uncounted,
            tables=tables,
            totals={
                name: sinks[name].total if name in sinks else len(rows)
                for name, rows in tables.named()
            },
        )

    @property
    def _sinks(self) -> Mapping[str, Sink[Any]]:
        """Those tables whose rows may be too many to be kept here."""
        return {
            "versions": self._versions,
            "replicas": self._replicas,
            "checks": self._checks,
            "findings": self._findings,
            "deposits": self._deposits,
        }

    def _tables(self) -> Tables:
        """All tables, once everything was seen."""
        tiers, sources = tuple(self._tiers.lines()), self._sources
        held = self._formats.held() if sources.formats is None else sources.formats
        return Tables(
            promises=tuple(self._promises.lines(tiers)),
            tasks=tuple(self._tasks.lines(tiers)),
            tiers=tiers,
            ages=tuple(self._ages.lines()),
            statements=tuple(
                StatementLine(line.about, shown(line.statement))
                for line in (*self._drawn.lines(self._policy), *sources.statements)
            ),
            checks=self._checks.rows(),
            findings=self._findings.rows(),
            versions=self._versions.rows(),
            replicas=self._replicas.rows(),
            formats=tuple(format_lines(held, self._policy.intake.formats)),
            deposits=self._deposits.rows(),
        )

    def _note_subjects(self) -> None:
        """What was checked in this run, and whose titles are needed."""
        for event in self._told.events(self._run.since):
            if event.type is EventType.FIXITY_CHECK:
                self._drawn.see(event)
                key = VersionKey(event.community, event.aip, event.version)
                if not is_ahead(event.at, self._run.at):
                    self._made.add((key, event.tier))
                self._titles[key] = ""
        for result in self._sources.unchecked:
            self._titles[result.key] = ""
        run, catalogue = self._run, self._sources.catalogue
        for row in catalogue.each_finding(run.community, since=run.since, brief=True):
            if row.aip and row.version:
                self._titles[VersionKey(run.community, row.aip, row.version)] = ""

    def _hold(self) -> None:
        """Let every version and every replica pass once."""
        for version, replicas, called in self._together():
            title = shown(version.title) if version else ""
            made, now = self._made, self._run.at
            judged = replica_lines(replicas, self._policy, title, made, now, self._compared)
            lines = list(judged)
            for line in lines:
                self._replicas.add(line)
                self._promises.replica(line)
                self._tasks.replica(line)
                self._ages.add(line)
                self._tiers.replica(line)
                self._seen.replica(line)
            if version is None:
                continue
            if version.key in self._titles:
                self._titles[version.key] = title
            self._formats.add(version)
            about = version_line(
                version, replicas, self._policy, self._independence, called, self._run.at
            )
            self._versions.add(about)
            self._promises.version(about, lines)
            self._tasks.version(about, lines)
            self._seen.version(about)

    def _together(self) -> Iterator[tuple[VersionRow | None, list[ReplicaRow], str]]:
        """Each version with its replicas and identifiers; replicas of unknown versions apart.

        Both come from the catalogue by AIP and version, so they are joined as they come.
        """
        catalogue, community = self._sources.catalogue, self._run.community
        replicas = iter(catalogue.replicas(community))
        versions = iter(catalogue.versions(community))
        waiting = next(replicas, None)
        while some := list(islice(versions, _AT_ONCE)):
            names = self._identifiers({version.key.aip for version in some})
            for version in some:
                mine: list[ReplicaRow] = []
                while waiting is not None and _place(waiting.key) <= _place(version.key):
                    if waiting.key == version.key:
                        mine.append(waiting)
                    else:
                        yield None, [waiting], ""
                    waiting = next(replicas, None)
                yield version, mine, names.get(version.key.aip, version.lineage)
        while waiting is not None:
            yield None, [waiting], ""
            waiting = next(replicas, None)

    def _identifiers(self, aips: Iterable[str]) -> dict[str, str]:
        """AIP -> its identifiers, and what they lead to where that is not the data set."""
        called: defaultdict[str, list[str]] = defaultdict(list)
        for row in self._sources.catalogue.identifiers_of(sorted(aips)):
            live = row.status is IdentifierStatus.LIVE
            mark = "" if live else f" ({row.status.value})"
            called[row.aip].append(row.identifier.shown + mark)
        return {aip: ", ".join(names) for aip, names in called.items()}

    def _happen(self) -> None:
        """Let everything that happened in this run pass once."""
        for event in self._told.events(self._run.since):
            if event.type is EventType.FIXITY_CHECK:
                self._check(check_line(event, self._titles))
            for line in deposit_lines([event], ()):
                self._deposit(line)
        for tried in unchecked_lines(self._sources.unchecked, self._titles, self._run):
            self._check(tried)
        waiting = self._sources.catalogue.arrivals(self._run.community, "waiting")
        for line in deposit_lines((), waiting):
            self._deposit(line)

    def _check(self, line: CheckLine) -> None:
        self._checks.add(line)
        self._tiers.check(line)
        self._seen.check(line)

    def _deposit(self, line: DepositLine) -> None:
        self._deposits.add(line)
        self._tasks.deposit(line)

    def _find(self) -> None:
        """Let every finding that is open, or was closed in this run, pass once."""
        catalogue, results = self._sources.catalogue, self._sources.journal.result
        for line in finding_lines(catalogue, self._told, results, self._titles, self._run):
            self._findings.add(line)
            self._promises.finding(line)
            self._tasks.finding(line)


def _place(key: VersionKey) -> tuple[str, int]:
    return key.aip, key.version


def _short_first(line: VersionLine) -> tuple[bool, str, str, int]:
    return (line.standing == KEPT, line.title, line.aip, line.version)


def _urgent_first(line: ReplicaLine) -> tuple[bool, bool, datetime, str, int, str]:
    return (
        line.state != ReplicaState.DAMAGED.value,
        line.due_at is None,
        line.due_at or line.written_at,
        line.aip,
        line.version,
        line.tier,
    )


def _worst_first(line: CheckLine) -> tuple[bool, datetime, str]:
    return (line.outcome == "intact", line.at, line.event)


def _waiting_last(line: DepositLine) -> tuple[bool, datetime]:
    return (line.outcome == "waiting", line.at)


def _open_first(line: FindingLine) -> tuple[bool, float]:
    return (line.state != "open", -line.opened_at.timestamp())


class _Tiers:
    """Tiers that keep, or should keep, this community's replicas: counted row by row."""

    def __init__(self, policy: Policy, domains: Mapping[str, str]) -> None:
        self._policy, self._domains = policy, domains
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._kept: dict[str, None] = {}

    def replica(self, line: ReplicaLine) -> None:
        """Count a replica."""
        self._kept.setdefault(line.tier)
        count = self._counts[line.tier]
        count["replicas"] += 1
        count[line.state] += 1
        count["not_checked"] += not line.checked_in_run
        count["overdue"] += line.overdue

    def check(self, line: CheckLine) -> None:
        """Count a check."""
        count = self._counts[line.tier]
        count["checks"] += 1
        count[f"found {line.outcome}"] += 1
        count["bytes_read"] += line.bytes_read

    def lines(self) -> Iterator[TierLine]:
        """One line for each, the policy's first."""
        wanted = [rule.tier for rule in self._policy.replicas] + list(self._policy.audit.tiers)
        for name in dict.fromkeys([*wanted, *sorted(self._kept)]):
            yield self._line(name, self._counts[name])

    def _line(self, name: str, counts: Counter[str]) -> TierLine:
        spec, rule = self._policy.tiers.get(name), self._policy.audit.tiers.get(name)
        return TierLine(
            tier=name,
            technology=shown(spec.technology) if spec else "",
            site=shown(spec.site) if spec else "",
            operator=shown(spec.operator) if spec else "",
            failure_domain=shown(self._domains.get(name, "")),
            level=rule.level.value if rule else "",
            max_age_seconds=int(rule.max_age.total_seconds()) if rule else 0,
            replicas=counts["replicas"],
            verified=counts[ReplicaState.VERIFIED.value],
            damaged=counts[ReplicaState.DAMAGED.value],
            checks=counts["checks"],
            intact=counts["found intact"],
            altered=counts["found altered"],
            missing=counts["found missing"],
            unreadable=counts["found unreadable"],
            unchecked=counts["found unchecked"],
            bytes_read=counts["bytes_read"],
            not_checked=counts["not_checked"],
            overdue=counts["overdue"],
        )
