"""Where a report's events come from, one by one: the journal itself, or its Parquet copies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from preservation.ledger.protocol import Journal
from preservation.model.event import Event


class Told(Protocol):
    """One community's events. Each may be asked for several times."""

    def events(self, since: datetime) -> Iterator[Event]:
        """Those from a moment on, each once."""
        ...

    def about(self, findings: AbstractSet[str], since: datetime) -> Iterator[Event]:
        """Those about some findings, from a moment on."""
        ...


class Table(Protocol):
    """The Parquet copies: ``ledger.event_table.EventTable``, which is heavy to import."""

    def events(
        self, community: str, since: datetime, findings: Collection[str] | None = None
    ) -> Iterator[Event]: ...


class TableEvents:
    """The events of the Parquet copies, and those that are not in the journal yet."""

    def __init__(self, table: Table, pending: Sequence[Event], community: str) -> None:
        self._table, self._community = table, community
        self._pending = [event for event in pending if event.community == community]

    def events(self, since: datetime) -> Iterator[Event]:
        """See ``Told.events``."""
        return self._all(since, None)

    def about(self, findings: AbstractSet[str], since: datetime) -> Iterator[Event]:
        """See ``Told.about``."""
        return self._all(since, findings)

    def _all(self, since: datetime, findings: AbstractSet[str] | None) -> Iterator[Event]:
        waiting = {
            event.id: event
            for event in self._pending
            if event.at >= since and (findings is None or event.detail.get("finding") in findings)
        }
        for event in self._table.events(self._community, since, findings and list(findings)):
            waiting.pop(event.id, None)
            yield event
        yield from waiting.values()


class JournalEvents:
    """The events of the journal, and those that are not in it yet."""

    def __init__(self, journal: Journal, pending: Sequence[Event], community: str) -> None:
        self._journal, self._community = journal, community
        self._pending = [event for event in pending if event.community == community]

    def events(self, since: datetime) -> Iterator[Event]:
        """See ``Told.events``."""
        waiting = {event.id: event for event in self._pending if event.at >= since}
        for event in self._journal.events(since):
            waiting.pop(event.id, None)
            if event.community == self._community and event.at >= since:
                yield event
        yield from waiting.values()

    def about(self, findings: AbstractSet[str], since: datetime) -> Iterator[Event]:
        """See ``Told.about``."""
        for event in self.events(since):
            if event.detail.get("finding") in findings:
                yield event
