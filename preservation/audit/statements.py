"""What holders of packages elsewhere state about them: asked for, recorded, held against time.

A statement is its holder's. It is no check of ours, makes no replica, and counts for nothing
that a policy promises; it tells whom to ask, and since when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue
from preservation.model.clock import stamp
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import Finding, Severity
from preservation.model.progress import Progress
from preservation.policy.policy import Policy
from preservation.storage.source import Package, Source, Statement

FRESH = timedelta(days=30)  # a statement that is younger is not asked for again
_ASK = "ask the holder; nothing of ours depends on it"


@dataclass(slots=True)
class Asked:
    """What asking one holder came to."""

    tier: str
    outcomes: Counter[str] = field(default_factory=Counter)
    fresh: int = 0  # packages whose last statement is young enough
    findings: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """One tier of ``samarkand.statements/1``."""
        return {
            "tier": self.tier,
            "outcomes": dict(self.outcomes),
            "fresh": self.fresh,
            "findings": [one.to_json() for one in self.findings],
        }


@dataclass(slots=True)
class Compared:
    """A holder's listing against what it stated before."""

    tier: str
    packages: int = 0
    never: int = 0  # of which it has stated nothing yet
    findings: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """One source of ``samarkand.reconcile/1``."""
        return {
            "tier": self.tier,
            "packages": self.packages,
            "never_stated": self.never,
            "findings": [one.to_json() for one in self.findings],
        }


class StatementService:
    """Asks one source at a time."""

    def __init__(self, catalogue: Catalogue, events: EventMaker) -> None:
        self._catalogue = catalogue
        self._events = events

    def ask(
        self,
        policy: Policy,
        source: Source,
        known: Mapping[str, Event],
        progress: Progress,
        *,
        package: str | None = None,
        fresh: timedelta = FRESH,
    ) -> Asked:
        """Ask about every package that the holder keeps, those stated longest ago first; each
        statement is recorded before the next is asked for, so a stopped run is gone on with.

        Args:
            policy: on whose behalf.
            known: the last statement about each package (:func:`last_statements`).
            package: this one only, fresh or not.

        Raises:
            TierUnavailableError: the service can't be asked at all.
        """
        asked = Asked(source.id)
        with hold(self._catalogue, f"statements:{source.id}", self._events.clock) as lease:
            if lease is None:
                progress.say(f"{source.id}: another run is at it")
                return asked
            for one in self._due(source, known, package, fresh, asked):
                statement = source.state(one.uuid)
                if statement.outcome == "not run":
                    source.check()  # the others need not be tried where nobody answers
                self._record(policy, source.id, one, statement)
                asked.outcomes[statement.outcome] += 1
                asked.findings.extend(_findings(source.id, statement))
                progress.say(f"{source.id}: {one.uuid}: {statement.outcome}")
        return asked

    def _due(
        self,
        source: Source,
        known: Mapping[str, Event],
        package: str | None,
        fresh: timedelta,
        asked: Asked,
    ) -> list[Package]:
        kept = [one for one in source.packages() if one.is_kept]
        if package is not None:
            return [one for one in kept if one.uuid == package]
        before = self._events.clock.now() - fresh
        due = [one for one in kept if one.uuid not in known or known[one.uuid].at < before]
        asked.fresh = len(kept) - len(due)
        return sorted(due, key=lambda one: _asked_at(known, one))

    def _record(self, policy: Policy, tier: str, one: Package, statement: Statement) -> None:
        detail = statement.to_json() | {"status": one.status, "bytes": one.octets}
        outcome = detail.pop("outcome")
        event = self._events.of(
            policy.community,
            EventType.HOLDER_STATEMENT,
            outcome,
            detail,
            tier=tier,
            policy=policy.ref,
        )
        self._catalogue.record([event])


def compare(source: Source, known: Mapping[str, Event]) -> Compared:
    """Hold a holder's listing against its statements: what is gone, what failed.

    Raises:
        TierUnavailableError: it can't be listed; nothing is concluded.
    """
    compared = Compared(source.id)
    kept = {one.uuid for one in source.packages() if one.is_kept}
    compared.packages = len(kept)
    compared.never = len(kept - known.keys())
    for uuid, event in sorted(known.items()):
        if uuid not in kept:
            compared.findings.append(_gone(source.id, uuid))
        elif event.outcome == "fail":
            compared.findings.append(_failed(source.id, uuid, str(event.detail["message"])))
    return compared


def last_statements(events: Iterable[Event], tier: str) -> dict[str, Event]:
    """The last statement about each package of a tier."""
    return {
        str(event.detail["package"]): event
        for event in events
        if event.type is EventType.HOLDER_STATEMENT and event.tier == tier
    }


def _asked_at(known: Mapping[str, Event], one: Package) -> tuple[str, str]:
    """What nobody was asked about comes first."""
    event = known.get(one.uuid)
    return (stamp(event.at) if event else "", one.uuid)


def _findings(tier: str, statement: Statement) -> Iterator[Finding]:
    if statement.outcome == "fail":
        yield _failed(tier, statement.package, statement.message)
    elif statement.outcome != "pass":
        reason = statement.reason or statement.message or "no reason is given"
        yield Finding(
            "SRC-UNCLEAR",
            f"{statement.package} on {tier}",
            f"the holder's check is {statement.outcome}: {reason}",
            _ASK,
            Severity.WARNING,
        )


def _failed(tier: str, package: str, message: str) -> Finding:
    words = f": {message}" if message else ""
    return Finding(
        "SRC-FAILED",
        f"{package} on {tier}",
        f"its holder states that it fails{words}",
        "tell the holder; replicas of ours are not concerned",
        Severity.WARNING,
    )


def _gone(tier: str, package: str) -> Finding:
    return Finding(
        "SRC-GONE",
        f"{package} on {tier}",
        "its holder stated something about it, and lists it no more",
        "ask the holder what became of it",
        Severity.WARNING,
    )
