"""Making the replicas that are promised and not there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from preservation.errors import BusyError
from preservation.model.progress import Progress
from preservation.model.shard import Shard
from preservation.orchestration.work.common import Json, policy_of, shard_json, tally

if TYPE_CHECKING:
    from preservation.app.parts import Parts

_log = logging.getLogger(__name__)
_UNFINISHED = ("not made", "not now", "written", "busy")  # replicas that a retry may help


def replicas_due(parts: Parts, community: str, *, together: bool) -> list[Json]:
    """The replicas that are promised and not there, as shards.

    Args:
        together: one worker can reach all tiers, so that one read may serve several.
    """
    planned = parts.replication.plan(parts.store.governing(community), together=together)
    return [shard_json(shard) for shard in planned]


def replicate(parts: Parts, data: Json, progress: Progress) -> Json:
    """Make a shard's replicas. Returns how many ended in which state.

    Raises:
        BusyError: all was tried, and some could not be made: worth a retry.
    """
    shard = Shard.from_json(data)
    results = parts.replication.run(policy_of(parts, shard.policy), shard, progress)
    for result in results:
        _log.info("%s on %s: %s %s", result.key, result.tier, result.state, result.reason)
    failed = [result for result in results if result.state in _UNFINISHED]
    if failed:
        first = f"{failed[0].key} on {failed[0].tier}: {failed[0].state}. {failed[0].reason}"
        raise BusyError(f"{len(failed)} of {len(results)}: {first}", code="REP-UNFINISHED")
    return tally([{"state": result.state} for result in results], "state")
