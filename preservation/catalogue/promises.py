"""What the standing of a community consists of: values, and their document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from preservation.catalogue.figures import Holdings
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.finding import Severity

STANDING_SCHEMA = "samarkand.standing/1"

# After a count, for people: "3 late".
BROKEN_WORDS = {
    "STD-REPLICAS": "with too few verified replicas",
    "STD-DOMAINS": "in too few failure domains",
    "STD-SITES": "at too few sites",
    "STD-LATE": "late",
    "STD-UNVERIFIED": "not read back in time",
    "STD-DAMAGED": "damaged",
    "STD-OVERDUE": "with an overdue check",
    "STD-WEAK": "checked more weakly than promised",
    "STD-DIGESTS": "whose digests were not all compared in time",
    "STD-FUTURE": "with a check dated later than now",
    "STD-UNOBSERVED": "on a tier that could not be looked at",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """One promise that is not kept.

    Attributes:
        code: ``STD-REPLICAS``, ``STD-DOMAINS``, ``STD-SITES`` (too few verified), ``STD-LATE`` (not
            there in time), ``STD-UNVERIFIED`` (there, not read back in time), ``STD-DAMAGED``,
            ``STD-OVERDUE`` (check too old), ``STD-WEAK`` (check weaker than promised),
            ``STD-DIGESTS`` (all digests compared too long ago),
            ``STD-FUTURE`` (check dated later than now: nobody knows how old it is),
            ``STD-UNOBSERVED`` (a tier could not be looked at).
        subject: what it is about, for people.
        aip, version: empty and 0 where it is about a tier as a whole.
        tier: empty where it is about a version as a whole.
        since: from when on it was broken.
        lacking: how many replicas, domains or sites are missing; 0 where that is not the matter.
        next_step: what to do, one sentence.
    """

    code: str
    subject: str
    aip: str
    version: int
    tier: str
    since: datetime
    by: timedelta
    lacking: int
    next_step: str

    def to_json(self) -> dict[str, Any]:
        """As the documents of reports and of the command line show it."""
        return {
            "code": self.code,
            "subject": self.subject,
            "aip": self.aip,
            "version": self.version,
            "tier": self.tier,
            "since": stamp(self.since),
            "by_seconds": int(self.by.total_seconds()),
            "lacking": self.lacking,
            "next_step": self.next_step,
        }


@dataclass(frozen=True, slots=True)
class Deadline:
    """What must be done next, and by when."""

    at: datetime
    what: str  # "check" or "replicate"
    subject: str
    tier: str

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "at": stamp(self.at),
            "what": self.what,
            "subject": self.subject,
            "tier": self.tier,
        }


@dataclass(frozen=True, slots=True)
class TierStanding:
    """One tier: how many replicas, and how old the oldest evidence about them is.

    Attributes:
        oldest_check: of the replica checked longest ago; of its writing if it never was.
        part_compared: replicas whose digests were not all compared in time.
    """

    tier: str
    replicas: int
    verified: int
    damaged: int
    octets: int
    oldest_check: datetime | None
    overdue: int
    weak: int
    late: int
    unverified: int
    part_compared: int = 0

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "tier": self.tier,
            "replicas": self.replicas,
            "verified": self.verified,
            "damaged": self.damaged,
            "bytes": self.octets,
            "oldest_check": None if self.oldest_check is None else stamp(self.oldest_check),
            "overdue": self.overdue,
            "weak": self.weak,
            "late": self.late,
            "unverified": self.unverified,
            "part_compared": self.part_compared,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """How a community's promises stand at a moment.

    Attributes:
        holdings: how much there is.
        settled: versions old enough for the minimum to hold; the rest is still being replicated.
        covered: how many settled versions have verified replicas on exactly which tiers.
        tiers: by tier of the policy.
        findings: open ones, by severity.
        broken: the first of each kind, longest broken first.
        totals: how many there are of each kind of broken promise; empty if all is kept.
        independence: how the promised tiers fail together, in words.
        deadline: what comes next; None if nothing is held.
    """

    community: str
    at: datetime
    policy: str
    holdings: Holdings
    settled: int
    covered: Mapping[tuple[str, ...], int]
    tiers: tuple[TierStanding, ...]
    findings: Mapping[str, int]
    broken: tuple[Broken, ...]
    totals: Mapping[str, int]
    independence: str
    deadline: Deadline | None

    @property
    def kept(self) -> bool:
        """True while no promise is broken and no finding above a warning is open."""
        return not self.totals and not self.open_findings

    @property
    def open_findings(self) -> int:
        """Open findings that are more than a warning."""
        return sum(
            count for severity, count in self.findings.items() if severity != Severity.WARNING.value
        )

    @property
    def overdue(self) -> int:
        """Checks that are older than promised."""
        return self.totals.get("STD-OVERDUE", 0)

    def to_json(self) -> dict[str, Any]:
        """The document ``samarkand.standing/1``."""
        return {
            "schema": STANDING_SCHEMA,
            "community": self.community,
            "at": stamp(self.at),
            "policy": self.policy,
            "kept": self.kept,
            "aips": self.holdings.aips,
            "versions": self.holdings.versions,
            "files": self.holdings.files,
            "bytes": self.holdings.octets,
            "settled": self.settled,
            "covered": [
                {"tiers": list(tiers), "versions": count} for tiers, count in self.covered.items()
            ],
            "tiers": [tier.to_json() for tier in self.tiers],
            "findings": dict(self.findings),
            "broken": [broken.to_json() for broken in self.broken],
            "totals": dict(self.totals),
            "independence": self.independence,
            "deadline": None if self.deadline is None else self.deadline.to_json(),
        }
