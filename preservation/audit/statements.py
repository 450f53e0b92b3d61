"""What holders of packages elsewhere state about them: asked for, recorded, held against time.

A statement is its holder's. It is no check of ours, makes no replica, and counts for nothing
that a policy promises; it tells whom to ask, and since when.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from datetime import timedelta
from typing import Any, Protocol

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue
from preservation.catalogue.statements import StatementRow
from preservation.files.sorting import Sorter, distinct
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.event import EventMaker, EventType
from preservation.model.finding import Finding, Severity
from preservation.model.progress import Progress
from preservation.policy.policy import Policy
from preservation.storage.source import Package, Source, Statement

FRESH = timedelta(days=30)  # a statement that is younger is not asked for again
_ASK = "ask the holder; nothing of ours depends on it"
_AT_ONCE = 1_000  # packages looked up at once


class Stated(Protocol):
    """What holders stated last."""

    def all(self, tier: str) -> Iterator[StatementRow]: ...

    def of(self, tier: str, packages: Sequence[str]) -> dict[str, StatementRow]: ...


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
    """Asks one source at a time. Memory does not grow with the number of its packages."""

    def __init__(self, catalogue: Catalogue, stated: Stated, events: EventMaker) -> None:
        self._catalogue = catalogue
        self._stated = stated
        self._events = events

    def ask(
        self,
        policy: Policy,
        source: Source,
        progress: Progress,
        *,
        package: str | None = None,
        fresh: timedelta = FRESH,
    ) -> Asked:
        """Ask about every package that the holder keeps, those stated longest ago first; each
        statement is recorded before the next is asked for, so a stopped run is gone on with.

        Args:
            policy: on whose behalf.
            package: this one only, fresh or not.

        Raises:
            TierUnavailableError: the service can't be asked at all.
        """
        asked = Asked(source.id)
        with hold(self._catalogue, f"statements:{source.id}", self._events.clock) as lease:
            if lease is None:
                progress.say(f"{source.id}: another run is at it")
                return asked
            for one in self._due(source, package, fresh, asked):
                statement = source.state(one.uuid)
                if statement.outcome == "not run":
                    source.check()  # the others need not be tried where nobody answers
                self._record(policy, source.id, one, statement)
                asked.outcomes[statement.outcome] += 1
                asked.findings.extend(_findings(source.id, statement))
                progress.say(f"{source.id}: {one.uuid}: {statement.outcome}")
        return asked

    def compare(self, source: Source) -> Compared:
        """Hold a holder's listing against its statements: what is gone, what failed.

        Raises:
            TierUnavailableError: it can't be listed; nothing is concluded.
        """
        kept = Sorter()
        for one in source.packages():
            if one.is_kept:
                kept.add(one.uuid.encode())
        names = (path.decode() for piece in distinct(kept.slices()) for path in piece.paths)
        compared = Compared(source.id)
        for name, row in _beside(names, self._stated.all(source.id)):
            compared.packages += name is not None
            compared.never += row is None
            if name is None and row is not None:
                compared.findings.append(_gone(source.id, row.package))
            elif row is not None and row.outcome == "fail":
                compared.findings.append(_failed(source.id, row.package, row.detail["message"]))
        return compared

    def _due(
        self, source: Source, package: str | None, fresh: timedelta, asked: Asked
    ) -> Iterator[Package]:
        """The packages to ask about; what nobody was asked about comes first."""
        kept = (one for one in source.packages() if one.is_kept)
        if package is not None:
            yield from [one for one in kept if one.uuid == package]
            return
        before = self._events.clock.now() - fresh
        due = Sorter()
        for some in _lots(kept):
            known = self._stated.of(source.id, [one.uuid for one in some])
            for one in some:
                row = known.get(one.uuid)
                if row is None or row.at < before:
                    due.add(_line(one, "" if row is None else stamp(row.at)))
                else:
                    asked.fresh += 1
        for piece in distinct(due.slices()):
            yield from map(_package, piece.paths)

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


def _lots(packages: Iterable[Package]) -> Iterator[list[Package]]:
    rest = iter(packages)
    while some := list(itertools.islice(rest, _AT_ONCE)):
        yield some


def _beside(
    names: Iterator[str], rows: Iterator[StatementRow]
) -> Iterator[tuple[str | None, StatementRow | None]]:
    """Packages and statements, both in the order of their octets, each beside its like."""
    name, row = next(names, None), next(rows, None)
    while name is not None or row is not None:
        if row is None or (name is not None and name < row.package):
            yield name, None
            name = next(names, None)
        elif name is None or row.package < name:
            yield None, row
            row = next(rows, None)
        else:
            yield name, row
            name, row = next(names, None), next(rows, None)


def _line(one: Package, asked_at: str) -> bytes:
    """A package as a record that sorts by when it was asked for."""
    return json.dumps([asked_at, one.uuid, one.kind, one.status, one.octets]).encode()


def _package(line: bytes) -> Package:
    return Package(*json.loads(line)[1:])


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
