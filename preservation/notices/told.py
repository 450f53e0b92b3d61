"""What was told to whom, and what happened by day: a fold over events, without I/O.

The same events give the same state, in whatever pieces they come. It is small: what is closed
and was told is forgotten, and days older than a digest can ask about are, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventType

CLOSED = "closed"
REMEMBERED = 45  # days; a monthly digest asks about 31 of them

Results = Callable[[str], Mapping[str, Any]]  # a result document by its digest's text


@dataclass(slots=True)
class Told:
    """What one recipient was told about one community.

    Attributes:
        findings: open ones by their id, and how they were told.
        broken: promises that were told to be broken.
        at: when anything was told last; ``digest_at``: when a digest was.
    """

    findings: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    at: datetime | None = None
    digest_at: datetime | None = None


@dataclass(slots=True)
class State:
    """All of it.

    Attributes:
        told: recipient -> community -> what was told.
        last: recipient -> when the last message was handed over.
        causes: recipient -> cause of bad news -> when a message told of it last; of these days.
        failing: recipient -> since when messages cannot be handed over, and why.
        days: community -> day (UTC) -> what happened, by word.
    """

    told: dict[str, dict[str, Told]] = field(default_factory=dict)
    last: dict[str, datetime] = field(default_factory=dict)
    causes: dict[str, dict[str, datetime]] = field(default_factory=dict)
    failing: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    days: dict[str, dict[date, Counter[str]]] = field(default_factory=dict)

    def of(self, to: str, community: str) -> Told:
        """What a recipient was told about a community; nothing if they never were."""
        return self.told.get(to, {}).get(community, Told())

    def happened(self, community: str, first: date, last: date) -> Counter[str]:
        """What happened from one day to another, both included."""
        total: Counter[str] = Counter()
        for day, counts in self.days.get(community, {}).items():
            if first <= day <= last:
                total.update(counts)
        return total

    def fold(self, event: Event, results: Results) -> None:
        """Take one event in."""
        if event.type is EventType.NOTIFICATION:
            self._notification(event, results)
        elif event.community:
            words = _counted(event)
            if words:
                days = self.days.setdefault(event.community, {})
                days.setdefault(event.at.astimezone(UTC).date(), Counter()).update(words)

    def _notification(self, event: Event, results: Results) -> None:
        to = str(event.detail.get("to", ""))
        if event.outcome != "success":
            since = self.failing.get(to, (event.at, ""))[0]
            self.failing[to] = (since, str(event.detail.get("reason", "")))
            return
        self.failing.pop(to, None)
        self.last[to] = event.at
        document = results(str(event.detail.get("result", "")))
        said = document.get("communities", {}).get(event.community)
        if said is not None:
            told = self.told.setdefault(to, {}).setdefault(event.community, Told())
            self._note(told, event.at, said)
            causes = self.causes.setdefault(to, {})
            causes.update(dict.fromkeys(said.get("causes", ()), event.at))

    @staticmethod
    def _note(told: Told, at: datetime, said: Mapping[str, Any]) -> None:
        for finding, mark in said.get("findings", {}).items():
            if mark == CLOSED:
                told.findings.pop(finding, None)
            else:
                told.findings[finding] = mark
        told.broken = set(said.get("broken", ()))
        told.at = at
        if said.get("digest"):
            told.digest_at = at

    def forget(self, today: date) -> None:
        """Drop days and causes that nobody asks about any more."""
        for days in self.days.values():
            for day in [day for day in days if day < today - timedelta(days=REMEMBERED)]:
                del days[day]
        for causes in self.causes.values():
            for cause in [c for c, at in causes.items() if at.date() < today - timedelta(days=2)]:
                del causes[cause]

    def to_json(self) -> dict[str, Any]:
        """The document that is kept between runs."""
        return {
            "told": {
                to: {community: _told_json(told) for community, told in by.items()}
                for to, by in self.told.items()
            },
            "last": {to: stamp(at) for to, at in self.last.items()},
            "causes": {
                to: {cause: stamp(at) for cause, at in by.items()} for to, by in self.causes.items()
            },
            "failing": {to: [stamp(at), why] for to, (at, why) in self.failing.items()},
            "days": {
                community: {day.isoformat(): dict(counts) for day, counts in days.items()}
                for community, days in self.days.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> State:
        """Read what :meth:`to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        return cls(
            told={
                to: {community: _told(one) for community, one in by.items()}
                for to, by in data["told"].items()
            },
            last={to: parse_stamp(at) for to, at in data["last"].items()},
            causes={
                to: {str(cause): parse_stamp(at) for cause, at in by.items()}
                for to, by in data["causes"].items()
            },
            failing={to: (parse_stamp(at), str(why)) for to, (at, why) in data["failing"].items()},
            days={
                community: {date.fromisoformat(day): Counter(one) for day, one in days.items()}
                for community, days in data["days"].items()
            },
        )


def _told_json(told: Told) -> dict[str, Any]:
    return {
        "findings": dict(told.findings),
        "broken": sorted(told.broken),
        "at": stamp(told.at) if told.at else None,
        "digest_at": stamp(told.digest_at) if told.digest_at else None,
    }


def _told(data: Mapping[str, Any]) -> Told:
    return Told(
        findings={str(id): str(mark) for id, mark in data["findings"].items()},
        broken=set(data["broken"]),
        at=parse_stamp(data["at"]) if data["at"] else None,
        digest_at=parse_stamp(data["digest_at"]) if data["digest_at"] else None,
    )


def _counted(event: Event) -> dict[str, int]:
    """What an event adds to its day."""
    match event.type, event.outcome:
        case EventType.FIXITY_CHECK, outcome if outcome.isascii():
            read = event.detail.get("bytes_read", 0)
            octets = read if isinstance(read, int) else 0
            return {"checks": 1, f"checks {outcome}": 1, "bytes read": octets}
        case EventType.INGESTION, _:
            return {"deposits accepted": 1}
        case EventType.VALIDATION, outcome if outcome.isascii():
            return {f"deposits {outcome}": 1}
        case EventType.RECOVERY, "success":
            return {"replicas repaired": 1}
        case EventType.REPLICATION, "success":
            return {"replicas written": 1}
        case EventType.FINDING_OPENED, _:
            return {"findings opened": 1}
        case EventType.FINDING_RESOLVED | EventType.FINDING_ACCEPTED, _:
            return {"findings closed": 1}
        case _:
            return {}
