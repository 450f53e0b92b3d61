"""The rows of the reports about a month or a year: what their numbers are counted from.

Source: ``docs/reference/period-reports.md`` describes each column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from preservation.model.deferred import dataclass
from preservation.reports.rows import FormatLine


@dataclass(frozen=True, slots=True)
class RequirementLine:
    """One clause of a standard, and what shows that it is met."""

    framework: str
    clause: str
    asks: str
    verdict: str
    evidence: str
    figure: int  # counted in ``shown_in``; 0 where there is nothing to count
    shown_in: str


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """One tier at the end of the period."""

    tier: str
    technology: str
    medium: str
    site: str
    operator: str
    failure_domain: str
    replicas: int
    verified: int
    damaged: int
    bytes: int
    fresh: int  # replicas with evidence from within the period
    overdue: int
    ahead: int  # replicas whose last check is dated later than now: a clock was wrong
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class CoverLine:
    """AIP versions whose verified replicas are on exactly these tiers."""

    tiers: tuple[str, ...]
    replicas: int
    failure_domains: int
    sites: int
    versions: int


@dataclass(frozen=True, slots=True)
class OverdueLine:
    """A check that is older than promised."""

    subject: str
    since: datetime
    next_step: str


@dataclass(frozen=True, slots=True)
class MonthLine:
    """What happened in one month."""

    month: str
    checks: int
    intact: int
    altered: int
    missing: int
    unreadable: int
    bytes_read: int
    accepted: int
    rejected: int
    files_in: int
    bytes_in: int
    written: int
    repaired: int
    virus_checks: int  # of deposits in which every file was scanned
    format_reviews: int
    found: int
    closed: int
    told: int


@dataclass(frozen=True, slots=True)
class ActLine:
    """All acts of one kind in the period, as the journal's words have them."""

    type: str
    outcome: str
    events: int
    bytes: int


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """Findings of one code that were open at any moment of the period."""

    code: str
    findings: int
    opened: int
    resolved: int
    accepted: int
    open: int
    longest_hours: int  # from opening to closing, or until now


@dataclass(frozen=True, slots=True)
class PeriodTables:
    """All rows of one such report."""

    requirements: tuple[RequirementLine, ...]
    places: tuple[PlaceLine, ...]
    copies: tuple[CoverLine, ...]
    overdue: tuple[OverdueLine, ...]
    months: tuple[MonthLine, ...]
    incidents: tuple[IncidentLine, ...]
    acts: tuple[ActLine, ...]
    formats: tuple[FormatLine, ...]

    def named(self) -> Iterator[tuple[str, Sequence[Any]]]:
        """Each table's name and rows, in the order of the page."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)
