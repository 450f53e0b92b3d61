"""What a plan says to people: how much is read and why, and whether the budget suffices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from preservation.audit.planner import Chosen
from preservation.audit.purse import Purse
from preservation.catalogue.turns import Held
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.shard import MAX_SHARDS
from preservation.model.units import counted, format_duration, format_size
from preservation.policy.feasible import feasibility
from preservation.policy.policy import Policy

_MICRO = 10**6  # of a unit of money


@dataclass(frozen=True, slots=True)
class Line:
    """What is read on one tier for one reason.

    Attributes:
        oldest: the check that is longest ago.
    """

    community: str
    tier: str
    reason: str
    replicas: int
    octets: int
    oldest: datetime

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "community": self.community,
            "tier": self.tier,
            "reason": self.reason,
            "replicas": self.replicas,
            "bytes": self.octets,
            "oldest_check": stamp(self.oldest),
        }


def tally(community: str, night: Iterable[Chosen]) -> list[Line]:
    """Sum up a night, tier by tier, the most pressing reason first."""
    sums: dict[tuple[str, int, str], tuple[int, int, datetime]] = {}
    for one in night:
        name = one.turn.tier, one.rank, one.reason.value
        replicas, octets, oldest = sums.get(name, (0, 0, one.turn.aged_from))
        oldest = min(oldest, one.turn.aged_from)
        sums[name] = replicas + 1, octets + one.turn.octets, oldest
    return [Line(community, tier, why, *sums[tier, rank, why]) for tier, rank, why in sorted(sums)]


@dataclass(frozen=True, slots=True)
class Comparing:
    """How many of a night's checks on one tier compare all digests, and not SHA-256 alone.

    Attributes:
        every: how often each replica's are.
    """

    community: str
    tier: str
    replicas: int
    by_all: int
    every: timedelta

    def __str__(self) -> str:
        return (
            f"{self.community}: on {self.tier} {self.by_all:,} of "
            f"{counted(self.replicas, 'check')} would compare all digests (of each replica every "
            f"{format_duration(self.every)}), the others SHA-256 alone: as many bytes, less work"
        )

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "community": self.community,
            "tier": self.tier,
            "replicas": self.replicas,
            "by_all_digests": self.by_all,
            "every_seconds": int(self.every.total_seconds()),
        }


def shortages(policy: Policy, held: Mapping[str, Held]) -> list[str]:
    """What is promised and cannot be kept with what one run may spend, today: octets, requests,
    money. Empty if it can. What the hours of a run come to, only runs can tell.
    """
    plan = policy.audit
    there = {tier: held[tier] for tier in plan.tiers if tier in held}
    purse = Purse(plan, policy.tiers, None)
    octets = {tier: one.octets for tier, one in there.items()}
    told = [_lack(policy, octets, _whole_replicas(plan.budget, there.values()), format_size)]
    if plan.requests:
        asked = {tier: one.replicas * purse.requests(tier) for tier, one in there.items()}
        told.append(_lack(policy, asked, plan.requests, lambda count: f"{count:,} requests"))
    if plan.money is not None:
        amount, currency = plan.money
        costs = {tier: int(_MICRO * purse.price(tier, octets[tier])) for tier in there}
        most = int(_MICRO * amount)
        told.append(_lack(policy, costs, most, lambda some: f"{some / _MICRO:,.2f} {currency}"))
    return [sentence for sentence in told if sentence]


def unreached(policy: Policy, left: Mapping[str, Held]) -> list[str]:
    """What waits although it is due, or asked for, since it would take too many tasks.

    Args:
        left: by tier, what is in none of them: ``AuditService.beyond``.
    """
    return [
        f"{policy.community}: a run has at most {MAX_SHARDS} tasks for {tier}, which do not reach "
        f"{counted(one.replicas, 'replica')} ({format_size(one.octets)}) to be read now; these "
        "wait. A larger audit.split_above, or more runs, would reach more"
        for tier, one in left.items()
    ]


def _whole_replicas(budget: int, held: Iterable[Held]) -> int:
    """As much of a budget as can be spent on replicas of the mean size, which are read whole."""
    kept = list(held)
    mean = sum(one.octets for one in kept) // max(1, sum(one.replicas for one in kept))
    return max(1, budget // mean) * mean if mean else budget


def _lack(policy: Policy, cost: Mapping[str, int], most: int, words: Callable[[int], str]) -> str:
    """What one limit does to the ages of checks; empty if it suffices.

    Args:
        cost: tier -> what reading all of it costs.
        most: that one run may spend.
    """
    ages = {tier: rule.max_age for tier, rule in policy.audit.tiers.items()}
    found = feasibility(cost, ages, policy.audit.schedule, most)
    if found.met:
        return ""
    if most == 0:
        older = "what costs it is never read"
    else:
        later = (
            f"{tier} {format_duration(ages[tier])} becomes "
            f"{ages[tier].days * found.percent // 100:,}d"
            for tier in cost
            if cost[tier]
        )
        older = f"checks get older than promised ({', '.join(later)})"
    return (
        f"{policy.community}: {words(most)} a run is too little: {older}. "
        f"Needed: {words(found.needed)}"
    )
