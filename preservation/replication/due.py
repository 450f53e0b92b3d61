"""One replica that is due, from the plan until it is on record."""

from __future__ import annotations

from collections.abc import Mapping

from preservation.catalogue.protocol import Lease, ReplicaRow, VersionRow
from preservation.errors import SamarkandError, TierUnavailableError
from preservation.model.deferred import dataclass
from preservation.model.replica import ReplicaState, Sidecar
from preservation.policy.policy import ReplicaRule
from preservation.storage.tier import Tier


@dataclass(slots=True)
class Due:
    """One replica that is due, on its way.

    Attributes:
        row: once the catalogue knows it.
        sidecar: once its bytes are visible.
        error: what stands in the way, if anything does.
        is_larger: whether it turned out to be larger than anybody knew.
    """

    rule: ReplicaRule
    version: VersionRow
    tier: Tier
    lease: Lease
    row: ReplicaRow | None = None
    sidecar: Sidecar | None = None
    source: str = ""
    error: SamarkandError | None = None
    is_larger: bool = False

    @property
    def is_to_be_copied(self) -> bool:
        """Whether its bytes have to be written."""
        return self.row is None and self.sidecar is None and self.error is None

    @property
    def is_to_be_read_back(self) -> bool:
        """Whether it counts once it was read back."""
        return (
            self.error is None and self.row is not None and self.row.state is ReplicaState.WRITTEN
        )


def tier_of(tiers: Mapping[str, Tier], name: str) -> Tier:
    """A tier by its id.

    Raises:
        TierUnavailableError: this home has none of that id.
    """
    if name not in tiers:
        raise TierUnavailableError(
            f"there is no tier {name!r} in this home",
            hint="declare it in policies/tiers.yaml and run `preserve policy apply`",
        )
    return tiers[name]
