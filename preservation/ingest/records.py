"""The events that ingest records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from preservation.catalogue.protocol import Arrival, FormatCount, VersionRow
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import Finding
from preservation.model.identification import Toolchain
from preservation.model.replica import Packaging, VersionKey
from preservation.policy.policy import Policy


def ingested(
    events: EventMaker,
    policy: Policy,
    version: VersionRow,
    arrival: Arrival,
    supplied: Mapping[str, int],
    toolchain: Toolchain,
    tier: str,
    findings: Iterable[Finding],
    came: Mapping[str, Any],
) -> list[Event]:
    """An AIP version exists, and so does its first replica; what was remarked comes along.

    Args:
        came: who supplied digests; what was fetched, checked and scanned.
    """
    previous = version.previous_seal
    exists = {
        "title": version.title,
        "seal": str(version.seal),
        "previous_seal": None if previous is None else str(previous),
        "content_digest": str(version.content_digest),
        "lineage": version.lineage,
        "identifiers": [one.to_json() for one in version.identifiers],
        "identifier_status": policy.intake.identifiers.status.value,
        "files": version.files,
        "bytes": version.octets,
        "deposit": arrival.name,
        "arrival": arrival.id,
        "formats": [_format(count) for count in version.formats],
        "supplied": dict(supplied),
        "toolchain": str(toolchain),
        "findings": [finding.to_json() for finding in findings],
        **came,
    }
    written = {
        "packaging": Packaging.FOLDER.value,
        "seal": str(version.seal),
        "tar": None,
        "bytes": version.octets,
        "source": "deposit",
    }
    about = events.about
    return [
        *_scanned(events, policy, version, came.get("virus", {})),
        about(version.key, EventType.INGESTION, "success", exists, policy=policy.ref),
        about(version.key, EventType.REPLICATION, "success", written, tier=tier, policy=policy.ref),
    ]


def _scanned(
    events: EventMaker, policy: Policy, version: VersionRow, virus: Mapping[str, Any]
) -> Iterator[Event]:
    """Every file was looked at by a virus scanner, or it is said which ones were not."""
    if virus:
        outcome = "incomplete" if virus["not_scanned"] else "clean"
        yield events.about(
            version.key, EventType.VIRUS_CHECK, outcome, dict(virus), policy=policy.ref
        )


def held_already(events: EventMaker, policy: Policy, key: VersionKey, arrival: Arrival) -> Event:
    """The same content was deposited again: stored once, and an event."""
    detail = _arrived(arrival, ())
    event = events.about(key, EventType.VALIDATION, "held already", detail, policy=policy.ref)
    return replace(event, id=_once(arrival, policy, str(key)))


def rejected(
    events: EventMaker, policy: Policy, arrival: Arrival, findings: Iterable[Finding]
) -> Event:
    """A deposit was not taken in; all of its findings."""
    detail = _arrived(arrival, findings)
    event = events.of(policy.community, EventType.VALIDATION, "rejected", detail, policy=policy.ref)
    return replace(event, id=_once(arrival, policy, "rejected"))


def _once(arrival: Arrival, policy: Policy, verdict: str) -> str:
    """One identity for one verdict on one deposit: a run that was killed before it could settle
    the arrival gives it again, and it is recorded once. As random as the reserved identifier.
    """
    text = f"{arrival.aip} {policy.ref} {verdict}"
    return str(UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def _arrived(arrival: Arrival, findings: Iterable[Finding]) -> dict[str, Any]:
    return {
        "deposit": arrival.name,
        "path_hex": arrival.path,
        "arrival": arrival.id,
        "findings": [finding.to_json() for finding in findings],
    }


def _format(count: FormatCount) -> dict[str, Any]:
    return {
        "puid": count.puid,
        "mime": count.mime,
        "name": count.name,
        "files": count.files,
        "bytes": count.octets,
    }
