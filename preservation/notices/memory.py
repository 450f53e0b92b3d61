"""The state between runs: a checkpoint in a file, brought up to date from the journal.

The file is derived. Where it is gone or strange, everything is folded again from the first
event; where it is there, only the journal files written since are read.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from preservation.errors import MalformedError, NotNowError, SamarkandError
from preservation.files import durable
from preservation.ledger.lines import parse
from preservation.ledger.protocol import Journal
from preservation.model.canonical import canonical
from preservation.model.clock import Clock
from preservation.model.digest import Digest
from preservation.model.event import Event
from preservation.notices.told import State

_SCHEMA = "samarkand.notices-memory/1"
_EVERY = 100  # journal files; a first fold that is killed goes on where it was


class Memory:
    """Remembers what was told."""

    def __init__(self, file: Path, journal: Journal, clock: Clock) -> None:
        self._file = file
        self._journal = journal
        self._clock = clock
        self._read: tuple[str, Mapping[str, Any]] = ("", {})  # the last result document

    def recall(self, pending: Iterable[Event]) -> State:
        """What was told up to now.

        Args:
            pending: events that are recorded and not in the journal yet, read before this call.

        Raises:
            NotNowError: the journal cannot be read, or the checkpoint not be written.
        """
        waiting = {event.id: event for event in pending}
        state, through = self._checkpoint()
        names = self._journal.names()
        if through and through not in names:  # another journal than the one that was folded
            state, through = State(), ""
        new = names[names.index(through) + 1 :] if through else names
        for number, name in enumerate(new, 1):
            for event in parse(name, self._journal.read(name), _passed_over):
                state.fold(event, self._result)
                waiting.pop(event.id, None)
            if number % _EVERY == 0 or name == new[-1]:
                state.forget(self._clock.now().date())
                self._keep(state, name)
        if waiting:
            state = copy.deepcopy(state)
            for event in waiting.values():
                state.fold(event, self._result)
        return state

    def _checkpoint(self) -> tuple[State, str]:
        try:
            data = json.loads(self._file.read_bytes())
            if data["schema"] == _SCHEMA:
                return State.from_json(data), str(data["through"])
        except (MalformedError, OSError, ValueError, LookupError, TypeError, AttributeError):
            pass
        return State(), ""

    def _keep(self, state: State, through: str) -> None:
        with durable.plain_errors(self._file):
            self._file.parent.mkdir(parents=True, exist_ok=True)
        document = {"schema": _SCHEMA, "through": through, **state.to_json()}
        durable.replace(self._file, canonical(document) + b"\n", mode=0o600)

    def _result(self, digest: str) -> Mapping[str, Any]:
        """What a message told; nothing if the document is lost: then it is told once more. One
        that is about many communities is asked for by the event of each.
        """
        if self._read[0] != digest:
            self._read = (digest, self._result_of(digest))
        return self._read[1]

    def _result_of(self, digest: str) -> Mapping[str, Any]:
        with suppress(SamarkandError, OSError, NotNowError, MalformedError):
            document = self._journal.result(Digest.parse_tagged(digest))
            return document if isinstance(document, dict) else {}
        return {}


def _passed_over(_: SamarkandError) -> None:
    """A damaged line is told by others; it hides no more than what it said."""
