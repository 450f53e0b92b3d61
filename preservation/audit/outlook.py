"""What a plan says to people: how much is read and why, and whether the budget suffices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from preservation.audit.planner import Chosen
from preservation.catalogue.turns import Held
from preservation.model.clock import stamp
from preservation.model.units import format_duration, format_size
from preservation.policy.feasible import feasibility
from preservation.policy.policy import Policy


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


def shortage(policy: Policy, held: Mapping[str, Held]) -> str:
    """What is promised and cannot be kept with the budget, today; empty if it can."""
    ages = {tier: rule.max_age for tier, rule in policy.audit.tiers.items()}
    octets = {tier: held[tier].octets for tier in ages if tier in held}
    found = feasibility(octets, ages, policy.audit.schedule, policy.audit.budget)
    if found.met:
        return ""
    told = ", ".join(
        f"{tier} {format_duration(age)} becomes {age.days * found.percent // 100:,}d"
        for tier, age in ages.items()
        if tier in octets
    )
    return (
        f"{policy.community}: a budget of {format_size(found.budget)} a run is too little: checks "
        f"get older than promised ({told}). Needed: {format_size(found.needed)}"
    )
