"""Events: one record per act on an AIP version or replica, never per file.

Types are PREMIS's (Library of Congress ``eventType``) where it has a word. The canonical JSON
of an event is what the journal keeps and what the ledger will sign; the catalogue's state is
the fold of all events (``preservation.catalogue.projection``).

Source: ``docs/formats/journal.md``; PREMIS Data Dictionary 3.0, entity Event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from preservation.errors import MalformedError
from preservation.model.canonical import canonical
from preservation.model.clock import Clock, parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.replica import VersionKey

EVENT_SCHEMA = "samarkand.event/1"


class EventType(Enum):
    """What was done. PREMIS terms, and ours where PREMIS has none."""

    INGESTION = "ingestion"  # an AIP version exists
    DEPOSIT_RELEASE = "deposit release"  # what was taken in leaves its inbox, as the policy says
    VALIDATION = "validation"  # a deposit was looked at and rejected, or was held already
    VIRUS_CHECK = "virus check"  # of every file of an AIP version, before it was sealed
    REPLICATION = "replication"  # a replica was written
    FIXITY_CHECK = "fixity check"
    FORMAT_IDENTIFICATION = "format identification"  # looked at again, by newer signatures
    QUARANTINE = "quarantine"  # damaged bytes set aside
    RECOVERY = "recovery"  # a replica was replaced by verified bytes
    POLICY_ASSIGNMENT = "policy assignment"
    IDENTIFIER_ASSIGNMENT = "identifier assignment"  # given to an AIP, or its status changed
    REPAIR_BEGUN = "repair begun"  # before the exchange, so that a killed repair is completed
    FINDING_OPENED = "finding opened"
    FINDING_RESOLVED = "finding resolved"
    FINDING_ACCEPTED = "finding accepted"
    APPRAISAL = "appraisal"  # what is due for disposal was listed, or a version is kept on
    DISPOSAL_APPROVAL = "disposal approval"  # a person's word on exactly one list, or taken back
    DISPOSAL = "disposal"  # of one approved list: begun, ended
    DEACCESSION = "deaccession"  # before a version is disposed of
    RETIREMENT = "retirement"  # before one replica of a version that stays is removed
    DELETION = "deletion"  # all of a replica is gone, or what stands in the way
    HOLD_PLACED = "hold placed"
    HOLD_RELEASED = "hold released"
    ACCESS_CHANGE = "access change"
    DISSEMINATION = "dissemination"  # given out in spite of what access says, and why
    SEAL_SETTLED = "seal settled"  # a person said which seal holds, where no event did
    DRILL = "drill"  # damage made for the purpose, found and healed, or not
    TIER_CHECK = "tier check"  # what a tier's place does was tried out
    RECALL = "recall"  # a replica was asked for that can't be read at once
    HOLDER_STATEMENT = "holder statement"  # what another institution says of its own package
    REBUILD = "catalogue rebuild"
    NOTIFICATION = "notification"  # a person or hook was told, or could not be

    # Members are one of a kind. Enum's own hash is Python code, and every event looks them up.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Event:
    """One act, who did it, under which policy, and how it ended.

    Attributes:
        id: a random UUID (v4), the event's identity for ever.
        outcome: PREMIS eventOutcome: ``success``, ``fail``, or a fixity outcome's spelling.
        aip, version, tier: empty or 0 where the act is not about one.
        policy: ``sha256:<hex>`` of the effective policy obeyed; empty where none governs.
        detail: what this type of event says beyond that; JSON without floats.
    """

    id: str
    at: datetime
    type: EventType
    outcome: str
    agent: str
    community: str = ""
    aip: str = ""
    version: int = 0
    tier: str = ""
    policy: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The document, as ``docs/formats/journal.md`` specifies it."""
        return {
            "schema": EVENT_SCHEMA,
            "id": self.id,
            "at": stamp(self.at),
            "type": self.type.value,
            "outcome": self.outcome,
            "agent": self.agent,
            "community": self.community,
            "aip": self.aip,
            "version": self.version,
            "tier": self.tier,
            "policy": self.policy,
            "detail": dict(self.detail),
        }

    def encode(self) -> bytes:
        """Canonical JSON, no newline: the bytes that are kept."""
        return canonical(self.to_json())

    @classmethod
    def from_json(cls, data: Any) -> Event:
        """Read an event's document.

        Raises:
            MalformedError: another schema, a field that is missing or of the wrong kind.
        """
        try:
            if data["schema"] != EVENT_SCHEMA:
                raise MalformedError(f"event: unknown schema {data['schema']!r}")
            return cls(
                id=str(UUID(data["id"])),
                at=parse_stamp(data["at"]),
                type=EventType(data["type"]),
                outcome=str(data["outcome"]),
                agent=str(data["agent"]),
                community=str(data["community"]),
                aip=str(data["aip"]),
                version=int(data["version"]),
                tier=str(data["tier"]),
                policy=str(data["policy"]),
                detail=dict(data["detail"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedError(f"event: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class EventMaker:
    """Makes events for one agent: stamps the time, draws the identity.

    Attributes:
        agent: who acts: a program with version, command and host, or a person's account.
        new_id: draws a random UUID (v4) in its usual spelling.
    """

    clock: Clock
    agent: str
    new_id: Callable[[], str]

    def about(
        self,
        key: VersionKey,
        type_: EventType,
        outcome: str,
        detail: Mapping[str, Any],
        *,
        tier: str = "",
        policy: str = "",
    ) -> Event:
        """An event about an AIP version, or about its replica on ``tier``."""
        return Event(
            id=self.new_id(),
            at=self.clock.now(),
            type=type_,
            outcome=outcome,
            agent=self.agent,
            community=key.community,
            aip=key.aip,
            version=key.version,
            tier=tier,
            policy=policy,
            detail=detail,
        )

    def of(
        self,
        community: str,
        type_: EventType,
        outcome: str,
        detail: Mapping[str, Any],
        *,
        tier: str = "",
        policy: str = "",
    ) -> Event:
        """An event about a community, or about the archive where ``community`` is empty."""
        return Event(
            id=self.new_id(),
            at=self.clock.now(),
            type=type_,
            outcome=outcome,
            agent=self.agent,
            community=community,
            tier=tier,
            policy=policy,
            detail=detail,
        )
