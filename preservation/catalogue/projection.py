"""The one fold of events into rows: pure, used when recording and when rebuilding.

A :class:`State` holds the rows that some events are about, loaded before and saved after.
:func:`apply` changes it by one event. Events are folded in the order recorded, which per
community is the order of the outbox and of the journal; so a rebuild gives the same rows.

Rules:

* the bytes of a replica are new after ``replication`` and ``recovery``: earlier checks say
  nothing about them, and it is ``written`` until it is read back;
* ``unchecked`` changes nothing: we know no more than before;
* a sealed version never changes: a second ``ingestion`` with another seal is refused, except
  over a version that only a sidecar spoke for (the journal is the higher authority);
* what was disposed of does not come back (``custody``).

What each type's ``detail`` carries: ``docs/formats/journal.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from preservation.catalogue import custody, settling, statements
from preservation.catalogue.protocol import (
    FindingRow,
    FormatCount,
    IdentifierRow,
    ReplicaRow,
    VersionRow,
)
from preservation.catalogue.state import (
    IdentifierKey,
    State,
    Subjects,
    count_of,
    key_of,
    sha256_of,
)
from preservation.errors import MalformedError
from preservation.model.clock import parse_stamp
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import Event, EventType
from preservation.model.finding import Severity
from preservation.model.identifier import Identifier, IdentifierStatus
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import Packaging, ReplicaState, TarFacts, check_id

_CLOSED_STATES = {EventType.FINDING_RESOLVED: "resolved", EventType.FINDING_ACCEPTED: "accepted"}


class SealConflictError(MalformedError):
    """An event would give a sealed version another seal."""

    default_code = "CAT-SEAL-CONFLICT"


def subjects(event: Event) -> Subjects:
    """Name the rows that an event needs and may change.

    Raises:
        MalformedError: it names something that cannot be.
    """
    if event.type is EventType.FIXITY_CHECK:  # nearly all are
        return Subjects(None, (key_of(event), check_id(event.tier, "tier")))
    if event.type in custody.RULES:
        return custody.subjects(event)
    if event.type is EventType.SEAL_SETTLED:
        return settling.subjects(event)
    if event.type is EventType.HOLDER_STATEMENT:
        return statements.subjects(event)
    if event.type in _ABOUT_FINDING:
        return Subjects(None, None, _uuid(event.detail.get("finding")))
    if event.type in _ABOUT_REPLICA:
        key = key_of(event)
        finding = event.detail.get("finding") if event.type is EventType.RECOVERY else None
        place = (key, check_id(event.tier, "tier"))
        keeping = custody.arriving(*place) if event.type is EventType.REPLICATION else ()
        version = key if event.type is EventType.RECOVERY else None
        return Subjects(version, place, finding and _uuid(finding), custody=keeping)
    if event.type is EventType.INGESTION:
        named = tuple(_identifier_key(event, one) for one in _identifiers(event))
        key = key_of(event)
        return Subjects(key, None, None, named, custody=custody.arriving(key, ""))
    if event.type is EventType.IDENTIFIER_ASSIGNMENT:
        named = (_identifier_key(event, _identifier(event.detail)),)
        return Subjects(None, None, None, named)
    return Subjects(None, None, None)


def apply(state: State, event: Event) -> bool:
    """Change the state by one event, or leave it wholly as it was.

    Returns:
        False if it changes nothing: its type has no rows, or it is about something unknown.

    Raises:
        MalformedError: its detail is not what its type carries.
        SealConflictError: it contradicts a sealed version.
    """
    rule = _RULES.get(event.type) or custody.RULES.get(event.type)
    if rule is None:
        return False
    try:
        return rule(state, event)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, MalformedError):
            raise
        raise MalformedError(
            f"event {event.id} ({event.type.value}): {type(error).__name__}: {error}"
        ) from error


def _ingested(state: State, event: Event) -> bool:
    key, detail = key_of(event), event.detail
    if not custody.may_arrive(state, key):
        return False
    row = VersionRow(
        key=key,
        title=str(detail["title"]),
        seal=sha256_of(detail["seal"]),
        previous_seal=sha256_of(detail["previous_seal"]) if detail["previous_seal"] else None,
        content_digest=sha256_of(detail["content_digest"]),
        lineage=str(detail["lineage"] or ""),
        files=count_of(detail["files"]),
        octets=count_of(detail["bytes"]),
        ingested_at=event.at,
        policy=event.policy,
        formats=_formats(detail["formats"]),
    )
    known = state.versions.get(key)
    if known is not None and known.seal != row.seal and key not in state.adopted:
        raise SealConflictError(
            f"{key} is sealed by {known.seal}; event {event.id} says {row.seal}",
            hint="a sealed version never changes: look at who wrote the event, and audit the AIP",
        )
    state.versions[key] = row
    state.adopted.discard(key)
    status = IdentifierStatus(detail.get("identifier_status", IdentifierStatus.LIVE.value))
    for one in _identifiers(event):
        before = state.identifiers.get(_identifier_key(event, one))
        if before is None or before.adopted:  # what is known keeps its AIP and its status
            _identify(state, event, one, status)
    return True


def _assigned(state: State, event: Event) -> bool:
    """An identifier is given to an AIP, or its status changes; it never changes hands."""
    one = _identifier(event.detail)
    status = IdentifierStatus(event.detail["status"])
    before = state.identifiers.get(_identifier_key(event, one))
    if before is not None and before.aip != event.aip and not before.adopted:
        return False
    _identify(state, event, one, status)
    return True


def _identify(state: State, event: Event, one: Identifier, status: IdentifierStatus) -> None:
    row = IdentifierRow(event.community, one, _uuid(event.aip), status, event.at)
    state.identifiers[_identifier_key(event, one)] = row


def _identifiers(event: Event) -> list[Identifier]:
    try:
        return [_identifier(one) for one in event.detail.get("identifiers", ())]
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"event {event.id}: {type(error).__name__}: {error}") from error


def _identifier(data: Any) -> Identifier:
    try:
        return Identifier(str(data["scheme"]), str(data["value"]), str(data["shown"]))
    except (KeyError, TypeError) as error:
        raise MalformedError(f"not an identifier: {data!r}") from error


def _identifier_key(event: Event, one: Identifier) -> IdentifierKey:
    return check_id(event.community, "community"), one.scheme, one.value


def _formats(listed: Any) -> tuple[FormatCount, ...]:
    """Counts by format, sorted, each once."""
    counts: dict[tuple[str, str, str], tuple[int, int]] = {}
    for item in listed:
        name = (str(item["puid"]), str(item["mime"]), str(item["name"]))
        files, octets = counts.get(name, (0, 0))
        counts[name] = (files + count_of(item["files"]), octets + count_of(item["bytes"]))
    return tuple(FormatCount(*name, *counts[name]) for name in sorted(counts))


def _replicated(state: State, event: Event) -> bool:
    key, detail = key_of(event), event.detail
    if not custody.may_arrive(state, key, event.tier):
        return False
    state.replicas[key, event.tier] = ReplicaRow(
        key=key,
        tier=event.tier,
        packaging=Packaging(detail["packaging"]),
        state=ReplicaState.WRITTEN,
        seal=sha256_of(detail["seal"]),
        tar=_tar(detail["tar"]),
        octets=count_of(detail["bytes"]),
        written_at=event.at,
        verified_at=None,
        checked_at=None,
        outcome=None,
        level=None,
    )
    return True


def _recovered(state: State, event: Event) -> bool:
    key, detail = key_of(event), event.detail
    finding = state.findings.get(str(detail.get("finding", "")))
    if finding is not None:  # what was begun has come to its end: it says where things lie now
        done = {**finding.detail, "repair": dict(detail)}
        state.findings[finding.id] = replace(finding, detail=done)
    packaging, tar = Packaging(detail["packaging"]), _tar(detail["tar"])
    known, version = state.replicas.get((key, event.tier)), state.versions.get(key)
    source = known or version
    if source is None:
        return False
    state.replicas[key, event.tier] = ReplicaRow(
        key=key,
        tier=event.tier,
        packaging=packaging,
        state=ReplicaState.WRITTEN,
        seal=source.seal,
        tar=tar,
        octets=source.octets,
        written_at=event.at,
        verified_at=None,
        checked_at=None,
        outcome=None,
        level=None,
    )
    return True


def _checked(state: State, event: Event) -> bool:
    key, outcome = key_of(event), Outcome(event.outcome)
    level = Level(event.detail["level"])
    known = state.replicas.get((key, event.tier))
    if known is None or outcome is Outcome.UNCHECKED:
        return False
    intact = outcome is Outcome.INTACT
    by_all = intact and bool(event.detail.get("all_digests"))
    state.replicas[key, event.tier] = ReplicaRow(
        key=known.key,
        tier=known.tier,
        packaging=known.packaging,
        state=ReplicaState.VERIFIED if intact else ReplicaState.DAMAGED,
        seal=known.seal,
        tar=known.tar,
        octets=known.octets,
        written_at=known.written_at,
        verified_at=event.at if intact else known.verified_at,
        checked_at=event.at,
        outcome=outcome,
        level=level,
        ready_by=None,
        all_digests_at=event.at if by_all else known.all_digests_at,
    )
    return True


def _recalled(state: State, event: Event) -> bool:
    """Cold octets were asked for: from then on they can be read."""
    key, ready_by = key_of(event), parse_stamp(event.detail["ready_by"])
    known = state.replicas.get((key, event.tier))
    if known is None:
        return False
    state.replicas[key, event.tier] = replace(known, ready_by=ready_by)
    return True


def _opened(state: State, event: Event) -> bool:
    detail = event.detail
    id = _uuid(detail["finding"])
    if id in state.findings:
        return False
    state.findings[id] = FindingRow(
        id=id,
        code=str(detail["code"]),
        severity=Severity(detail["severity"]).value,
        community=event.community,
        aip=event.aip,
        version=event.version,
        tier=event.tier,
        subject=str(detail["subject"]),
        message=str(detail["message"]),
        hint=str(detail.get("hint", "")),
        state="open",
        opened_at=event.at,
        closed_at=None,
        detail=dict(detail.get("localised") or {}),
    )
    return True


def _begun(state: State, event: Event) -> bool:
    """A repair says where it will put the damaged bytes before it moves them."""
    known = state.findings.get(_uuid(event.detail["finding"]))
    if known is None:
        return False
    detail = {**known.detail, "repair": dict(event.detail)}
    state.findings[known.id] = replace(known, detail=detail)
    return True


def _closed(state: State, event: Event) -> bool:
    detail = event.detail
    known = state.findings.get(_uuid(detail["finding"]))
    if known is None:
        return False
    state.findings[known.id] = replace(
        known,
        state=_CLOSED_STATES[event.type],
        closed_at=event.at,
        decided={
            "by": str(detail["by"]),
            "reason": str(detail["reason"]),
            "event": str(detail.get("event") or event.id),
        },
    )
    return True


_RULES: Mapping[EventType, Callable[[State, Event], bool]] = {
    EventType.INGESTION: _ingested,
    EventType.REPLICATION: _replicated,
    EventType.FIXITY_CHECK: _checked,
    EventType.RECOVERY: _recovered,
    EventType.RECALL: _recalled,
    EventType.IDENTIFIER_ASSIGNMENT: _assigned,
    EventType.SEAL_SETTLED: settling.settled,
    EventType.HOLDER_STATEMENT: statements.stated,
    EventType.REPAIR_BEGUN: _begun,
    EventType.FINDING_OPENED: _opened,
    EventType.FINDING_RESOLVED: _closed,
    EventType.FINDING_ACCEPTED: _closed,
}
_ABOUT_REPLICA = {EventType.REPLICATION, EventType.RECOVERY, EventType.RECALL}
_ABOUT_FINDING = {EventType.FINDING_OPENED, EventType.REPAIR_BEGUN, *_CLOSED_STATES}


def _uuid(text: Any) -> str:
    try:
        return str(UUID(text))
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedError(f"not a finding's UUID: {text!r}") from error


def _tar(data: Any) -> TarFacts | None:
    if data is None:
        return None
    return TarFacts(Digest.parse(Algorithm.SHA256, data["sha256"]), count_of(data["bytes"]))
