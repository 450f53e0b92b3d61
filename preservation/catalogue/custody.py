"""Keeping and giving out: disposal, retirement, holds, appraisals, access, and their fold.

What was disposed of leaves the table of versions and becomes a tombstone, so that nothing that
counts versions counts it; a replica that is being removed leaves the table of replicas and
becomes a removal, which stays as the record of its end. Both happen by the event that is durable
*before* the act.

What each type's ``detail`` carries: ``docs/formats/journal.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from preservation.catalogue.protocol import VersionRow
from preservation.catalogue.state import (
    CustodyKey,
    ReplicaKey,
    State,
    Subjects,
    count_of,
    key_of,
    sha256_of,
)
from preservation.errors import MalformedError
from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventType
from preservation.model.replica import VersionKey, check_id

TOMBSTONE, REMOVAL, HOLD = "tombstone", "removal", "hold"
ACCESS, APPRAISAL, PROPOSAL = "access", "appraisal", "proposal"
DISPOSAL, RETIREMENT = "disposal", "retirement"  # why a replica is removed


class AccessState(Enum):
    """Whether an AIP is given out; the values are the stored spellings."""

    OPEN = "open"
    RESTRICTED = "restricted"
    EMBARGOED = "embargoed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A version that was disposed of; its row as it was, without formats."""

    version: VersionRow
    disposed_at: datetime
    by: str
    reason: str
    approved_by: tuple[str, ...]
    proposal: str
    event: str

    @property
    def key(self) -> VersionKey:
        """Which version."""
        return self.version.key


@dataclass(frozen=True, slots=True)
class RemovalRow:
    """A replica that is being removed, or was.

    Attributes:
        kind: ``disposal`` of the version, or ``retirement`` of this replica alone.
        packaging: empty where only remains lay there.
        until: when the lock that stood in the way ends, as far as it is known.
        reason: what stood in the way the last time; empty if nothing did.
        done_at: when all of it was confirmed gone; None before.
    """

    key: VersionKey
    tier: str
    kind: str
    packaging: str
    octets: int
    proposal: str
    begun_at: datetime
    until: datetime | None = None
    reason: str = ""
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold on an AIP: nothing of it is disposed of or retired while it is open.

    Attributes:
        version: 0 for all versions, those to come included.
    """

    id: str
    community: str
    aip: str
    version: int
    reason: str
    by: str
    placed_at: datetime
    released_at: datetime | None = None
    released_by: str = ""
    released_why: str = ""


@dataclass(frozen=True, slots=True)
class AccessRow:
    """What was said of access to an AIP, or to one version of it (``version`` above 0)."""

    community: str
    aip: str
    version: int
    state: AccessState
    until: datetime | None
    reason: str
    by: str
    since: datetime


@dataclass(frozen=True, slots=True)
class AppraisalRow:
    """The last review of a version: it is kept, and till when at least."""

    key: VersionKey
    kept_until: datetime | None
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """One account's word on one proposal."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal of disposals and retirements, by the digest of its document."""

    digest: str
    community: str
    policy: str
    proposed_at: datetime
    items: int
    octets: int
    approvals: tuple[Approval, ...] = ()
    begun_at: datetime | None = None
    ended_at: datetime | None = None


def subjects(event: Event) -> Subjects:
    """Name the rows that an event of these types needs and may change.

    Raises:
        MalformedError: it names something that cannot be.
    """
    match event.type:
        case EventType.DEACCESSION:
            key = key_of(event)
            places: tuple[ReplicaKey, ...] = tuple((key, one["tier"]) for one in _tiers(event))
            removals = tuple((REMOVAL, place) for place in places)
            return Subjects(key, replicas=places, custody=((TOMBSTONE, key), *removals))
        case EventType.RETIREMENT | EventType.DELETION:
            place = (key_of(event), check_id(event.tier, "tier"))
            return Subjects(place[0], place, custody=((REMOVAL, place),))
        case EventType.HOLD_PLACED | EventType.HOLD_RELEASED:
            return Subjects(custody=((HOLD, _uuid(event.detail.get("hold"))),))
        case EventType.ACCESS_CHANGE:
            return Subjects(custody=((ACCESS, _aip(event)),))
        case EventType.APPRAISAL if event.aip:
            key = key_of(event)
            return Subjects(key, custody=((APPRAISAL, key),))
        case _:
            return Subjects(custody=((PROPOSAL, _proposal(event)),))


