"""Reports of an open home; apart from the other parts, since Parquet is heavy to import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from preservation.app.parts import Parts
from preservation.model.check import CheckResult
from preservation.policy.policy import Policy
from preservation.reports.build import ReportFiles, build
from preservation.reports.gather import Sources


def write_report(
    parts: Parts,
    policy: Policy,
    run: str,
    since: datetime,
    *,
    unchecked: Sequence[CheckResult] = (),
    out: Path | None = None,
) -> ReportFiles:
    """Write the report of one run for one community; into the home's folder by default."""
    sources = Sources(
        policy,
        parts.catalogue,
        parts.journal,
        parts.pending_events(),
        unchecked,
        parts.observed(),
    )
    folder, agent = out or parts.home.reports, parts.events.agent
    return build(sources, folder, clock=parts.clock, run=run, since=since, agent=agent)
