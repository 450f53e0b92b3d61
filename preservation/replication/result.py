"""What replication tells of each replica that was due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import SamarkandError
from preservation.model.deferred import dataclass
from preservation.model.replica import Packaging, VersionKey
from preservation.policy.policy import ReplicaRule


@dataclass(frozen=True, slots=True)
class ReplicaResult:
    """What became of one replica that was due."""

    key: VersionKey
    tier: str
    packaging: Packaging
    # "verified", "written" (not read back yet), "recalled" (written, and read back by a later
    # run), "damaged", "busy", "not made", "not now"
    state: str
    source: str  # the tier it was copied from; empty when it was there already
    octets: int
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.replicate/1``."""
        return {
            "aip": self.key.aip,
            "version": self.key.version,
            "community": self.key.community,
            "tier": self.tier,
            "packaging": self.packaging.value,
            "state": self.state,
            "source": self.source,
            "bytes": self.octets,
            "reason": self.reason,
        }


def told_of(row: ReplicaRow, state: str, source: str, reason: str) -> ReplicaResult:
    """What became of a replica that is on record."""
    return ReplicaResult(row.key, row.tier, row.packaging, state, source, row.octets, reason)


def not_now(
    key: VersionKey, rule: ReplicaRule, down: Mapping[str, SamarkandError]
) -> ReplicaResult:
    """A replica that was left out, and what is in its tier's way."""
    error = down[rule.tier]
    reason = f"[{error.code}] {error.message}"
    return ReplicaResult(key, rule.tier, rule.packaging, "not now", "", 0, reason)
