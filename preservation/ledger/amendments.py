"""Amendments: each ``policy apply``, kept for ever, each naming the one before it.

    history/<sha256-hex>.json   one amendment: when, by whom, why, by which plan, what changed

``in-force.json`` names the newest; from it the chain leads back to the first. An amendment that
was written and never named (a killed apply) is nobody's, and harmless.

Source: ``docs/formats/policies.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from preservation.errors import MalformedError
from preservation.model.canonical import canonical
from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import Event, EventType

SCHEMA = "samarkand.policy-amendment/1"


@dataclass(frozen=True, slots=True)
class Succession:
    """One community's policy, and the one before it (None if it is the first).

    Attributes:
        paused: nothing is done for the community by itself from now on.
    """

    digest: Digest
    previous: Digest | None
    paused: bool = False

    def to_json(self) -> dict[str, Any]:
        """Its part of the document; ``paused`` stands there only where it is true."""
        told = {"digest": str(self.digest), "previous": _told(self.previous)}
        return told | ({"paused": True} if self.paused else {})


@dataclass(frozen=True, slots=True)
class Amendment:
    """One ``policy apply``.

    Attributes:
        consent: who agreed to promises becoming weaker; empty where none did.
        plan: the plan that was kept as evidence; None where none was made.
        previous: the amendment before this one; None if it is the first.
        communities: what changed.
    """

    at: datetime
    by: str
    reason: str
    consent: str
    plan: Digest | None
    previous: Digest | None
    communities: Mapping[str, Succession]

    @property
    def digest(self) -> Digest:
        """SHA-256 of its bytes, which is its name."""
        return Digest(Algorithm.SHA256, hashlib.sha256(self.encode()).digest())

    def encode(self) -> bytes:
        """The bytes that are kept: canonical JSON."""
        return canonical(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The document, as ``docs/formats/policies.md`` specifies it."""
        return {
            "schema": SCHEMA,
            "at": stamp(self.at),
            "by": self.by,
            "reason": self.reason,
            "consent": self.consent,
            "plan": _told(self.plan),
            "previous": _told(self.previous),
            "communities": {name: one.to_json() for name, one in sorted(self.communities.items())},
        }

    @classmethod
    def from_json(cls, data: Any) -> Amendment:
        """Read a document.

        Raises:
            MalformedError: another schema, or a field that is missing or of the wrong kind.
        """
        try:
            if data["schema"] != SCHEMA:
                raise MalformedError(f"unknown schema {data['schema']!r}")
            return cls(
                at=parse_stamp(data["at"]),
                by=str(data["by"]),
                reason=str(data["reason"]),
                consent=str(data["consent"]),
                plan=_read(data["plan"]),
                previous=_read(data["previous"]),
                communities={
                    str(name): Succession(
                        Digest.parse_tagged(one["digest"]),
                        _read(one["previous"]),
                        one.get("paused", False) is True,
                    )
                    for name, one in data["communities"].items()
                },
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise MalformedError(f"amendment: {type(error).__name__}: {error}") from error

    def events(self) -> list[Event]:
        """The events that tell of it, one for each community, the same whenever they are made:
        whoever completes a killed apply records what it would have recorded.
        """
        return [
            Event(
                id=self._event_id(community),
                at=self.at,
                type=EventType.POLICY_ASSIGNMENT,
                outcome="success",
                agent=self.by,
                community=community,
                policy=str(one.digest),
                detail={
                    "previous": "" if one.previous is None else str(one.previous),
                    "by": self.by,
                    "reason": self.reason,
                    "consent": self.consent,
                    "plan": "" if self.plan is None else str(self.plan),
                    "amendment": str(self.digest),
                }
                | ({"paused": True} if one.paused else {}),
            )
            for community, one in sorted(self.communities.items())
        ]

    def _event_id(self, community: str) -> str:
        text = f"{self.digest} {community}"
        return str(UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def _told(digest: Digest | None) -> str | None:
    return None if digest is None else str(digest)


def _read(text: Any) -> Digest | None:
    return None if text is None else Digest.parse_tagged(text)
