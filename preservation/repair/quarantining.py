"""What an exchange left in quarantine, put on the record: where it lies, and where it differs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from preservation.errors import ColdError, NotNowError
from preservation.files.held import Held, HeldFolder, HeldParts
from preservation.files.walk import Kind, walk
from preservation.ledger.protocol import Journal
from preservation.model.digest import Digest
from preservation.model.event import Event, EventMaker, EventType
from preservation.repair.difference import difference_map
from preservation.repair.task import Task

_MOST = 10_000  # files of one mending; a check names no more


class Quarantining:
    """Tells of damaged bytes that were set aside."""

    def __init__(self, journal: Journal, events: EventMaker) -> None:
        self._journal, self._events = journal, events

    def events(self, task: Task, begun: Mapping[str, Any]) -> tuple[str, str, list[Event]]:
        """The events about what was set aside.

        Args:
            begun: the detail of ``repair begun``; ``unrecorded`` are exchanges before it that
                were killed: what they had set aside by then is told now.

        Returns:
            Where the damaged bytes of this exchange lie, the digest of their difference map,
            and the events.
        """
        told: list[Event] = []
        for one in begun.get("unrecorded", []):
            place, mapped = self._map(task, one, killed=True)
            if mapped:
                told.append(self._event(task, place, mapped))
        place, mapped = self._map(task, begun)
        if place:
            told.append(self._event(task, place, mapped))
        return place, mapped, told

    def _event(self, task: Task, place: str, mapped: str) -> Event:
        detail = {"place": place, "finding": task.finding.id, "difference": mapped}
        return task.about(self._events, EventType.QUARANTINE, detail)

    def _map(
        self, task: Task, begun: Mapping[str, Any], *, killed: bool = False
    ) -> tuple[str, str]:
        """Where one exchange put damaged bytes, and the digest of their map; empty if it is cold.

        Args:
            killed: good copies that were not used may lie there: without any difference no map.
        """
        row, tier = task.row, task.tier
        place = tier.quarantined(row.key, row.packaging, begun["stamp"])
        if not place:
            return "", ""
        with suppress(ColdError):  # the damaged octets have become cold again
            aside = tier.held_in_quarantine(row.key, row.packaging, begun["stamp"])
            paths = dict.fromkeys(self._named(task))
            if "files" in begun:
                paths |= dict.fromkeys(_lying(aside))
            held = tier.held(row.key, row.packaging)
            document = difference_map(aside, held, [*paths], row.key)
            if killed:
                document["files"] = [one for one in document["files"] if _differs(one)]
            if document["files"] or not killed:
                body = {"finding": task.finding.id, **document}
                return place, str(self._journal.put_result(body))
        return place, ""

    def _named(self, task: Task) -> list[bytes]:
        """The files that the check named: all by its result, or the first ones by the finding."""
        detail = task.finding.detail
        files = detail.get("files", [])
        with suppress(NotNowError, ValueError):
            files = self._journal.result(Digest.parse_tagged(detail.get("result", "")))["files"]
        return [bytes.fromhex(found["path_hex"]) for found in files]


def _lying(held: Held | HeldParts) -> list[bytes]:
    """The files of a mending: in its quarantine lies nothing else."""
    if not isinstance(held, HeldFolder):
        return []
    there = (entry.path for entry in walk(held.path) if entry.kind is not Kind.FOLDER)
    return list(islice(there, _MOST))


def _differs(file: Mapping[str, Any]) -> bool:
    """Whether something lies in quarantine that is not what the replica has."""
    if file["damaged_bytes"] is None:
        return bool(file["unreadable"])
    return bool(file["ranges"] or file["unreadable"]) or file["intact_bytes"] is None
