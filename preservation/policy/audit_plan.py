"""What a policy says about audits, as a value. Units: octets, seconds; 0 is no bound."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from preservation.model.deferred import dataclass
from preservation.model.outcome import Level
from preservation.policy.audit import UNLIMITED


@dataclass(frozen=True, slots=True)
class AuditRule:
    """How strong and how old the evidence about a replica on one tier may be.

    Attributes:
        sample: replicas that are drawn by lot between the full passes; 0 for none.
        every: how often they are drawn.
        all_digests: how often a check compares all digests, and not SHA-256 alone; 0 for never.
    """

    level: Level
    max_age: timedelta
    sample: int = 0
    every: timedelta = timedelta(days=30)
    all_digests: timedelta = timedelta(0)

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> AuditRule:
        """Build the value from its part of an effective document."""
        return cls(
            Level(data["level"]),
            timedelta(seconds=data["max_age"]),
            data["sample"],
            timedelta(seconds=data["every"]),
            timedelta(seconds=data["all_digests"]),
        )

    def compares_all(self, last: datetime, now: datetime) -> bool:
        """Whether a check compares all digests: the next may come ``max_age`` later, too late.

        Args:
            last: when all digests were compared last; when it was written, where they never were.
                Later than now: a clock was wrong, and nobody knows when that was.
        """
        is_soon = last + self.all_digests <= now + self.max_age
        return bool(self.all_digests) and (is_soon or last > now)


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """The nightly work, and what one run of it may spend.

    Attributes:
        budget: octets.
        rate: octets a second of each worker.
        hours: how long after the plan new checks are begun.
        split_above: octets of a replica, above which it is read in parts.
        requests: to tiers in buckets.
        money: amount and currency; None is no bound.
    """

    schedule: str
    timezone: str
    budget: int
    tiers: Mapping[str, AuditRule]
    rate: int = 0
    hours: timedelta = timedelta(0)
    split_above: int = 64 * 1024**3
    requests: int = 0
    money: tuple[Decimal, str] | None = None

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> AuditPlan:
        """Build the value from its part of an effective document."""
        amount, _, currency = data["money"].partition(" ")
        return cls(
            schedule=data["schedule"],
            timezone=data["timezone"],
            budget=data["budget"],
            tiers={tier: AuditRule.from_effective(rule) for tier, rule in data["tiers"].items()},
            rate=data["rate"],
            hours=timedelta(seconds=data["hours"]),
            split_above=data["split_above"],
            requests=data["requests"],
            money=None if amount == UNLIMITED else (Decimal(amount), currency),
        )
