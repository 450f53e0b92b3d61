"""One item of an approved proposal: looked at once more, then said before it is done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from preservation.catalogue import custody
from preservation.catalogue.custody import ProposalRow
from preservation.errors import NotNowError, SamarkandError
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventType
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.policy.policy import Policy
from preservation.retention.books import Means, leases
from preservation.retention.proposal import DISPOSE, Item
from preservation.retention.remaining import Remaining
from preservation.retention.review import promised
from preservation.storage.tier import Tier


@dataclass(frozen=True, slots=True)
class Left:
    """An item that was not disposed of or retired, and why: ``left`` (for good), ``busy``."""

    item: Item
    state: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """One row of a disposal's document."""
        key = self.item.key
        return {
            "act": self.item.act,
            "aip": key.aip,
            "version": key.version,
            "state": self.state,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One approved proposal being carried out.

    Attributes:
        objection: why nothing of it may be decided any more; empty if it may.
    """

    row: ProposalRow
    policy: Policy
    by: str
    reason: str
    approved_by: tuple[str, ...]
    progress: Progress
    objection: str


class Decider:
    """Puts on record that an item is disposed of or retired, if it still may be."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._catalogue = means.catalogue
        self._custody = means.catalogue.custody
        self._remaining = Remaining(means)

    def decide(self, run: Run, item: Item) -> Left | None:
        """Record the end of one item, unless an earlier run did; why not, if it is left."""
        if self._is_decided(run, item):
            return None
        if run.objection:
            return Left(item, "left", run.objection)
        places = self._places(run, item)
        with leases(self._means, item.key, places) as held:
            if held is None:
                return Left(item, "busy", "another run is at it")
            try:
                reason = self._changed(item)
                if not reason and item.act != DISPOSE:
                    reason = self._remaining.too_little(
                        run.policy, item.key, run.progress, within=timedelta(0)
                    )
            except NotNowError as error:
                return Left(item, "busy", error.message)
            if reason:
                return Left(item, "left", reason)
            events = self._disposing(run, item, places)
            self._catalogue.record(events, held[places[0]])
        return None

    def _is_decided(self, run: Run, item: Item) -> bool:
        """Whether an earlier run, that was killed, came so far."""
        if item.act == DISPOSE:
            return self._custody.tombstone(item.key) is not None
        known = self._custody.removal(item.key, item.replicas[0].tier)
        return known is not None and known.proposal == run.row.digest

    def _places(self, run: Run, item: Item) -> list[str]:
        """Where something of it may lie: its replicas, the promised tiers, and wherever else a
        listing shows remains of it.
        """
        listed = [one.tier for one in item.replicas]
        if item.act != DISPOSE:
            return listed
        known = {*listed, *promised(run.policy)}
        for name, tier in self._means.tiers().items():
            if name not in known and self._shows(tier, item.key):
                known.add(name)
        return sorted(known & self._means.tiers().keys() | set(listed))

    def _shows(self, tier: Tier, key: VersionKey) -> bool:
        """Whether a tier that nothing promises holds remains; one that is away can't be asked."""
        try:
            return bool(tier.remains(key))
        except SamarkandError:
            return False

    def _changed(self, item: Item) -> str:
        """What is not as it was listed; empty if all is."""
        if held := self._custody.holds_on(item.key):
            return f"it is held: {held[0].reason}"
        if item.act == DISPOSE and (until := self._kept_until(item.key)):
            return f"it is kept until {until:%Y-%m-%d}"
        version = self._catalogue.version(item.key)
        rows = [
            row
            for row in self._catalogue.replicas(item.key.community, aip=item.key.aip)
            if row.key == item.key
        ]
        if item.act != DISPOSE:
            rows = [row for row in rows if row.tier == item.replicas[0].tier]
        if version is None or Item.of(item.act, version, rows) != item:
            return "it is not any more what was listed"
        return ""

    def _kept_until(self, key: VersionKey) -> datetime | None:
        """Till when a review that came since keeps it on."""
        now = self._means.events.clock.now()
        for one in self._custody.appraisals(key.aip):
            if one.key == key and one.kept_until is not None and one.kept_until > now:
                return one.kept_until
        return None

    def _disposing(self, run: Run, item: Item, places: list[str]) -> list[Event]:
        """The events that take it out of what is kept: of a version, or of one replica."""
        if item.act != DISPOSE:
            (place,) = item.replicas
            detail = {
                **self._why(run),
                "seal": str(item.seal),
                "packaging": place.packaging,
                "bytes": item.octets,
            }
            event = self._about(run, item.key, EventType.RETIREMENT, detail, place.tier)
            return [event, *self._resolved(run, item.key, place.tier, event)]
        version = self._catalogue.version(item.key)
        if version is None:
            raise SamarkandError(f"{item.key} went away under its lease")
        kept = {one.tier: one.packaging for one in item.replicas}
        tiers = [
            {
                "tier": tier,
                "packaging": kept.get(tier, ""),
                "bytes": item.octets if tier in kept else 0,
            }
            for tier in places
        ]
        detail = {**self._why(run), **custody.facts(version), "tiers": tiers}
        event = self._about(run, item.key, EventType.DEACCESSION, detail)
        return [event, *self._resolved(run, item.key, None, event)]

    def _why(self, run: Run) -> dict[str, Any]:
        return {
            "proposal": run.row.digest,
            "by": run.by,
            "reason": run.reason,
            "approved_by": list(run.approved_by),
        }

    def _resolved(self, run: Run, key: VersionKey, tier: str | None, because: Event) -> list[Event]:
        """Findings about what is no more are closed with it."""
        found = self._catalogue.findings(key.community, state="open", aip=key.aip, tier=tier)
        return [
            self._about(
                run,
                key,
                EventType.FINDING_RESOLVED,
                {
                    "finding": one.id,
                    "by": self._means.events.agent,
                    "reason": "what it is about was disposed of"
                    if tier is None
                    else "the replica was retired",
                    "event": because.id,
                },
                one.tier,
            )
            for one in found
            if one.version == key.version
        ]

    def _about(
        self, run: Run, key: VersionKey, type_: EventType, detail: dict[str, Any], tier: str = ""
    ) -> Event:
        return self._means.events.about(
            key, type_, "success", detail, tier=tier, policy=run.policy.ref
        )
