"""What a virus scanner said of a file: never ``clean`` without a scan of all of it."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import Any

from preservation.model.deferred import dataclass

SCAN_COLUMNS = ("virus", "virus_reason")


class Demand(Enum):
    """What a policy asks for, the strongest first."""

    REQUIRED = "required"
    WHEN_AVAILABLE = "when-available"
    OFF = "off"


class ScanOutcome(Enum):
    """How a scan of one file ended."""

    CLEAN = "clean"
    INFECTED = "infected"
    NOT_SCANNED = "not-scanned"


class NotScanned(Enum):
    """Why a file was not scanned, or not wholly. The words stand in inventories and events."""

    OFF = "off"  # the policy does not ask for it
    NO_DAEMON = "no daemon"
    TOO_LARGE = "size limit"
    LIMITS = "limits exceeded"  # inside an archive: depth, members, time
    ENCRYPTED = "encrypted"
    OPAQUE = "limits not told"  # an archive, and a daemon that doesn't say what it skips
    TIMEOUT = "timeout"
    ERROR = "error"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class VirusScan:
    """One file's outcome.

    Attributes:
        reason: one of :class:`NotScanned`, or the name of the signature that was found.
        message: the daemon's own words, where they say more.
    """

    outcome: ScanOutcome
    reason: str = ""
    message: str = ""

    @classmethod
    def not_scanned(cls, why: NotScanned, message: str = "") -> VirusScan:
        """Nobody knows."""
        return cls(ScanOutcome.NOT_SCANNED, why.value, message)

    def columns(self) -> tuple[str, str]:
        """The values of :data:`SCAN_COLUMNS`."""
        why = f"{self.reason}: {self.message}" if self.message else self.reason
        return self.outcome.value, why


OFF = VirusScan.not_scanned(NotScanned.OFF)
CLEAN = VirusScan(ScanOutcome.CLEAN)


class ScanCounts:
    """How many files of a deposit came out how."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[ScanOutcome, str]] = Counter()

    def add(self, scan: VirusScan) -> None:
        """Count one file in."""
        why = scan.reason if scan.outcome is ScanOutcome.NOT_SCANNED else ""
        self._counts[scan.outcome, why] += 1

    def to_json(self) -> dict[str, Any]:
        """As events and ``metadata/deposit.json`` carry them."""
        missed = ScanOutcome.NOT_SCANNED
        whys = {why: n for (outcome, why), n in self._counts.items() if outcome is missed}
        return {
            "clean": self._counts[ScanOutcome.CLEAN, ""],
            "infected": self._counts[ScanOutcome.INFECTED, ""],
            "not_scanned": dict(sorted(whys.items())),
        }
