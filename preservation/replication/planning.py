"""Which replicas are due: promised by a policy, and not verified as far as the catalogue knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from preservation.catalogue.protocol import Catalogue
from preservation.model.allowance import Allowance
from preservation.model.clock import stamp
from preservation.model.replica import ReplicaState, VersionKey
from preservation.model.shard import MAX_SHARDS, SHARD_ITEMS, Shard, into_shards
from preservation.policy.policy import Policy, ReplicaRule

_PLANNED = MAX_SHARDS * SHARD_ITEMS  # versions: what one plan can hold


def plan_replicas(
    catalogue: Catalogue,
    policy: Policy,
    now: datetime,
    *,
    tier: str | None = None,
    aip: str | None = None,
    together: bool = True,
    everything: bool = False,
    budget: Allowance | None = None,
) -> list[Shard]:
    """The replicas that are promised and not yet verified.

    Args:
        catalogue: what is known.
        policy: what is promised.
        now: what is cold until later is not due.
        tier: only those on this one.
        aip: only those of this one.
        together: versions that are due on several tiers are planned once for all of these,
            in the name of the first one, so that one read serves them; else tier by tier.
        everything: what is cold until later, too.
        budget: what may be written yet, and read that was written before; what is left over is
            due again.
    """
    rules = [rule for rule in policy.replicas if tier in (None, rule.tier)]
    shards: list[Shard] = []
    allowed, cold_until = budget or Allowance(), None if everything else now
    for some in [rules] if together else [[rule] for rule in rules]:
        due: dict[tuple[str, ...], list[tuple[VersionKey, int]]] = {}
        for key, octets, wanted in _due(catalogue, policy.community, some, aip, cold_until):
            listed = due.setdefault(tuple(wanted), [])
            written = sum(wanted.values())
            if len(listed) < _PLANNED and allowed.takes_both(
                octets * (len(wanted) - written), octets * written
            ):
                listed.append((key, octets))
        for (first, *also), sized in due.items():
            shards.extend(
                into_shards(policy.community, first, policy.ref, stamp(now), sized, (*also,))
            )
    return shards


def _due(
    catalogue: Catalogue,
    community: str,
    rules: Sequence[ReplicaRule],
    aip: str | None,
    cold_until: datetime | None,
) -> Iterator[tuple[VersionKey, int, dict[str, bool]]]:
    """Each version with the tiers that it is due on, and whether it was written there before.
    Sequences in one order are merged; memory stays flat.
    """
    there = {rule.tier: _Rows(catalogue, community, rule.tier, aip) for rule in rules}
    for version in catalogue.versions(community, aip=aip):
        due = {
            name: rows.is_written(version.key)
            for name, rows in there.items()
            if rows.is_due(version.key, cold_until)
        }
        if due:
            yield version.key, version.octets, due


class _Rows:
    """The replicas on one tier, beside the versions that they are of."""

    def __init__(self, catalogue: Catalogue, community: str, tier: str, aip: str | None) -> None:
        self._rows = catalogue.replicas(community, tier=tier, aip=aip)
        self._next = next(self._rows, None)

    def is_due(self, key: VersionKey, cold_until: datetime | None) -> bool:
        """Whether a version's replica is unknown, or was not read back yet.

        Args:
            cold_until: what is cold for longer is not due; None: it is, too.
        """
        while self._next is not None and self._next.key < key:
            self._next = next(self._rows, None)
        row = self._next
        if row is None or row.key != key:
            return True
        ready_by = row.ready_by
        is_cold = cold_until is not None and ready_by is not None and ready_by > cold_until
        return row.state is ReplicaState.WRITTEN and not is_cold

    def is_written(self, key: VersionKey) -> bool:
        """Of a version that was just asked about: whether its replica is known."""
        return self._next is not None and self._next.key == key
