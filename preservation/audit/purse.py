"""What one run may spend: octets, requests, money. Never more, but for one replica."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from preservation.catalogue.turns import Turn
from preservation.model.allowance import Allowance
from preservation.policy.audit_plan import AuditPlan
from preservation.policy.policy import TierSpec

# Of one check on a tier in a bucket: the marker, a listing, the sidecar, the object itself.
REQUESTS = 4


class Purse:
    """Counts what is left. Octets are an :class:`Allowance`; requests and money are never exceeded.

    Args:
        octets: to be read at most; by default the plan's.
        begun: octets that are left of replicas that were read in part, by tier, AIP and version.
    """

    def __init__(
        self,
        plan: AuditPlan,
        tiers: Mapping[str, TierSpec],
        octets: int | None,
        begun: Mapping[tuple[str, str, int], int] | None = None,
    ) -> None:
        self._tiers, self._begun = tiers, begun or {}
        self._octets = Allowance(plan.budget if octets is None else octets)
        self._requests = plan.requests or None
        self._money: Decimal | None
        self._money, self._currency = plan.money or (None, "")

    def cost(self, turn: Turn) -> int:
        """How many octets are to be read: of what was begun before, the rest."""
        return self._begun.get((turn.tier, turn.aip, turn.version), turn.octets)

    def pays(self, tier: str, octets: int) -> bool:
        """Take out what a check costs; False, and nothing taken, if there is too little."""
        requests, money = self.requests(tier), self.price(tier, octets)
        if self._requests is not None and requests > self._requests:
            return False
        if self._money is not None and money > self._money:
            return False
        if not self._octets.takes(octets):
            return False
        if self._requests is not None:
            self._requests -= requests
        if self._money is not None:
            self._money -= money
        return True

    def lacks_octets(self, octets: int) -> bool:
        """Whether so much can't be read any more, wherever it lies."""
        return self._octets.lacks(octets)

    def requests(self, tier: str) -> int:
        """What one check there takes."""
        spec = self._tiers.get(tier)
        return REQUESTS if spec is not None and spec.kind != "local" else 0

    def price(self, tier: str, octets: int) -> Decimal:
        """What reading so much there costs, in the currency of the bound; without one, nothing."""
        spec = self._tiers.get(tier)
        if spec is None or spec.read is None or spec.read.currency != self._currency:
            return Decimal(0)
        return spec.read.of(octets)
