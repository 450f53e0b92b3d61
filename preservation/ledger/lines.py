"""The lines of a journal file: events in canonical JSON, and what they refer to.

Source: ``docs/formats/journal.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress

from preservation.errors import MalformedError, SamarkandError
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import Event

# What no canonical line holds, or a digest by chance: integers that a database cannot, surrogates.
_DOUBTFUL = re.compile(rb"[0-9]{16}|\\u[dD]")
_CITED = re.compile(r"sha256:(?P<hex>[0-9a-f]{64})", re.ASCII)


def parse(
    name: str, data: bytes, damaged: Callable[[SamarkandError], None] | None = None
) -> list[Event]:
    """The events of one journal file.

    Args:
        name: for messages.
        data: the file's octets.
        damaged: told of each line that is no event; without it, the first one raises.

    Raises:
        MalformedError: ``JRN-DAMAGED``, with the file and line that is no event.
    """
    *lines, tail = data.split(b"\n")
    events = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(_event(line))
        except (ValueError, RecursionError) as error:
            _tell(_damaged(name, number, str(error)), damaged)
    if tail or not lines:
        torn = _damaged(name, len(lines) + 1, "the file does not end with a newline")
        _tell(torn, damaged)
        with suppress(ValueError, RecursionError):  # only the newline may have been lost
            events.append(_event(tail))
    return events


def newest(data: bytes) -> Event | None:
    """The last event of a journal file, of which the lines before it are not parsed; damaged lines
    are passed over.
    """
    for line in reversed(data.split(b"\n")):
        with suppress(ValueError, RecursionError):
            return _event(line)
    return None


def _event(line: bytes) -> Event:
    """One event. A line that says what no event can is damaged, and not left to fail the catalogue
    that is rebuilt from it.

    Raises:
        ValueError: it is none.
    """
    event = Event.from_json(json.loads(line.decode("utf-8")))
    if _DOUBTFUL.search(line):
        event.encode()
    return event


def _tell(error: SamarkandError, damaged: Callable[[SamarkandError], None] | None) -> None:
    if damaged is None:
        raise error
    damaged(error)


def results(name: str, data: bytes) -> list[Digest]:
    """The result documents that the events of a journal file refer to: ``detail.result``, or
    several of them in ``detail.results``.

    Raises:
        MalformedError: as :func:`parse`.
    """
    details = [event.detail for event in parse(name, data)]
    cited = (
        text
        for detail in details
        for text in (detail.get("result"), *_listed(detail.get("results")))
    )
    found = (_CITED.fullmatch(text) for text in cited if isinstance(text, str))
    return [Digest.parse(Algorithm.SHA256, match["hex"]) for match in found if match]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _damaged(name: str, line: int, reason: str) -> MalformedError:
    return MalformedError(
        f"journal file {name}, line {line}: not an event: {reason}",
        hint="compare it with the copies in the tiers' .samarkand/journal and restore the file",
        code="JRN-DAMAGED",
    )
