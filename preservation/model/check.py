"""What one fixity check of one replica came to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding
from preservation.model.outcome import Outcome
from preservation.model.replica import VersionKey


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, with what it found; its evidence is the event ``event``.

    Attributes:
        octets: read, all files together.
        reason: why the outcome is what it is; empty when intact.
        finding: id of the finding that stands open because of it; empty if none does.
        event: id of the fixity event; empty when nothing could be checked.
        ready_by: of an unchecked replica that was recalled: when it can be read.
        algorithms: whose payload digests were compared, as events spell them.
        damaged: of a folder, the paths that were not intact, as far as what is intact tells them;
            None where it is not known file by file.
    """

    key: VersionKey
    tier: str
    outcome: Outcome
    octets: int
    reason: str = ""
    finding: str = ""
    event: str = ""
    findings: tuple[Finding, ...] = ()
    ready_by: datetime | None = None
    algorithms: tuple[str, ...] = ()
    damaged: tuple[bytes, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """One row of an audit's document."""
        return {
            "aip": self.key.aip,
            "version": self.key.version,
            "community": self.key.community,
            "tier": self.tier,
            "outcome": self.outcome.value,
            "bytes": self.octets,
            "reason": self.reason,
            "finding": self.finding,
            "event": self.event,
            "algorithms": list(self.algorithms),
            "ready_by": "" if self.ready_by is None else stamp(self.ready_by),
        }
