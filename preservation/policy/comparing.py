"""By when all digests of a replica are to be compared, and not SHA-256 alone.

All are compared when a replica is checked in any case, so a promise of it takes ``max_age`` until
it can be kept for what is held already: it is broken at that time at the earliest.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from preservation.model.deferred import dataclass
from preservation.policy.policy import Policy
from preservation.policy.terms import EVER, Governed, Past, Term, terms


@dataclass(frozen=True, slots=True)
class Comparing:
    """What is promised about all digests on one tier.

    Attributes:
        promised: the terms that hold.
        max_age: by when a check's turn has come.
    """

    promised: tuple[Term, ...]
    max_age: timedelta

    @classmethod
    def of(cls, policy: Policy, tier: str, past: Past | None = None) -> Comparing | None:
        """The promise of a policy; None where it makes none.

        Args:
            past: what governed the community, the policy itself first; by default it alone, ever.
        """
        rule = policy.audit.tiers.get(tier)
        if rule is None or not rule.all_digests:
            return None
        governed = past or (lambda: [Governed(EVER, policy)])
        return cls(tuple(terms(governed, lambda one: _all_digests(one, tier))), rule.max_age)

    def before(self, now: datetime) -> datetime | None:
        """What was compared earlier was so too long ago: a midnight, since days are counted.
        None where nothing could be yet.
        """
        over = [term for term in self.promised if term.since + self.max_age <= now]
        if not over:
            return None
        moment = max(now - term.within for term in over)
        return datetime.combine(moment.astimezone(UTC), time(), UTC)

    def due(self, last: datetime) -> datetime:
        """By when they are to be compared again, having been at a moment."""
        return min(max(last + term.within, term.since + self.max_age) for term in self.promised)


def _all_digests(policy: Policy, tier: str) -> timedelta | None:
    rule = policy.audit.tiers.get(tier)
    return rule.all_digests or None if rule else None
