"""How an AIP's versions came: whose digests they were held against, and what was fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from preservation.app.parts import Parts
from preservation.catalogue.protocol import VersionRow
from preservation.model.event import EventType
from preservation.model.units import counted

_TOLD = ("supplied", "digest_lists", "more_digest_lists", "fetched")


def origins(parts: Parts, rows: Sequence[VersionRow]) -> dict[int, dict[str, Any]]:
    """What the event of each version's ingest says, by version; read until all are found."""
    if not rows:
        return {}
    since = min(row.ingested_at for row in rows)
    found: dict[int, dict[str, Any]] = {}
    for event in chain(parts.pending_events(), parts.journal.events(since)):
        if event.type is not EventType.INGESTION or event.aip != rows[0].key.aip:
            continue
        found[event.version] = {
            name: event.detail[name] for name in _TOLD if event.detail.get(name)
        }
        if len(found) == len(rows):
            break
    return found


def told(origin: Mapping[str, Any]) -> Iterator[str]:
    """The same in lines for people."""
    if supplied := origin.get("supplied"):
        counts = ", ".join(f"{count} {word}" for word, count in supplied.items())
        yield f"  the depositor's digests: {counts}"
    for one in origin.get("digest_lists", ()):
        algorithms = ", ".join(one["algorithms"])
        yield f"    {one['path']} ({one['kind']}, {algorithms}), of {one['modified'][:10]}"
    if fetched := origin.get("fetched"):
        hosts = ", ".join(fetched["hosts"])
        amount = f"{counted(fetched['files'], 'file')}, {counted(fetched['bytes'], 'byte')}"
        yield f"  fetched: {amount}, from {hosts}"
