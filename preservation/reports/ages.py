"""How old the evidence is: the table beside the chart, tier by tier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from preservation.policy.policy import Policy
from preservation.reports.rows import AgeLine, ReplicaLine


class Ages:
    """Replicas by the age of their evidence, counted row by row."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self._policy, self._now = policy, now
        self._bins: Counter[tuple[str, str]] = Counter()
        self._oldest: dict[str, datetime] = {}

    def add(self, line: ReplicaLine) -> None:
        """Count a replica, if an audit is promised for its tier."""
        rule = self._policy.audit.tiers.get(line.tier)
        if rule is None:
            return
        self._bins[line.tier, self._bin(line, rule.max_age)] += 1
        if line.checked_at is not None:
            known = self._oldest.get(line.tier, line.checked_at)
            self._oldest[line.tier] = min(known, line.checked_at)

    def lines(self) -> Iterator[AgeLine]:
        """One line for each tier that an audit is promised for."""
        for tier, rule in self._policy.audit.tiers.items():
            yield AgeLine(
                tier=tier,
                max_age_seconds=int(rule.max_age.total_seconds()),
                quarter_1=self._bins[tier, "quarter_1"],
                quarter_2=self._bins[tier, "quarter_2"],
                quarter_3=self._bins[tier, "quarter_3"],
                quarter_4=self._bins[tier, "quarter_4"],
                never=self._bins[tier, "never"],
                overdue=self._bins[tier, "overdue"],
                oldest=self._oldest.get(tier),
            )

    def _bin(self, line: ReplicaLine, limit: timedelta) -> str:
        if line.overdue:
            return "overdue"
        if line.checked_at is None:
            return "never"
        allowed = max(limit, timedelta(seconds=1))
        quarter = int(4 * max(self._now - line.checked_at, timedelta()) / allowed)
        return f"quarter_{min(quarter, 3) + 1}"
