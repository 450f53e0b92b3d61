"""Reports about a month or a year, of an open home."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from preservation.app.parts import Parts
from preservation.app.reporting import event_table, held_formats
from preservation.catalogue.standing import standing
from preservation.errors import SamarkandError, UsageError
from preservation.ledger.drain import PREFIX
from preservation.model.event import EventType
from preservation.policy.policy import Policy
from preservation.reports.build import DOCUMENT
from preservation.reports.period import PeriodSources, gather_period, period_of
from preservation.reports.period_build import PeriodFiles, period_folder, write_period

_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_YEAR = re.compile(r"\d{4}", re.ASCII)
_SINCE = "0001-01"


def write_period_report(
    parts: Parts, policy: Policy, kind: str, name: str, out: Path | None = None
) -> PeriodFiles:
    """Write the report about one period; into the home's folder by default. Drain before.

    Args:
        kind: ``evidence`` or ``holdings``.
        name: ``2026`` or ``2026-11``.

    Raises:
        UsageError: no such period, or one that has not begun (``RPT-PERIOD``).
        BusyError: another run copies events (``EVT-BUSY``).
    """
    community, now = policy.community, parts.clock.now()
    if not (_MONTH.fullmatch(name) or _YEAR.fullmatch(name)) or name < "1970":
        raise _no_period(f"{name!r} is no month or year")
    run = period_of(kind, name, community, now, parts.events.agent, policy.ref)
    if run.since > now:
        raise _no_period(f"{name} has not begun")
    events = event_table(parts)
    first = f"{run.since:%Y-%m}"
    last = f"{run.until - timedelta(days=1):%Y-%m}"
    observed = parts.observed()
    sources = PeriodSources(
        policy,
        parts.catalogue.figures,
        standing(parts.catalogue, policy, observed, now, partial(parts.store.past, policy)),
        observed,
        parts.catalogue.each_finding(community, since=run.since, brief=True),
        events.tallies(community, _SINCE, last),
        events.citing(community, first, last),
        parts.catalogue.figures.identified(community),
        _keepers(parts),
        *held_formats(parts, community),
    )
    return write_period(gather_period(sources, run), out or parts.home.reports)


def _keepers(parts: Parts) -> list[str]:
    """On which tiers the newest file of the journal was found; a tier that is away has none."""
    newest, found = f"{PREFIX}{parts.journal.last()}", []
    for name, tier in parts.tiers.items():
        with suppress(SamarkandError, OSError):
            found += [name] * (newest in set(tier.kept_names(PREFIX)))
    return found


def periods_due(parts: Parts, policy: Policy) -> Iterator[tuple[str, str]]:
    """The reports about the last month and the last year that the policy wants and that are not
    there; of communities that had taken in nothing by then, none.
    """
    month, year = last_periods(parts.clock.now())
    wanted = [("holdings", month)] * policy.reports.holdings
    wanted += [("evidence", year)] * policy.reports.evidence
    for kind, name in wanted:
        folder = period_folder(parts.home.reports, policy.community, kind, name)
        if not (folder / DOCUMENT).exists():
            last = name if len(name) > 4 else f"{name}-12"
            tallies = event_table(parts).tallies(policy.community, _SINCE, last)
            if any(one.type == EventType.INGESTION.value for one in tallies):
                yield kind, name


def last_periods(now: datetime) -> tuple[str, str]:
    """The last month and the last year that are over."""
    last = now.replace(day=1) - timedelta(days=1)
    return f"{last:%Y-%m}", f"{now.year - 1:04}"


def _no_period(what: str) -> UsageError:
    return UsageError(
        what, hint="give --year 2026 or --month 2026-11, not in the future", code="RPT-PERIOD"
    )
