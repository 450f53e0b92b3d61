"""A report about a month or a year for one community: gathered, judged, written.

``evidence`` is for auditors: clause by clause, what is met and which figure shows it. ``holdings``
is for everybody: what is held and what came in. Both begin with the three sentences, and both
count events in their Parquet copies, never one by one.
"""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

from preservation.catalogue.figures import Figures
from preservation.catalogue.promises import Standing
from preservation.catalogue.protocol import FindingRow
from preservation.ledger.event_table import Tally
from preservation.model.deferred import dataclass
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.reports.document import PERIOD_SCHEMA, plain
from preservation.reports.holdings import SKEW, HeldFormat, format_lines, shown
from preservation.reports.judges import IN_PART, MET, NOT_SOFTWARE, Facts, judges
from preservation.reports.numbers import Figure, count_tables
from preservation.reports.period_rows import (
    ActLine,
    CoverLine,
    IncidentLine,
    MonthLine,
    OverdueLine,
    PeriodTables,
    PlaceLine,
    RequirementLine,
)
from preservation.reports.period_words import period_sentences
from preservation.reports.sentences import Sentence

KINDS = ("evidence", "holdings")

PERIOD_FIGURES = (
    Figure("met", "requirements met", "requirements", ("verdict", "met")),
    Figure("met_in_part", "met in part", "requirements", ("verdict", IN_PART)),
    Figure("not_met", "not met", "requirements", ("verdict", "not met")),
    Figure("not_software", "for people to show", "requirements", ("verdict", NOT_SOFTWARE)),
    Figure("versions", "AIP versions judged", "copies", column="versions"),
    Figure("replicas", "replicas", "places", column="replicas"),
    Figure("verified", "replicas verified", "places", column="verified"),
    Figure("damaged", "replicas damaged", "places", column="damaged"),
    Figure("fresh", "with evidence from the period", "places", column="fresh"),
    Figure("overdue", "checks overdue", "places", column="overdue"),
    Figure("ahead", "checks dated later than now", "places", column="ahead"),
    Figure("checks", "checks", "months", column="checks"),
    Figure("intact", "found intact", "months", column="intact"),
    Figure("bytes_read", "read", "months", column="bytes_read"),
    Figure("accepted", "deposits accepted", "months", column="accepted"),
    Figure("rejected", "deposits rejected", "months", column="rejected"),
    Figure("bytes_in", "taken in", "months", column="bytes_in"),
    Figure("repaired", "replicas repaired", "months", column="repaired"),
    Figure("findings", "findings", "incidents", column="findings"),
    Figure("findings_open", "findings open", "incidents", column="open"),
    Figure("events", "events", "acts", column="events"),
    Figure("formats", "formats", "formats"),
    Figure("format_files", "files", "formats", column="files"),
)


@dataclass(frozen=True, slots=True)
class Period:
    """What the report is about.

    Attributes:
        kind: ``evidence`` or ``holdings``.
        name: ``2026`` or ``2026-11``.
        since, until: from, and up to but without; UTC.
        at: when the report was made.
    """

    kind: str
    name: str
    since: datetime
    until: datetime
    at: datetime
    community: str
    agent: str
    policy: str

    @property
    def id(self) -> str:
        """The run's name: the same period written again takes its place."""
        return f"{self.kind}-{self.name}"

    @property
    def complete(self) -> bool:
        """Whether the period was over when the report was made."""
        return self.at >= self.until


@dataclass(frozen=True, slots=True)
class PeriodSources:
    """What such a report is made from.

    Attributes:
        findings: those that were open at some moment of the period; they are read once.
        tallies: events by month, from the first there are to the end of the period.
        cited: how many events of the period name a policy.
        keepers: tiers that were seen to hold the newest file of the journal.
        formats: counts of the central inventory; ``uncounted``: versions that are not in it.
    """

    policy: Policy
    figures: Figures
    standing: Standing
    domains: Mapping[str, str]
    findings: Iterable[FindingRow]
    tallies: Sequence[Tally]
    cited: int
    identified: int
    keepers: Sequence[str]
    formats: Sequence[HeldFormat]
    uncounted: int


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """One report as a value."""

    run: Period
    title: Mapping[str, str]
    contact: str
    sentences: tuple[Sentence, Sentence, Sentence]
    numbers: Mapping[str, int]
    tables: PeriodTables
    uncounted: int

    def to_json(self) -> dict[str, Any]:
        """The document ``samarkand.period-report/1``."""
        return {
            "schema": PERIOD_SCHEMA,
            "run": {**plain(self.run), "id": self.run.id, "complete": self.run.complete},
            "title": dict(self.title),
            "contact": self.contact,
            "sentences": [plain(sentence) for sentence in self.sentences],
            "numbers": dict(self.numbers),
            "uncounted": self.uncounted,
            "tables": {name: [plain(row) for row in rows] for name, rows in self.tables.named()},
        }


