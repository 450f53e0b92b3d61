"""Taking deposits in, and letting go of what was taken in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from preservation.errors import UsageError
from preservation.model.progress import Progress
from preservation.orchestration.settings import short
from preservation.orchestration.work.common import Json, policy_of, tally, tell

if TYPE_CHECKING:
    from preservation.app.parts import Parts

_log = logging.getLogger(__name__)


def deposits(parts: Parts, community: str, name: str | None) -> list[Json]:
    """The complete deposits in a community's inbox, or the one of this name."""
    policy = parts.store.governing(community)
    return [
        {"arrival": seen.id, "label": short(seen.name), "policy": policy.ref}
        for seen in parts.ingest.scan(policy)
        if name in (None, seen.name)
    ]


def take_in(parts: Parts, found: Json, progress: Progress) -> Json:
    """Take one deposit in, and say in the log what the depositor is told."""
    arrival = parts.catalogue.arrival(found["arrival"])
    if arrival is None:
        raise UsageError(
            f"the arrival of {found['label']!r} is not noted any more",
            hint="nothing was lost: the next run finds the deposit again",
            code="DEP-ARRIVAL-GONE",
        )
    result = parts.ingest.take(policy_of(parts, found["policy"]), arrival, progress)
    for finding in result.findings:
        tell(finding)
    _log.info("%s: %s %s v%s", found["label"], result.outcome, result.aip, result.version)
    return {"outcome": result.outcome, "aip": result.aip, "version": result.version}


def release(parts: Parts, community: str, progress: Progress) -> Json:
    """Move or delete deposits that were taken in, as the policy in force says."""
    results = parts.release(parts.store.governing(community), progress)
    return tally([{"outcome": result.outcome} for result in results], "outcome")
