"""What a change of policy does to what is held: values (``foresight`` makes them of counts).

Nothing here deletes, and nothing that is told here happens by itself: replicas are made by the
replication workflow, and retired by the retention workflow alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from preservation.model.deferred import dataclass
from preservation.policy.feasible import Feasibility
from preservation.policy.price import Cost


@dataclass(frozen=True, slots=True)
class Kept:
    """Versions that are kept alike.

    Attributes:
        there: the tiers that have a replica of them, of whatever state.
        verified: those of them whose replica is verified.
        octets: of payload, each version once.
    """

    there: frozenset[str]
    verified: frozenset[str]
    versions: int
    octets: int


@dataclass(frozen=True, slots=True)
class HeldFormat:
    """One format, and how much of it is held."""

    puid: str
    mime: str
    name: str
    files: int
    octets: int
    versions: int

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "puid": self.puid,
            "mime": self.mime,
            "name": self.name,
            "files": self.files,
            "bytes": self.octets,
            "versions": self.versions,
        }


@dataclass(frozen=True, slots=True)
class Held:
    """What a community holds, as far as a change can matter to it.

    Attributes:
        kept: every version once, those without any replica too.
        overdue: tier -> replicas whose check is too old by the policy in force, and by the one
            proposed; only tiers whose promised age differs.
        formats: only where the format rules differ.
        due: versions due for disposal now by the policy in force, those due by the one proposed,
            and the payload of the latter; held ones and those kept on are not due.
    """

    aips: int
    versions: int
    octets: int
    kept: Sequence[Kept]
    overdue: Mapping[str, tuple[int, int]]
    formats: Sequence[HeldFormat]
    due: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Making:
    """Replicas to be made on one tier.

    Attributes:
        replicas, octets: all that the proposed policy wants there and that are not there.
        already: how many of them the policy in force wants too.
        stored: what keeping them costs in a year.
        read: what reading them once costs, from the first verified replica of each.
        within: seconds after ingest, or after it was promised first, that it may take.
    """

    tier: str
    replicas: int
    octets: int
    already: int
    stored: Cost
    read: Cost
    within: int

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "tier": self.tier,
            "replicas": self.replicas,
            "bytes": self.octets,
            "already_due": self.already,
            "stored_a_year": self.stored.to_json(),
            "read_once": self.read.to_json(),
            "within_seconds": self.within,
        }


@dataclass(frozen=True, slots=True)
class Retiring:
    """Replicas on a tier that is not promised any more; they stay until retention retires them.

    Attributes:
        stored: what keeping them costs in a year.
    """

    tier: str
    replicas: int
    octets: int
    stored: Cost

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "tier": self.tier,
            "replicas": self.replicas,
            "bytes": self.octets,
            "stored_a_year": self.stored.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Moving:
    """A deadline that moves: the promised age of evidence on a tier.

    Attributes:
        before, after: seconds; 0 where none was promised.
        overdue_before, overdue_after: replicas whose check is too old, at this moment.
    """

    tier: str
    before: int
    after: int
    overdue_before: int
    overdue_after: int

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "tier": self.tier,
            "max_age_seconds": [self.before, self.after],
            "overdue": [self.overdue_before, self.overdue_after],
        }


@dataclass(frozen=True, slots=True)
class Disposing:
    """Versions that were kept long enough; nothing is disposed of without approvals.

    Attributes:
        before, after: due now by the policy in force, and by the proposed one.
        octets: of payload, of the latter.
    """

    before: int
    after: int
    octets: int

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {"due": [self.before, self.after], "bytes": self.octets}


@dataclass(frozen=True, slots=True)
class Compliance:
    """Versions below the minimum of verified replicas, failure domains and sites, now.

    Attributes:
        before, after: by the policy in force, and by the proposed one.
        falling: of those, how many are above it today.
        reachable: whether the proposed tiers, with every replica made, come to the minimum.
    """

    before: int
    after: int
    falling: int
    reachable: bool

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "below_minimum": [self.before, self.after],
            "would_fall": self.falling,
            "reachable": self.reachable,
        }


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that one community's change does.

    Attributes:
        repacked: tier -> replicas that stay packed as they are, though new ones will not be.
        stored_before, stored_after: what keeping all costs in a year: as it is, and with
            everything promised made (without what is to be retired).
        checked_before, checked_after: what reading it for the checks costs in a year, recalls
            included.
        independence: in words, of the tiers in force (empty if none) and of those proposed.
        refused: formats that are held and would be refused from now on.
    """

    making: tuple[Making, ...]
    retiring: tuple[Retiring, ...]
    repacked: Mapping[str, int]
    moving: tuple[Moving, ...]
    compliance: Compliance
    feasibility: Feasibility
    stored_before: Cost
    stored_after: Cost
    checked_before: Cost
    checked_after: Cost
    independence: tuple[str, str]
    refused: tuple[HeldFormat, ...]
    disposing: Disposing

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "make": [one.to_json() for one in self.making],
            "retire": [one.to_json() for one in self.retiring],
            "stay_packed": dict(self.repacked),
            "deadlines": [one.to_json() for one in self.moving],
            "compliance": self.compliance.to_json(),
            "budget": self.feasibility.to_json(),
            "stored_a_year": [self.stored_before.to_json(), self.stored_after.to_json()],
            "checked_a_year": [self.checked_before.to_json(), self.checked_after.to_json()],
            "independence": list(self.independence),
            "newly_refused": [one.to_json() for one in self.refused],
            "disposals": self.disposing.to_json(),
        }

    def burdens(self) -> dict[str, int]:
        """What the change brings that was not due anyway: the numbers that an administrator
        answers for.
        """
        new = [one for one in self.making if not one.already]
        return {
            "replicas to make": sum(one.replicas for one in new),
            "bytes to copy": sum(one.octets for one in new),
            "replicas not promised any more": sum(one.replicas for one in self.retiring),
            "versions falling below the minimum": self.compliance.falling,
            "checks newly overdue": sum(
                max(0, one.overdue_after - one.overdue_before) for one in self.moving
            ),
            "files of formats newly refused": sum(one.files for one in self.refused),
            "versions newly due for disposal": max(0, self.disposing.after - self.disposing.before),
        }
