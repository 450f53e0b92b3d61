"""A proposal: exactly what is to be disposed of or retired, under the digest of its document.

Source: ``docs/formats/disposal.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from preservation.catalogue.protocol import ReplicaRow, VersionRow
from preservation.errors import MalformedError
from preservation.model.canonical import digest_of
from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.replica import VersionKey

SCHEMA = "samarkand.disposal-proposal/1"
DISPOSE, RETIRE = "dispose", "retire"


@dataclass(frozen=True, slots=True)
class Place:
    """One replica, as it is when it is listed: written anew, it is another one."""

    tier: str
    packaging: str
    written_at: datetime

    @classmethod
    def of(cls, row: ReplicaRow) -> Place:
        """Where a replica is."""
        return cls(row.tier, row.packaging.value, row.written_at)


@dataclass(frozen=True, slots=True)
class Item:
    """One version to be disposed of with all its replicas, or one replica to be retired.

    Attributes:
        act: ``dispose`` or ``retire``.
        octets: of payload.
        replicas: all of them, or the one; by tier.
    """

    act: str
    key: VersionKey
    title: str
    seal: Digest
    octets: int
    ingested_at: datetime
    replicas: tuple[Place, ...]

    @classmethod
    def of(cls, act: str, version: VersionRow, replicas: list[ReplicaRow]) -> Item:
        """List a version, or one of its replicas."""
        places = tuple(Place.of(row) for row in sorted(replicas, key=lambda row: row.tier))
        return cls(
            act,
            version.key,
            version.title,
            version.seal,
            version.octets,
            version.ingested_at,
            places,
        )

    def __str__(self) -> str:
        if self.act == DISPOSE:
            return str(self.key)
        return f"{self.key} on {', '.join(one.tier for one in self.replicas)}"

    def to_json(self) -> dict[str, Any]:
        """As the document has it."""
        return {
            "act": self.act,
            "aip": self.key.aip,
            "version": self.key.version,
            "title": self.title,
            "seal": str(self.seal),
            "bytes": self.octets,
            "ingested_at": stamp(self.ingested_at),
            "replicas": [
                {
                    "tier": one.tier,
                    "packaging": one.packaging,
                    "written_at": stamp(one.written_at),
                }
                for one in self.replicas
            ],
        }

    @classmethod
    def from_json(cls, community: str, data: Mapping[str, Any]) -> Item:
        """Read what :meth:`to_json` gave."""
        return cls(
            act=str(data["act"]),
            key=VersionKey(community, data["aip"], data["version"]),
            title=str(data["title"]),
            seal=Digest.parse_tagged(data["seal"]),
            octets=int(data["bytes"]),
            ingested_at=parse_stamp(data["ingested_at"]),
            replicas=tuple(
                Place(str(one["tier"]), str(one["packaging"]), parse_stamp(one["written_at"]))
                for one in data["replicas"]
            ),
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is due in one community at one moment, by the policy in force.

    Attributes:
        policy: ``sha256:<hex>`` of that policy.
        as_of: the moment; what is due later is not in it, whenever it is asked again.
    """

    community: str
    policy: str
    as_of: datetime
    items: tuple[Item, ...]

    @property
    def octets(self) -> int:
        """Of payload, each item once."""
        return sum(item.octets for item in self.items)

    @property
    def digest(self) -> str:
        """What an approval binds: ``sha256:<hex>`` of exactly this document."""
        return str(digest_of(self.to_json()))

    def says_the_same(self, other: Proposal) -> bool:
        """Whether both list the same, under the same policy, at whatever moment."""
        return (self.policy, self.items) == (other.policy, other.items)

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return {
            "schema": SCHEMA,
            "community": self.community,
            "policy": self.policy,
            "as_of": stamp(self.as_of),
            "items": [item.to_json() for item in self.items],
        }

    @classmethod
    def from_json(cls, data: Any) -> Proposal:
        """Read a document.

        Raises:
            MalformedError: another schema, or a field that is missing or of the wrong kind.
        """
        try:
            if data["schema"] != SCHEMA:
                raise MalformedError(f"proposal: unknown schema {data['schema']!r}")
            community = str(data["community"])
            return cls(
                community,
                str(data["policy"]),
                parse_stamp(data["as_of"]),
                tuple(Item.from_json(community, item) for item in data["items"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise MalformedError(f"proposal: {type(error).__name__}: {error}") from error