def gather_period(sources: PeriodSources, run: Period) -> PeriodReport:
    """Put everything together."""
    policy = sources.policy
    places = tuple(_places(sources, run))
    copies = tuple(_copies(sources))
    first, last = run.since.strftime("%Y-%m"), _last_month(run)
    mine = [one for one in sources.tallies if first <= one.month <= last]
    months, acts = tuple(_months(mine, _names(run))), tuple(_acts(mine))
    formats = tuple(format_lines(sources.formats, policy.intake.formats))
    facts = Facts(
        policy=policy,
        standing=sources.standing,
        places=places,
        copies=copies,
        months=months,
        formats=formats,
        identified=sources.identified,
        uncounted=sources.uncounted,
        keepers=len(sources.keepers),
        keeper_sites=Independence(policy, sources.domains).counts(sources.keepers)[2],
        acts=sum(line.events for line in acts),
        cited=sources.cited,
    )
    tables = PeriodTables(
        requirements=tuple(_requirements(facts)) if run.kind == "evidence" else (),
        places=places,
        copies=copies,
        overdue=tuple(_overdue(sources.standing)),
        months=months,
        incidents=tuple(_incidents(sources.findings, run)),
        acts=acts,
        formats=formats,
    )
    numbers = count_tables(PERIOD_FIGURES, dict(tables.named()))
    return PeriodReport(
        run=run,
        title={tag: shown(text) for tag, text in policy.title.items()},
        contact=shown(policy.contact),
        sentences=period_sentences(sources.standing, numbers, run.until),
        numbers=numbers,
        tables=tables,
        uncounted=sources.uncounted,
    )


def _requirements(facts: Facts) -> Iterator[RequirementLine]:
    known = dict(judges())
    for framework in _standards():
        for clause in framework["clauses"]:
            about = (framework["id"], clause["clause"], clause["asks"])
            if "shown_by" in clause:
                one = known[clause["shown_by"]](facts)
                verdict, told = one.verdict, one.evidence
                if "rest" in clause and verdict == MET:
                    verdict, told = IN_PART, f"{told}; the rest to be shown by {clause['rest']}"
                yield RequirementLine(*about, verdict, told, one.figure, one.shown_in)
            else:
                told = f"to be shown by {clause['instead']}"
                yield RequirementLine(*about, NOT_SOFTWARE, told, 0, "")


def _standards() -> list[dict[str, Any]]:
    data = resources.files("preservation.reports") / "data" / "requirements.toml"
    found: list[dict[str, Any]] = tomllib.loads(data.read_text("utf-8"))["framework"]
    return found


def _places(sources: PeriodSources, run: Period) -> Iterator[PlaceLine]:
    for tier in sources.standing.tiers:
        spec = sources.policy.tiers.get(tier.tier)
        old = sources.figures.aged(run.community, tier.tier, run.since)
        ahead = sources.figures.dated_after(run.community, tier.tier, run.at + SKEW)
        yield PlaceLine(
            tier=tier.tier,
            technology=shown(spec.technology) if spec else "",
            medium=spec.medium if spec else "",
            site=shown(spec.site) if spec else "",
            operator=shown(spec.operator) if spec else "",
            failure_domain=shown(sources.domains.get(tier.tier, "")),
            replicas=tier.replicas,
            verified=tier.verified,
            damaged=tier.damaged,
            bytes=tier.octets,
            fresh=tier.replicas - old - ahead,
            overdue=tier.overdue,
            ahead=ahead,
            oldest=tier.oldest_check,
        )


