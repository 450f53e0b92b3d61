"""Holds: while one is open, nothing of an AIP is disposed of, and no replica of it is retired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from preservation.catalogue.custody import HoldRow
from preservation.errors import SamarkandError, UsageError
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.replica import VersionKey
from preservation.retention.books import Books
from preservation.storage.tier import Tier


class HoldService:
    """Places and releases holds, each under a person's account and with a reason.

    Args:
        tiers: where a place has a hold of its own (S3: legal hold), it is set there, too.
    """

    def __init__(
        self, catalogue: Books, events: EventMaker, tiers: Callable[[], Mapping[str, Tier]]
    ) -> None:
        self._catalogue = catalogue
        self._events = events
        self._tiers = tiers

    def add(self, community: str, aip: str, version: int, by: str, reason: str) -> HoldRow:
        """Hold an AIP, or one version of it.

        Args:
            version: 0 for all, those to come included.

        Raises:
            UsageError: no reason, or no such version.
        """
        _require(reason)
        last = self._catalogue.last_version(community, aip)
        if last is None or version > last.key.version:
            raise UsageError(
                f"{aip} has no version {version}",
                hint="`preserve aip show` lists its versions",
                code="AIP-NO-VERSION",
            )
        if version and not self._is_left(VersionKey(community, aip, version)):
            raise UsageError(
                f"{aip} v{version} was disposed of", hint="nothing is left to hold", code="AIP-GONE"
            )
        id = self._events.new_id()
        detail = {"hold": id, "by": by, "reason": reason}
        self._record(EventType.HOLD_PLACED, (community, aip, version), detail)
        return self._known(id)

    def release(self, id: str, by: str, reason: str) -> HoldRow:
        """Release one hold.

        Raises:
            UsageError: no reason, no open hold whose id begins so (``RET-NO-HOLD``).
        """
        _require(reason)
        found = [one for one in self._catalogue.custody.holds() if one.id.startswith(id.lower())]
        if len(found) != 1 or not id:
            what = "no open hold begins" if not found or not id else f"{len(found)} holds begin"
            raise UsageError(
                f"{what} with {id!r}", hint="`preserve hold list` shows them", code="RET-NO-HOLD"
            )
        (one,) = found
        detail = {"hold": one.id, "by": by, "reason": reason}
        self._record(EventType.HOLD_RELEASED, (one.community, one.aip, one.version), detail)
        return self._known(one.id)

    def spread(self, row: HoldRow) -> list[str]:
        """Set or lift the places' own holds on what a hold is about; the journal's holds in any
        case. Returns where it could not be done, and why.
        """
        told: list[str] = []
        for key, name in self._places(row):
            on = bool(self._catalogue.custody.holds_on(key))
            tier = self._tiers().get(name)
            try:
                if tier is not None:
                    tier.hold(key, on=on)
            except SamarkandError as error:
                told.append(f"{key} on {name}: {error.message}")
        return told

    def spread_all(self, community: str | None = None) -> list[str]:
        """The same for every open hold: for what could not be reached when it was placed."""
        rows = self._catalogue.custody.holds(community)
        return [told for row in rows for told in self.spread(row)]

    def leaving(self, row: HoldRow) -> list[tuple[VersionKey, str]]:
        """What a hold is about and was being removed before it came: key and tier. What of it is
        still there stays.
        """
        pending = self._catalogue.custody.removals(row.community, row.aip, pending=True)
        return [(one.key, one.tier) for one in pending if row.version in (0, one.key.version)]

    def _places(self, row: HoldRow) -> list[tuple[VersionKey, str]]:
        """Where something lies of what a hold is about, to be removed or not."""
        replicas = self._catalogue.replicas(row.community, aip=row.aip)
        kept = [(one.key, one.tier) for one in replicas if row.version in (0, one.key.version)]
        return kept + self.leaving(row)

    def _is_left(self, key: VersionKey) -> bool:
        """Whether a version is there, or something of it may still be."""
        pending = self._catalogue.custody.removals(key.community, key.aip, pending=True)
        return self._catalogue.version(key) is not None or any(one.key == key for one in pending)

    def _record(
        self, type_: EventType, about: tuple[str, str, int], detail: dict[str, str]
    ) -> None:
        community, aip, version = about
        events = replace(self._events, agent=detail["by"])
        event: Event = events.of(community, type_, "success", detail)
        self._catalogue.record([replace(event, aip=aip, version=version)])

    def _known(self, id: str) -> HoldRow:
        for one in self._catalogue.custody.holds(every=True):
            if one.id == id:
                return one
        raise SamarkandError(f"the hold {id} was recorded, and is not there")


def _require(reason: str) -> None:
    if not reason.strip():
        raise UsageError("a hold needs a reason", hint="say why with --reason")
