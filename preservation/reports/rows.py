"""The rows of a report's tables: the only thing that its numbers are counted from.

Times are UTC; sizes are octets (``bytes`` in the names of columns, the word people know).
Names are display text (``preservation.model.names.display``), never raw.

Source: ``docs/reference/report.md`` describes each column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from preservation.model.deferred import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """What the report is about: one run for one community, from ``since`` to ``at``."""

    id: str  # as the scheduler, or whoever started it, calls the run
    community: str
    since: datetime
    at: datetime
    agent: str
    policy: str  # the digest of the policy in force


@dataclass(frozen=True, slots=True)
class PromiseLine:
    """One promise of the policy, and how many of those it was made for it was kept for."""

    promise: str
    judged: int
    broken: int
    verdict: str  # kept, broken, "nothing to judge"
    shown_in: str  # the table whose rows ``judged`` and ``broken`` were counted from


@dataclass(frozen=True, slots=True)
class TaskLine:
    """Something a person or the next run must do."""

    task: str
    by: datetime | None  # None: no date was promised
    since_past: bool  # True: the date has passed
    subjects: tuple[str, ...]
    next_step: str


@dataclass(frozen=True, slots=True)
class StatementLine:
    """What is known besides single checks, in a sentence."""

    about: str  # sample, drill, brake, retention, access
    statement: str


@dataclass(frozen=True, slots=True)
class TierLine:
    """One tier that keeps this community's replicas, and what was checked on it."""

    tier: str
    technology: str
    site: str
    operator: str
    failure_domain: str  # as observed; empty if it could not be
    level: str  # promised, as E0…E4; empty if no audit is promised
    max_age_seconds: int  # promised; 0 if no audit is promised
    replicas: int
    verified: int
    damaged: int
    checks: int
    intact: int
    altered: int
    missing: int
    unreadable: int
    unchecked: int
    bytes_read: int
    not_checked: int  # replicas that this run did not check
    overdue: int


@dataclass(frozen=True, slots=True)
class AgeLine:
    """How old the evidence on one tier is, in quarters of what the policy allows."""

    tier: str
    max_age_seconds: int
    quarter_1: int
    quarter_2: int
    quarter_3: int
    quarter_4: int
    never: int  # never checked, and not overdue yet
    overdue: int
    oldest: datetime | None  # the oldest check


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One fixity check of one replica in this run."""

    at: datetime
    tier: str
    aip: str
    version: int
    title: str
    outcome: str
    level: str
    algorithms: tuple[str, ...]
    files_intact: int
    files_other: int
    bytes_read: int
    cache_bypassed: bool
    milliseconds: int
    reason: str
    event: str
    agent: str
    policy: str


@dataclass(frozen=True, slots=True)
class ReplicaLine:
    """One replica as it stands."""

    aip: str
    version: int
    title: str
    tier: str
    packaging: str
    state: str
    bytes: int
    written_at: datetime
    verified_at: datetime | None
    checked_at: datetime | None
    outcome: str
    level: str
    due_at: datetime | None  # the next check must be before; None if none is promised
    overdue: bool
    weak: bool  # the last check was weaker than promised
    all_digests_at: datetime | None  # last found intact by all of its digests
    part_compared: bool  # that is longer ago than promised
    checked_in_run: bool
    seal: str


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One AIP version, with its copies against the policy."""

    aip: str
    version: int
    title: str
    identifier: str
    files: int
    bytes: int
    ingested_at: datetime
    verified: int
    promised: int
    failure_domains: int
    sites: int
    standing: str  # kept, short, "not due yet"
    lacks: tuple[str, ...]  # in words; of what was due already
    seal: str


@dataclass(frozen=True, slots=True)
class RangeLine:
    """Where a damaged file differs from the intact one; samples in hexadecimal."""

    offset: int  # in octets, from 0
    bytes: int
    damaged: str
    intact: str


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file that a finding is about."""

    path: str
    outcome: str
    reason: str
    expected: str
    observed: str
    ranges: tuple[RangeLine, ...]  # empty where nothing intact was there to compare with


@dataclass(frozen=True, slots=True)
class ActionLine:
    """One act because of a finding."""

    at: datetime
    act: str
    agent: str
    event: str


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding: open, or closed in this run."""

    id: str
    code: str
    severity: str
    state: str
    tier: str
    aip: str
    version: int
    title: str
    message: str
    hint: str
    opened_at: datetime
    closed_at: datetime | None
    files: tuple[FileLine, ...]
    more_files: int
    actions: tuple[ActionLine, ...]


@dataclass(frozen=True, slots=True)
class DepositLine:
    """One deposit that was decided on in this run, or is waiting."""

    at: datetime
    deposit: str
    outcome: str  # accepted, rejected, "held already", waiting
    aip: str
    version: int
    files: int
    bytes: int
    reasons: tuple[str, ...]
    invalid: int  # files that their format's own library could not read
    unscanned: int  # files that a virus scan was asked for and not given
    virus: str  # what virus scans came to, in words: "not asked", "3 clean"; empty: nothing taken


@dataclass(frozen=True, slots=True)
class FormatLine:
    """One format among all that is held."""

    id: str  # PRONOM's or ours; empty: unknown
    name: str
    version: str
    mime: str
    files: int
    bytes: int
    doubtful: int  # files of which something speaks against the format, or nobody knows it
    invalid: int  # files that the format's own library could not read at ingest
    changed: int  # files that a later look found to be something else than at ingest
    risk: str  # high, moderate, low, unknown: by today's register
    standing: str  # preferred, accepted, unlisted, refused, unidentified: by today's policy


@dataclass(frozen=True, slots=True)
class Tables:
    """All rows of one report."""

    promises: tuple[PromiseLine, ...]
    tasks: tuple[TaskLine, ...]
    tiers: tuple[TierLine, ...]
    ages: tuple[AgeLine, ...]
    statements: tuple[StatementLine, ...]
    checks: tuple[CheckLine, ...]
    findings: tuple[FindingLine, ...]
    versions: tuple[VersionLine, ...]
    replicas: tuple[ReplicaLine, ...]
    formats: tuple[FormatLine, ...]
    deposits: tuple[DepositLine, ...]

    def named(self) -> Iterator[tuple[str, Sequence[Any]]]:
        """Each table's name and rows, in the order of the page."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)