def _copies(sources: PeriodSources) -> Iterator[CoverLine]:
    independence = Independence(sources.policy, sources.domains)
    for tiers, versions in sources.standing.covered.items():
        yield CoverLine(tiers, *independence.counts(tiers), versions)


def _overdue(standing: Standing) -> Iterator[OverdueLine]:
    for one in standing.broken:
        if one.code == "STD-OVERDUE":
            yield OverdueLine(shown(one.subject), one.since, one.next_step)


def _names(run: Period) -> list[str]:
    """The period's months, as far as they have begun."""
    end = min(run.until, run.at)
    year, month, names = run.since.year, run.since.month, []
    while datetime(year, month, 1, tzinfo=UTC) < end:
        names.append(f"{year:04}-{month:02}")
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return names


def _last_month(run: Period) -> str:
    names = _names(run)
    return names[-1] if names else ""


_COUNTED = {
    ("fixity check", "intact"): "intact",
    ("fixity check", "altered"): "altered",
    ("fixity check", "missing"): "missing",
    ("fixity check", "unreadable"): "unreadable",
    ("ingestion", "success"): "accepted",
    ("validation", "rejected"): "rejected",
    ("virus check", "clean"): "virus_checks",
    ("replication", "success"): "written",
    ("recovery", "success"): "repaired",
    ("notification", "success"): "told",
}
_COUNTED_ALL = {
    "fixity check": "checks",
    "format identification": "format_reviews",
    "finding opened": "found",
    "finding resolved": "closed",
    "finding accepted": "closed",
}
_SUMMED = {"fixity check": "bytes_read", "ingestion": "bytes_in"}


def _months(tallies: Iterable[Tally], names: Sequence[str]) -> Iterator[MonthLine]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in tallies:
        month = counts[one.month]
        for column in (_COUNTED.get((one.type, one.outcome)), _COUNTED_ALL.get(one.type)):
            if column:
                month[column] += one.events
        if one.type in _SUMMED:
            month[_SUMMED[one.type]] += one.octets
        if one.type == "ingestion":
            month["files_in"] += one.files
    columns = [name for name in MonthLine.__dataclass_fields__ if name != "month"]
    for name in names:
        yield MonthLine(name, *(counts[name][column] for column in columns))


def _acts(tallies: Iterable[Tally]) -> Iterator[ActLine]:
    events: Counter[tuple[str, str]] = Counter()
    octets: Counter[tuple[str, str]] = Counter()
    for one in tallies:
        events[one.type, one.outcome] += one.events
        octets[one.type, one.outcome] += one.octets
    for (kind, outcome), number in sorted(events.items()):
        yield ActLine(shown(kind), shown(outcome), number, octets[kind, outcome])


def _incidents(rows: Iterable[FindingRow], run: Period) -> Iterator[IncidentLine]:
    """By code: findings that were open at some moment of the period. They pass one by one."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    longest: defaultdict[str, timedelta] = defaultdict(timedelta)
    for row in rows:
        if row.opened_at < run.until and (row.closed_at is None or row.closed_at >= run.since):
            count, span = counts[row.code], (row.closed_at or run.at) - row.opened_at
            count["findings"] += 1
            count["opened"] += row.opened_at >= run.since
            count[row.state] += 1
            longest[row.code] = max(longest[row.code], span)
    for code, count in sorted(counts.items()):
        yield IncidentLine(
            code=code,
            findings=count["findings"],
            opened=count["opened"],
            resolved=count["resolved"],
            accepted=count["accepted"],
            open=count["open"],
            longest_hours=int(longest[code].total_seconds() // 3600),
        )


def period_of(
    kind: str, name: str, community: str, at: datetime, agent: str, policy: str
) -> Period:
    """The period of a name that :func:`is_period` took."""
    year, month = int(name[:4]), int(name[5:7] or 1)
    following = (year + 1, 1) if not name[5:7] or month == 12 else (year, month + 1)
    since = datetime(year, month, 1, tzinfo=UTC)
    until = datetime(*following, 1, tzinfo=UTC)
    return Period(kind, name, since, until, at, community, shown(agent), policy)
