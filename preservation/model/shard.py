"""Shards: the unit of mapped work, a minute or more of replicas on one tier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from preservation.model.deferred import dataclass
from preservation.model.replica import VersionKey
from preservation.model.sampling import Drawing
from preservation.model.units import counted

MAX_SHARDS = 500  # in one plan; Airflow refuses to map over more than 1,024
SHARD_OCTETS = 16 * 1024**3
SHARD_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Shard:
    """References to versions on one tier, and the policy under which they are worked on.

    Attributes:
        tier: whose pool and queue the work stands in.
        policy: ``sha256:<hex>`` in force when the plan was made; it holds for the whole run.
        octets: of payload, together.
        planned: when (``model.clock.stamp``): what was done since needs no second time.
        also: tiers for which the same versions are due, so that one read serves all.
        drawn: how these were drawn by lot; None where they were not.
        part, parts: which part of the one, very large replica, and how many it has; 0: all of it.
    """

    community: str
    tier: str
    policy: str
    items: tuple[tuple[str, int], ...]  # AIP, version
    octets: int
    planned: str
    also: tuple[str, ...] = ()
    drawn: Drawing | None = None
    part: int = 0
    parts: int = 0

    @property
    def tiers(self) -> tuple[str, ...]:
        """All tiers that are worked on."""
        return (self.tier, *self.also)

    @property
    def keys(self) -> list[VersionKey]:
        """The versions, in the order in which they are due."""
        return [VersionKey(self.community, aip, version) for aip, version in self.items]

    @property
    def label(self) -> str:
        """What an archivist reads on the mapped task: ``vault · 12 AIPs``."""
        if self.parts:
            return f"{self.tier} · part {self.part} of {self.parts} of AIP {self.items[0][0][:8]}"
        return f"{', '.join(self.tiers)} · {counted(len(self.items), 'AIP')}"

    def to_json(self) -> dict[str, Any]:
        """A reference that fits into an XCom."""
        return {
            "community": self.community,
            "tier": self.tier,
            "policy": self.policy,
            "items": [list(item) for item in self.items],
            "octets": self.octets,
            "planned": self.planned,
            "also": list(self.also),
            "drawn": None if self.drawn is None else self.drawn.to_json(),
            "part": self.part,
            "parts": self.parts,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Shard:
        """Read what :meth:`to_json` gave."""
        items = tuple((str(aip), int(version)) for aip, version in data["items"])
        return cls(
            data["community"],
            data["tier"],
            data["policy"],
            items,
            data["octets"],
            data["planned"],
            tuple(data["also"]),
            Drawing.from_json(data["drawn"]),
            data["part"],
            data["parts"],
        )


def into_shards(
    community: str,
    tier: str,
    policy: str,
    planned: str,
    sized: Iterable[tuple[VersionKey, int]],
    also: tuple[str, ...] = (),
) -> Iterator[Shard]:
    """Cut a sequence of (version, payload octets) into shards, keeping its order.

    The last of ``MAX_SHARDS`` shards takes nothing beyond its size; what is left over is due
    again in the next run.
    """
    batch: list[tuple[str, int]] = []
    octets = made = 0
    for key, size in sized:
        if batch and (len(batch) >= SHARD_ITEMS or octets + size > SHARD_OCTETS):
            yield Shard(community, tier, policy, tuple(batch), octets, planned, also)
            made += 1
            if made == MAX_SHARDS:
                return
            batch, octets = [], 0
        batch.append((key.aip, key.version))
        octets += size
    if batch:
        yield Shard(community, tier, policy, tuple(batch), octets, planned, also)