def arriving(key: VersionKey, tier: str) -> tuple[CustodyKey, ...]:
    """The rows that matter where a version or a replica of it comes to be."""
    removal: tuple[CustodyKey, ...] = ((REMOVAL, (key, tier)),) if tier else ()
    return ((TOMBSTONE, key), *removal)


def may_arrive(state: State, key: VersionKey, tier: str = "") -> bool:
    """Whether an event may make a version, or a replica of it, be there: not what was disposed
    of. A replica that was to be retired and is written anew is retired no more.
    """
    if state.custody.get((TOMBSTONE, key)) is not None:
        return False
    removal = state.custody.get((REMOVAL, (key, tier)))
    if removal is not None:
        state.custody[REMOVAL, (key, tier)] = None
    return True


def _deaccessioned(state: State, event: Event) -> bool:
    key, detail = key_of(event), event.detail
    if state.custody.get((TOMBSTONE, key)) is not None:
        return False
    previous = detail["previous_seal"]
    version = VersionRow(
        key=key,
        title=str(detail["title"]),
        seal=sha256_of(detail["seal"]),
        previous_seal=sha256_of(previous) if previous else None,
        content_digest=sha256_of(detail["content_digest"]),
        lineage=str(detail["lineage"] or ""),
        files=count_of(detail["files"]),
        octets=count_of(detail["bytes"]),
        ingested_at=parse_stamp(detail["ingested_at"]),
        policy=str(detail["ingest_policy"]),
        formats=(),
    )
    state.custody[TOMBSTONE, key] = Tombstone(
        version=version,
        disposed_at=event.at,
        by=str(detail["by"]),
        reason=str(detail["reason"]),
        approved_by=tuple(str(name) for name in detail["approved_by"]),
        proposal=str(sha256_of(detail["proposal"])),
        event=event.id,
    )
    state.versions.pop(key, None)
    state.adopted.discard(key)
    for one in _tiers(event):
        state.replicas.pop((key, one["tier"]), None)
        state.custody[REMOVAL, (key, one["tier"])] = _removal(event, one["tier"], DISPOSAL, one)
    return True


def _retired(state: State, event: Event) -> bool:
    key = key_of(event)
    state.replicas.pop((key, event.tier), None)
    made = _removal(event, event.tier, RETIREMENT, event.detail)
    state.custody[REMOVAL, (key, event.tier)] = made
    return True


def _removal(event: Event, tier: str, kind: str, what: Mapping[str, Any]) -> RemovalRow:
    return RemovalRow(
        key=key_of(event),
        tier=tier,
        kind=kind,
        packaging=str(what["packaging"]),
        octets=count_of(what["bytes"]),
        proposal=str(sha256_of(event.detail["proposal"])),
        begun_at=event.at,
    )


def _deleted(state: State, event: Event) -> bool:
    """All of it is gone from the tier, or what stood in the way is told."""
    place = (key_of(event), event.tier)
    known = state.custody.get((REMOVAL, place))
    if known is None:
        return False
    if event.outcome == "success":
        known = replace(known, until=None, reason="", done_at=event.at)
    else:
        until = event.detail["until"]
        when = parse_stamp(until) if until else None
        known = replace(known, until=when, reason=str(event.detail["reason"]))
    state.custody[REMOVAL, place] = known
    return True


def _placed(state: State, event: Event) -> bool:
    id = _uuid(event.detail["hold"])
    if state.custody.get((HOLD, id)) is not None:
        return False
    community, aip, version = _aip(event)
    reason, by = str(event.detail["reason"]), str(event.detail["by"])
    state.custody[HOLD, id] = HoldRow(id, community, aip, version, reason, by, event.at)
    return True


