"""Indexes of tars, made again where there is none: from names and sizes, without the payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from preservation.bags.ranged import sizes_of
from preservation.catalogue.protocol import Catalogue, ReplicaRow
from preservation.errors import (
    MalformedError,
    NotNowError,
    SourceDamagedError,
    TierUnavailableError,
)
from preservation.files.held import HeldTar
from preservation.files.tar_index import Index, index_of
from preservation.model.deferred import dataclass
from preservation.model.progress import Progress
from preservation.model.replica import Packaging
from preservation.storage.pace import paced
from preservation.storage.tier import Tier


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of one tar's index: ``there``, ``made``, or ``not made`` and why."""

    row: ReplicaRow
    state: str
    source: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.tier-index/1``."""
        return {
            "aip": self.row.key.aip,
            "version": self.row.key.version,
            "tier": self.row.tier,
            "state": self.state,
            "source": self.source,
            "reason": self.reason,
        }


class IndexService:
    """Makes what is missing, one tier at a time. An index is derived: no event tells of it."""

    def __init__(self, catalogue: Catalogue, tiers: Mapping[str, Tier]) -> None:
        self._catalogue = catalogue
        self._tiers = tiers

    def index(self, tier: Tier, progress: Progress, *, anew: bool = False) -> Iterator[Indexed]:
        """Each tar on a tier.

        Args:
            anew: also where there is one: it is not looked at, only replaced.

        Raises:
            TierUnavailableError: the tier is in the way.
        """
        tier.check()
        for row in self._catalogue.replicas(tier=tier.id):
            if row.packaging is Packaging.TAR:
                yield self._one(tier, row, progress, anew=anew)

    def _one(self, tier: Tier, row: ReplicaRow, progress: Progress, *, anew: bool) -> Indexed:
        try:
            if not anew and _is_there(tier, row):
                return Indexed(row, "there")
        except NotNowError as error:  # cold, or gone: no index helps before it can be read
            return Indexed(row, "not made", reason=error.message)
        tried: list[str] = []
        for source in self._sources(row):
            try:
                index = self._made(source, progress)
            except (SourceDamagedError, TierUnavailableError, MalformedError) as error:
                tried.append(f"{source.tier}: {error.message}")
                continue
            tier.keep_index(row.key, index)
            progress.say(f"{row.key} on {row.tier}: indexed by {source.tier}")
            return Indexed(row, "made", source.tier)
        return Indexed(row, "not made", reason="; ".join(tried))

    def _made(self, source: ReplicaRow, progress: Progress) -> Index:
        tier = self._tiers.get(source.tier)
        if tier is None:
            raise TierUnavailableError("there is no such tier in this home")
        held = tier.held(source.key, source.packaging)
        sizes = sizes_of(held, source.seal, source.key.top, paced(progress, tier))
        return index_of(source.key.top, sizes)

    def _sources(self, row: ReplicaRow) -> list[ReplicaRow]:
        """A folder tells it by names and sizes; a tar has to be read through."""
        rows = self._catalogue.replicas(row.key.community, aip=row.key.aip)
        same = (one for one in rows if one.key == row.key)
        return sorted(same, key=lambda one: one.packaging is not Packaging.FOLDER)


def _is_there(tier: Tier, row: ReplicaRow) -> bool:
    held = tier.held(row.key, row.packaging)
    stream = held.index() if isinstance(held, HeldTar) and held.index is not None else None
    if stream is None:
        return False
    stream.close()
    return True
