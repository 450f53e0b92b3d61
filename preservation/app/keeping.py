"""Retention and holds of an open home."""

from __future__ import annotations

from functools import partial

from preservation.app.parts import Parts
from preservation.errors import BusyError
from preservation.model.units import counted, format_duration
from preservation.policy.policy import Policy
from preservation.repair.salvage import discard_kept
from preservation.retention.books import Means
from preservation.retention.holds import HoldService
from preservation.retention.service import RetentionService


def retention_of(parts: Parts) -> RetentionService:
    """Reviews, approvals, disposals and retirements."""
    return RetentionService(
        Means(
            catalogue=parts.catalogue,
            journal=parts.journal,
            events=parts.events,
            tiers=parts.every_tier,
            check=parts.check,
            governing=parts.store.governing,
            observed=parts.observed,
            clear_home=partial(discard_kept, parts.home.path),
            make_durable=lambda: _make_durable(parts),
            salvage=parts.home.path / "salvage",
        )
    )


def holds_of(parts: Parts) -> HoldService:
    """Placing and releasing holds."""
    return HoldService(parts.catalogue, parts.events, parts.every_tier)


def keeping_words(parts: Parts, policy: Policy) -> list[str]:
    """How long is kept and who ends it, what was disposed of, is pending, is held: for reports."""
    rule, custody = policy.retention, parts.catalogue.custody
    kept = "for ever" if rule.keep is None else f"{format_duration(rule.keep)} at least"
    people = counted(rule.approvals, "person", "people")
    words = [f"AIP versions are kept {kept}; nothing is removed unless {people} approved it."]
    if gone := custody.tombstones(policy.community):
        last = max(one.disposed_at for one in gone)
        words.append(
            f"{len(gone):,} disposed of so far, the last on {last:%Y-%m-%d}: they count nowhere "
            "here, and their tombstones stay."
        )
    if pending := custody.removals(policy.community, pending=True):
        until = max((row.until for row in pending if row.until), default=None)
        when = f", the last lock ends on {until:%Y-%m-%d}" if until else ""
        words.append(f"{len(pending):,} removals are pending{when}.")
    if holds := custody.holds(policy.community):
        words.append(f"{len(holds):,} holds are open: what they are on is not disposed of.")
    return words


def _make_durable(parts: Parts) -> None:
    """Bring every recorded event into the journal.

    Raises:
        BusyError: another drain is at work, and has not come to the end yet.
    """
    try:
        parts.drain()
    except BusyError:
        if parts.catalogue.outbox_size():
            raise
