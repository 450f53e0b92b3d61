"""Repairing what open findings are about, and checking it again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from preservation.catalogue.brake import braked
from preservation.errors import BusyError
from preservation.model.clock import parse_stamp, stamp
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.model.shard import MAX_SHARDS, Shard
from preservation.orchestration.settings import short
from preservation.orchestration.work.audit import check
from preservation.orchestration.work.common import Json, policy_of

if TYPE_CHECKING:
    from preservation.app.parts import Parts
    from preservation.catalogue.protocol import FindingRow

_log = logging.getLogger(__name__)


def damage(parts: Parts, community: str, finding: str | None) -> list[Json]:
    """The open findings that a repair can answer, or the one of this id: the oldest, as many as
    one run can hold. Those that wait for an answer about a brake are left out, so that they take
    nobody's place.
    """
    policy = parts.store.governing(community)
    waiting = braked(parts.catalogue, community) if policy.repair.automatic else frozenset[str]()
    found = (
        row
        for row in parts.repair.plan(policy, again=finding is not None)
        if (row.tier not in waiting if finding is None else row.id == finding)
    )
    return [
        {
            "finding": row.id,
            "tier": row.tier,
            "aip": row.aip,
            "version": row.version,
            "code": row.code,
            "label": f"{short(_title(parts, row))} on {row.tier}",
            "message": row.message,
            "opened": stamp(row.opened_at),
            "policy": policy.ref,
        }
        for row in islice(found, MAX_SHARDS)
    ]


def repair(parts: Parts, one: Json, progress: Progress) -> Json:
    """Repair one replica.

    Raises:
        BusyError: another run is at it, or it could not be finished: worth a retry.
    """
    policy = policy_of(parts, one["policy"])
    result = parts.repair.repair(policy, one["finding"], progress, approved_by=one["approved_by"])
    _log.info("%s: %s %s", one["label"], result.state, result.reason)
    if result.state in ("busy", "unfinished"):
        raise BusyError(f"{one['label']}: {result.state}. {result.reason}", code="REP-UNFINISHED")
    return result.to_json()


def first_opened(found: list[Json]) -> datetime:
    """A day before the oldest of these findings was opened: its check is in the report then."""
    return min(parse_stamp(one["opened"]) for one in found) - timedelta(days=1)


def verify(parts: Parts, one: Json, progress: Progress) -> Json:
    """Check the one replica again, as any audit would."""
    policy = policy_of(parts, one["policy"])
    shard = Shard(
        policy.community,
        one["tier"],
        policy.ref,
        items=((one["aip"], one["version"]),),
        octets=0,
        planned=stamp(parts.clock.now()),
    )
    return check(parts, shard.to_json(), progress)


def _title(parts: Parts, row: FindingRow) -> str:
    """The deposit's name, by which an archivist knows the AIP."""
    version = parts.catalogue.version(VersionKey(row.community, row.aip, row.version))
    return version.title if version else f"{row.aip} v{row.version}"
