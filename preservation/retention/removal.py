"""The act itself: a tombstone on each tier, then everything of the version away, confirmed.

It is only called for what is durable in the journal as disposed of or retired, and it is the same
call that begins, goes on after a crash, and comes back when a tier was away or a lock held it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from preservation.catalogue.custody import DISPOSAL, RemovalRow, Tombstone
from preservation.catalogue.holding import TTL
from preservation.catalogue.protocol import Lease
from preservation.errors import BusyError, NotNowError, SamarkandError, TierUnavailableError
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.model.canonical import canonical
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.event import EventType
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, VersionKey
from preservation.retention.books import Means, leases
from preservation.retention.remaining import FRESH, Remaining
from preservation.retention.review import promised
from preservation.storage.tier import Removed, Tier

TOMBSTONE_SCHEMA = "samarkand.tombstone/1"


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one replica that is removed.

    Attributes:
        state: ``gone``, ``pending`` (a tier is away, or a lock holds it) or ``busy``.
        until: when the lock ends, where that is known.
    """

    key: VersionKey
    tier: str
    state: str
    until: datetime | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """One row of a disposal's document."""
        return {
            "aip": self.key.aip,
            "version": self.key.version,
            "tier": self.tier,
            "state": self.state,
            "until": None if self.until is None else stamp(self.until),
            "reason": self.reason,
        }


def tombstone_bytes(stone: Tombstone) -> bytes:
    """The document at the version's key: canonical JSON and a newline, the same on every tier."""
    version = stone.version
    previous = version.previous_seal
    return (
        canonical(
            {
                "schema": TOMBSTONE_SCHEMA,
                "community": version.key.community,
                "aip": version.key.aip,
                "version": version.key.version,
                "title": version.title,
                "seal": str(version.seal),
                "previous_seal": None if previous is None else str(previous),
                "content_digest": str(version.content_digest),
                "payload_oxum": f"{version.octets}.{version.files}",
                "ingested_at": stamp(version.ingested_at),
                "disposed_at": stamp(stone.disposed_at),
                "approved_by": list(stone.approved_by),
                "by": stone.by,
                "reason": stone.reason,
                "proposal": stone.proposal,
                "event": stone.event,
            }
        )
        + b"\n"
    )


class Remover:
    """Finishes removals that are durable in the journal."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._custody = means.catalogue.custody
        self._remaining = Remaining(means)

    def finish(self, rows: Iterable[RemovalRow], progress: Progress) -> list[Removal]:
        """Remove what these rows are about, version by version.

        Raises:
            NotNowError: the journal can't be written; nothing was removed.
        """
        several: dict[VersionKey, list[RemovalRow]] = {}
        for row in rows:
            several.setdefault(row.key, []).append(row)
        if not several:
            return []
        self._means.make_durable()
        return [
            result
            for key, removals in sorted(several.items())
            for result in self._version(key, removals, progress)
        ]

    def _version(
        self, key: VersionKey, rows: list[RemovalRow], progress: Progress
    ) -> Iterator[Removal]:
        with leases(self._means, key, (row.tier for row in rows)) as held:
            if held is None:
                reason = "another run is at it"
                yield from (Removal(key, row.tier, "busy", reason=reason) for row in rows)
                return
            due = [row for row in rows if self._is_due(row)]
            marked = {row.tier: self._mark(row) for row in due}
            for row in due:
                yield self._one(row, marked[row.tier], held[row.tier], progress)

    def _is_due(self, row: RemovalRow) -> bool:
        """Again, under the lease: another run may have finished it, or the replica is promised
        again and was written anew.
        """
        now = self._custody.removal(row.key, row.tier)
        return now is not None and now.done_at is None

    def _mark(self, row: RemovalRow) -> str:
        """Put the tombstone, clear the home; says what stood in the way."""
        if row.kind != DISPOSAL:
            return ""
        stone = self._custody.tombstone(row.key)
        if stone is None:
            raise SamarkandError(f"{row.key}: to be removed, and no tombstone on record")
        try:
            self._tier(row.tier).tombstone(row.key, tombstone_bytes(stone))
            self._means.clear_home(row.key)
        except SamarkandError as error:
            return error.message
        return ""

    def _one(self, row: RemovalRow, in_the_way: str, lease: Lease, progress: Progress) -> Removal:
        """Remove one replica, and record what came of it."""
        in_the_way = in_the_way or self._objection(row, progress)
        try:
            self._means.catalogue.renew(lease, TTL, self._means.events.clock.now())
        except BusyError as error:  # it was asleep, and the replica is somebody else's by now
            return Removal(row.key, row.tier, "busy", reason=error.message)
        if in_the_way:
            removed = Removed(("?",), None, in_the_way)
        else:
            try:
                removed = self._tier(row.tier).remove(row.key)
                if row.kind == DISPOSAL:
                    self._remove_salvaged(row.key)
            except NotNowError as error:
                removed = Removed(("?",), None, error.message)
        state = "pending" if removed.left else "gone"
        reason = removed.reason or (f"{removed.left[0]} is still there" if removed.left else "")
        self._record(row, removed, reason, lease)
        progress.say(f"{row.key} on {row.tier}: {state}{f' ({reason})' if reason else ''}")
        return Removal(row.key, row.tier, state, removed.until, reason)

    def _remove_salvaged(self, key: VersionKey) -> None:
        """Remove what repair put together of a version in the home itself.

        Raises:
            NotNowError: it can't be removed.
        """
        salvage = self._means.salvage
        for place in sorted(salvage.glob(f"*/{key.place(Packaging.FOLDER)}")):
            with durable.plain_errors(place):
                remove_tree(place)
                durable.fsync_dir(place.parent)

    def _objection(self, row: RemovalRow, progress: Progress) -> str:
        """What came since it was decided, perhaps months ago, and forbids to remove it now."""
        if held := self._custody.holds_on(row.key):
            return f"it is held: {held[0].reason}"
        if row.kind == DISPOSAL:
            return ""
        try:
            policy = self._means.governing(row.key.community)
        except SamarkandError as error:
            return error.message
        if row.tier in promised(policy):
            return "its tier is promised again: replication takes it back"
        return self._remaining.too_little(policy, row.key, progress, within=FRESH)

    def _record(self, row: RemovalRow, removed: Removed, reason: str, lease: Lease) -> None:
        """What stands in the way is told once, not every month anew."""
        if removed.left and (row.until, row.reason) == (removed.until, reason):
            return
        until = "" if removed.until is None else stamp(removed.until)
        detail = {"proposal": row.proposal, "kind": row.kind, "until": until, "reason": reason}
        outcome = "pending" if removed.left else "success"
        event = self._means.events.about(
            row.key, EventType.DELETION, outcome, detail, tier=row.tier
        )
        self._means.catalogue.record([event], lease)

    def _tier(self, name: str) -> Tier:
        tier = self._means.tiers().get(name)
        if tier is None:
            raise TierUnavailableError(f"no policy says where the tier {name!r} is")
        return tier
