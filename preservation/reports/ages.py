"""How old the evidence is: the table beside the chart, tier by tier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from preservation.policy.policy import Policy
from preservation.reports.rows import AgeLine, ReplicaLine


def age_lines(policy: Policy, replicas: Sequence[ReplicaLine], now: datetime) -> Iterator[AgeLine]:
    """One line for each tier that an audit is promised for."""
    for tier, rule in policy.audit.tiers.items():
        mine = [line for line in replicas if line.tier == tier]
        bins = Counter(_bin(line, rule.max_age, now) for line in mine)
        yield AgeLine(
            tier=tier,
            max_age_seconds=int(rule.max_age.total_seconds()),
            quarter_1=bins["quarter_1"],
            quarter_2=bins["quarter_2"],
            quarter_3=bins["quarter_3"],
            quarter_4=bins["quarter_4"],
            never=bins["never"],
            overdue=bins["overdue"],
            oldest=_oldest(mine),
        )


def _bin(line: ReplicaLine, limit: timedelta, now: datetime) -> str:
    if line.overdue:
        return "overdue"
    if line.checked_at is None:
        return "never"
    allowed = max(limit, timedelta(seconds=1))
    quarter = int(4 * max(now - line.checked_at, timedelta()) / allowed)
    return f"quarter_{min(quarter, 3) + 1}"


def _oldest(lines: Iterable[ReplicaLine]) -> datetime | None:
    return min((line.checked_at for line in lines if line.checked_at), default=None)
