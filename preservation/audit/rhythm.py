"""The rule by which replicas come due: pure arithmetic, the same for a night and for ten years.

* A replica is *late* when nine tenths of its maximum age have passed before the next run: it
  comes first, the one with the least of its age left before all others.
* Its *turn* comes a period after its last check. The period is eight tenths of the maximum age,
  so that a night that fails, or a budget that is short for a while, breaks no promise.
* A *young* replica, not audited since it was written and read back, has its first turn at a day
  by lot within the period. What was ingested in one week is so spread over all nights. The lots
  of the replicas of one AIP stand apart: of three, one is read every third of a period.
* Each night takes at least an even *share*: the octets of the tier, parted by the nights of a
  period. So waves that a change of policy or an outage made flatten out.

Source: Samarkand's notes on integrity, audit planning (jittered periodic checks; staggered
replicas lose half of what aligned ones lose).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from preservation.model.deferred import dataclass
from preservation.policy.audit_plan import AuditRule

LOTS = 32_768
_PERIOD = 8, 10  # of the maximum age
_LATE = 9, 10
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When the replicas of one tier come due.

    Attributes:
        gap: the time between two runs.
        shift: of the lots, so that this tier stands apart from the others.
    """

    max_age: timedelta
    gap: timedelta
    shift: int

    @classmethod
    def of(cls, rule: AuditRule, gap: timedelta, place: int, tiers: int) -> Rhythm:
        """The rhythm of the tier at a place among so many tiers."""
        return cls(rule.max_age, gap, place * LOTS // tiers)

    @property
    def period(self) -> timedelta:
        """From a check to the next turn."""
        part, whole = _PERIOD
        return self.max_age * part // whole

    def late_before(self, now: datetime) -> datetime:
        """What was last checked before this moment is late, or will be before the next run."""
        part, whole = _LATE
        return now + self.gap - self.max_age * part // whole

    def turn(self, aged_from: datetime, young: bool, lot: int) -> datetime:
        """When a replica has its turn."""
        if not young:
            return aged_from + self.period
        return aged_from + self.period * (((lot + self.shift) % LOTS) / LOTS)

    def share(self, amount: int) -> int:
        """Of an amount, octets or replicas, what a night has to take at least."""
        if self.gap >= self.period:
            return amount
        # Whole microseconds: a time span times octets is more than a time span can hold.
        return -(-amount * (self.gap // _MICROSECOND) // (self.period // _MICROSECOND))

    def drawing(self, rule: AuditRule, now: datetime) -> datetime:
        """When the span of ``every`` began in which a sample is to be drawn now."""
        return now - (now - datetime.fromtimestamp(0, now.tzinfo)) % rule.every
