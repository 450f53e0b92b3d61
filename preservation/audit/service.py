"""The audit: which replicas are due, and checking them shard by shard.

Earliest deadline first within the night's budget. Besides what is nearly due, each night
takes its share of the rest, so that load stays even and no wave of deadlines builds up.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, ReplicaRow
from preservation.model.check import CheckResult
from preservation.model.clock import Clock, parse_stamp, stamp
from preservation.model.finding import Finding
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.model.shard import Shard, into_shards
from preservation.policy.audit_plan import AuditRule
from preservation.policy.policy import Policy

HEADROOM = 0.9  # of the maximum age: a night may fail, a tier may be away for a while


class Checks(Protocol):
    """Checks one replica and records the evidence: ``preservation.audit.check.Checker``."""

    def check(self, policy: Policy, row: ReplicaRow, progress: Progress) -> CheckResult: ...


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What one shard, or one whole audit, came to. "Nothing checked" is not "all well"."""

    checked: int = 0
    octets: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    checks: tuple[CheckResult, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The body of ``samarkand.audit/1``, without the count of what is overdue."""
        return {
            "checked": self.checked,
            "bytes": self.octets,
            "outcomes": dict(self.outcomes),
            "findings": [finding.to_json() for finding in self.findings],
        }


def summed(checks: Iterable[CheckResult]) -> AuditResult:
    """Sum up checks. ``unchecked`` ones are counted as such, and not as checked."""
    rows = tuple(checks)
    outcomes = Counter(row.outcome.value for row in rows)
    return AuditResult(
        checked=len(rows) - outcomes[Outcome.UNCHECKED.value],
        octets=sum(row.octets for row in rows),
        outcomes={outcome.value: outcomes[outcome.value] for outcome in Outcome},
        findings=tuple(finding for row in rows for finding in row.findings),
        checks=rows,
    )


class AuditService:
    """Plans and runs audits of one community at a time."""

    def __init__(self, catalogue: Catalogue, checker: Checks, clock: Clock) -> None:
        self._catalogue = catalogue
        self._checker = checker
        self._clock = clock

    def plan(
        self,
        policy: Policy,
        *,
        tier: str | None = None,
        aip: str | None = None,
        everything: bool = False,
        budget: int | None = None,
    ) -> list[Shard]:
        """What to check now, tier by tier, those nearest to their deadline first.

        Args:
            policy: in force; its digest goes into every shard.
            tier, aip: aim at one tier or AIP.
            everything: whatever was checked when; the budget still holds.
            budget: octets to read at most; by default the policy's for one night.
        """
        left = policy.audit.budget if budget is None else budget
        planned = stamp(self._clock.now())
        shards: list[Shard] = []
        for name, rule in policy.audit.tiers.items():
            if tier is not None and name != tier:
                continue
            due = self._due(policy.community, name, aip, everything or aip is not None, rule)
            within = list(_within(due, left))
            left -= sum(row.octets for row in within)
            sized = ((row.key, row.octets) for row in within)
            shards.extend(into_shards(policy.community, name, policy.ref, planned, sized))
        return shards

    def _due(
        self, community: str, tier: str, aip: str | None, everything: bool, rule: AuditRule
    ) -> Iterator[ReplicaRow]:
        if aip is not None:
            yield from self._catalogue.replicas(community, tier=tier, aip=aip)
        elif everything:
            yield from self._catalogue.replicas(community, tier=tier)
        else:
            yield from self._tonight(community, tier, rule)

    def _tonight(self, community: str, tier: str, rule: AuditRule) -> Iterator[ReplicaRow]:
        """What is nearly due, but at least an even share, oldest check first."""
        horizon = rule.max_age * HEADROOM
        nights = max(1, horizon // timedelta(days=1))
        total = sum(1 for _ in self._catalogue.replicas(community, tier=tier))
        share = math.ceil(total / nights)
        nearly_due = self._clock.now() - horizon
        taken = self._catalogue.oldest_checked(community, tier, None, share)
        yield from taken
        seen = {row.key for row in taken}
        for row in self._catalogue.oldest_checked(community, tier, nearly_due, total):
            if row.key not in seen:
                yield row

    def run(self, policy: Policy, shard: Shard, progress: Progress) -> AuditResult:
        """Check a shard, replica by replica; each result is recorded before the next begins.

        A replica that another run holds is left to that run, and one that was checked since
        the plan was made is not read again by a retry.
        """
        progress.begin(f"audit {shard.label}", shard.octets)
        began = self._clock.now()
        checks = [self._one(policy, key, shard, progress) for key in shard.keys]
        result = summed(check for check in checks if check is not None)
        took = self._clock.now() - began
        progress.say(f"{result.checked} checked in {took.total_seconds():.0f} s")
        return result

    def _one(
        self, policy: Policy, key: VersionKey, shard: Shard, progress: Progress
    ) -> CheckResult | None:
        name = f"replica:{key}:{shard.tier}"
        with hold(self._catalogue, name, self._clock) as lease:
            if lease is None:
                progress.say(f"{key} on {shard.tier}: another run is at it")
                return None
            row = self._catalogue.replica(key, shard.tier)
            if row is None:
                return None
            if row.checked_at is not None and row.checked_at > parse_stamp(shard.planned):
                progress.say(f"{key} on {shard.tier}: checked since the plan was made")
                return None
            return self._checker.check(policy, row, progress)

    def overdue(self, policy: Policy, now: datetime | None = None) -> int:
        """How many replicas were not found intact for longer than the policy allows."""
        moment = now or self._clock.now()
        return sum(
            1
            for tier, rule in policy.audit.tiers.items()
            for row in self._catalogue.replicas(policy.community, tier=tier)
            if (row.checked_at or row.written_at) < moment - rule.max_age
        )


def _within(rows: Iterable[ReplicaRow], budget: int) -> Iterator[ReplicaRow]:
    """As many as the budget pays for; always one, or a large AIP would never be read."""
    spent = 0
    for row in rows:
        if spent and spent + row.octets > budget:
            return
        spent += row.octets
        yield row
