"""What became of one finding that a repair took up."""

from __future__ import annotations

from typing import Any

from preservation.model.deferred import dataclass
from preservation.model.replica import VersionKey


@dataclass(frozen=True, slots=True)
class RepairResult:
    """What became of one finding.

    Attributes:
        state: ``repaired``, ``intact`` (nothing was wrong any more), ``waiting`` (for an
            approval, or for an answer), ``hopeless`` (nobody has all of it intact), ``busy``,
            ``unfinished``.
        source: the tier that the intact bytes came from; several, with ``+`` between, where
            files came from several; the replica's own where it needed none from elsewhere.
        quarantine: where the damaged bytes lie, relative to the damaged tier's root.
        difference: the digest of the difference map among the result documents.
        salvage: where what could be recovered lies, if not all of it could be.
    """

    finding: str
    key: VersionKey
    tier: str
    state: str
    source: str = ""
    quarantine: str = ""
    difference: str = ""
    reason: str = ""
    salvage: str = ""

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.repair/1``."""
        return {
            "finding": self.finding,
            "aip": self.key.aip,
            "version": self.key.version,
            "community": self.key.community,
            "tier": self.tier,
            "state": self.state,
            "source": self.source,
            "quarantine": self.quarantine,
            "difference": self.difference,
            "reason": self.reason,
            "salvage": self.salvage,
        }