def _released(state: State, event: Event) -> bool:
    id = _uuid(event.detail["hold"])
    known = state.custody.get((HOLD, id))
    if known is None or known.released_at is not None:
        return False
    state.custody[HOLD, id] = replace(
        known,
        released_at=event.at,
        released_by=str(event.detail["by"]),
        released_why=str(event.detail["reason"]),
    )
    return True


def _access_changed(state: State, event: Event) -> bool:
    key, detail = _aip(event), event.detail
    until = detail.get("until")
    state.custody[ACCESS, key] = AccessRow(
        *key,
        state=AccessState(event.outcome),
        until=parse_stamp(until) if until else None,
        reason=str(detail["reason"]),
        by=str(detail["by"]),
        since=event.at,
    )
    return True


def _appraised(state: State, event: Event) -> bool:
    detail = event.detail
    if not event.aip:
        return _proposed(state, event)
    until = detail.get("until")
    state.custody[APPRAISAL, key_of(event)] = AppraisalRow(
        key_of(event),
        parse_stamp(until) if until else None,
        str(detail["reason"]),
        str(detail["by"]),
        event.at,
    )
    return True


def _proposed(state: State, event: Event) -> bool:
    digest, detail = _proposal(event), event.detail
    if state.custody.get((PROPOSAL, digest)) is not None:
        return False
    state.custody[PROPOSAL, digest] = ProposalRow(
        digest,
        check_id(event.community, "community"),
        event.policy,
        event.at,
        count_of(detail["items"]),
        count_of(detail["bytes"]),
    )
    return True


def _approved(state: State, event: Event) -> bool:
    """An account's last word counts: approved, or taken back."""
    digest, by = _proposal(event), str(event.detail["by"])
    known = state.custody.get((PROPOSAL, digest))
    if known is None:
        return False
    others = tuple(one for one in known.approvals if one.by.casefold() != by.casefold())
    if event.outcome == "approved":
        others = (*others, Approval(by, event.at, str(event.detail["reason"])))
    state.custody[PROPOSAL, digest] = replace(known, approvals=others)
    return True


def _disposal(state: State, event: Event) -> bool:
    digest = _proposal(event)
    known = state.custody.get((PROPOSAL, digest))
    if known is None:
        return False
    when = {"begun": "begun_at", "ended": "ended_at"}[event.outcome]
    state.custody[PROPOSAL, digest] = replace(known, **{when: event.at})
    return True


RULES: Mapping[EventType, Callable[[State, Event], bool]] = {
    EventType.DEACCESSION: _deaccessioned,
    EventType.RETIREMENT: _retired,
    EventType.DELETION: _deleted,
    EventType.HOLD_PLACED: _placed,
    EventType.HOLD_RELEASED: _released,
    EventType.ACCESS_CHANGE: _access_changed,
    EventType.APPRAISAL: _appraised,
    EventType.DISPOSAL_APPROVAL: _approved,
    EventType.DISPOSAL: _disposal,
}


def facts(version: VersionRow) -> dict[str, Any]:
    """What the event of a disposal keeps of a version: all that its tombstone says."""
    previous = version.previous_seal
    return {
        "title": version.title,
        "seal": str(version.seal),
        "previous_seal": None if previous is None else str(previous),
        "content_digest": str(version.content_digest),
        "lineage": version.lineage,
        "files": version.files,
        "bytes": version.octets,
        "ingested_at": stamp(version.ingested_at),
        "ingest_policy": version.policy,
    }


def _tiers(event: Event) -> Iterator[Mapping[str, Any]]:
    try:
        for one in event.detail["tiers"]:
            check_id(one["tier"], "tier")
            yield one
    except (KeyError, TypeError) as error:
        raise MalformedError(f"event {event.id}: {type(error).__name__}: {error}") from error


def _aip(event: Event) -> tuple[str, str, int]:
    """The AIP that an event is about, and 0 or the number of one version."""
    key = VersionKey(event.community, event.aip, event.version or 1)
    return key.community, key.aip, event.version


def _proposal(event: Event) -> str:
    try:
        return str(sha256_of(event.detail["proposal"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"event {event.id}: it names no proposal") from error


def _uuid(text: Any) -> str:
    try:
        return str(UUID(text))
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedError(f"not a hold's UUID: {text!r}") from error
