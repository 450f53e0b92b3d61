"""When the brake is put on, and when it is let go: what chance allows, and what it does not.

Chance is allowed one damaged replica in a hundred: no storage that is worth its name comes near.
The brake is put on when so many failures would be rarer than one run in a million by chance, and
never for fewer than five; also when all that was read, three or more, was missing; and at the
first missing one, if the tier that should hold several holds nothing at all: so a tier looks that
is mounted empty, with its marker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from preservation.catalogue.brake import BRAKE
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import FindingRow
from preservation.catalogue.sql import SqlCatalogue
from preservation.errors import NotNowError
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import Finding
from preservation.model.replica import ReplicaState
from preservation.model.sampling import beyond_chance
from preservation.policy.policy import Policy
from preservation.storage.tier import Tier

ALLOWED = 0.01  # of all checks
RARER = 1e-6  # than this is not chance
LEAST = 5  # failures
ALL_MISSING = 3
SEVERAL = 2


def exceeds_chance(checked: int, damaged: int, missing: int) -> bool:
    """Whether so much damage cannot be chance."""
    if missing >= ALL_MISSING and missing == checked:
        return True
    return damaged >= LEAST and beyond_chance(checked, damaged, ALLOWED) < RARER


class Brake:
    """Watches what a run finds on a tier."""

    def __init__(
        self, catalogue: SqlCatalogue, events: EventMaker, tiers: Mapping[str, Tier]
    ) -> None:
        self._catalogue, self._events, self._tiers = catalogue, events, tiers

    def put_on(self, policy: Policy, tier: str, since: datetime) -> Finding | None:
        """Open the finding, if what was checked since is too bad; None if it stands already, or
        a person has answered for it.
        """
        community = policy.community
        checked, damaged, missing = self._catalogue.turns.checked_since(community, tier, since)
        gone = self._gone(tier) if missing and missing == checked else 0
        if not (gone or exceeds_chance(checked, damaged, missing)):
            return None
        with hold(self._catalogue, f"brake:{community}:{tier}", self._events.clock) as lease:
            if lease is None or self._answered(community, tier):
                return None
            told, cause = _told(checked, damaged, missing, gone)
            finding = _finding(community, tier, told, cause)
            detail = {
                "finding": self._events.new_id(),
                **finding.to_json(),
                "localised": {"checked": checked, "damaged": damaged, "missing": missing},
            }
            opened = self._events.of(
                community, EventType.FINDING_OPENED, "fail", detail, policy=policy.ref
            )
            self._catalogue.record([replace(opened, tier=tier)], lease)
            return finding

    def let_go(self, policy: Policy, tier: str, since: datetime) -> None:
        """Resolve the finding, if nothing on the tier is damaged any more.

        One that a person accepted stays so until all of the tier was read since it was opened: the
        loss of a whole site comes to light over many nights, and is answered for once.
        """
        community = policy.community
        found = [row for row in self._all(community, tier) if row.state in ("open", "accepted")]
        if not found or self._damaged(community, tier):
            return
        if exceeds_chance(*self._catalogue.turns.checked_since(community, tier, since)):
            return
        over = [row for row in found if row.state == "open" or self._is_read_since(row)]
        self._catalogue.record([self._resolved(policy, row) for row in over])

    def _is_read_since(self, row: FindingRow) -> bool:
        """Whether every replica on the tier was checked, or made, after a finding was opened."""
        return not self._catalogue.figures.aged(row.community, row.tier, row.opened_at)

    def _resolved(self, policy: Policy, row: FindingRow) -> Event:
        detail = {
            "finding": row.id,
            "by": self._events.agent,
            "reason": "no replica on the tier is damaged any more",
        }
        made = self._events.of(
            policy.community, EventType.FINDING_RESOLVED, "success", detail, policy=policy.ref
        )
        return replace(made, tier=row.tier)

    def _all(self, community: str, tier: str) -> list[FindingRow]:
        return self._catalogue.findings(community, tier=tier, code=BRAKE)

    def _gone(self, tier: str) -> int:
        """How many replicas a tier should hold, several, that holds none; else 0."""
        held = self._catalogue.turns.held().values()
        due = sum(one[tier].replicas for one in held if tier in one)
        if due < SEVERAL:
            return 0
        try:
            return due if next(iter(self._tiers[tier].sidecars()), None) is None else 0
        except (KeyError, NotNowError):
            return 0

    def _damaged(self, community: str, tier: str) -> bool:
        counts = self._catalogue.figures.tier_counts(community)
        return any(one.tier == tier and one.state is ReplicaState.DAMAGED for one in counts)

    def _answered(self, community: str, tier: str) -> bool:
        rows = self._all(community, tier)
        return any(row.state in ("open", "accepted") for row in rows)


def _told(checked: int, damaged: int, missing: int, gone: int) -> tuple[str, str]:
    """What is wrong, and what to ask oneself."""
    if gone:
        return (
            f"nothing is there, though the tier has its marker: {gone} replicas should be",
            "is the right volume mounted, and whole?",
        )
    if missing == checked:
        return (
            f"every replica that was read ({checked}) is missing, though the tier has its marker",
            "is the right volume mounted, and whole?",
        )
    return (
        f"{damaged} of {checked} replicas that were read are damaged: more than chance allows",
        "did a disk, a mount, a program or a hand reach many at once?",
    )


def _finding(community: str, tier: str, told: str, cause: str) -> Finding:
    return Finding(
        BRAKE,
        f"{community} on {tier}",
        f"{told}; automatic repair waits",
        f"{cause} When it is mended, `preserve audit --tier {tier} --all`; if the damage is real, "
        "`preserve finding accept` with your reason lets repair go on",
    )
