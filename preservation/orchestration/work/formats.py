"""The central inventory, and looking again at formats."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from preservation.errors import BusyError, UsageError
from preservation.model.progress import Progress
from preservation.model.shard import MAX_SHARDS
from preservation.model.units import counted
from preservation.orchestration.work.common import Json, policy_of, tell

if TYPE_CHECKING:
    from preservation.app.parts import Parts

_log = logging.getLogger(__name__)


def inventories(parts: Parts, progress: Progress) -> list[Json]:
    """Bring each community's part of the central inventory up to date."""
    from preservation.app.holdings import inventory_of

    service = inventory_of(parts)
    done = [service.refresh(name, progress) for name in sorted(parts.store.in_force())]
    for one in done:
        _log.info("%s: %s AIP versions, %s read now", one.community, one.versions, one.taken)
        for finding in one.missing:
            tell(finding)
    return [{"community": one.community, "missing": len(one.missing)} for one in done]


def refuse_missing(done: Iterable[Json]) -> None:
    """Fail if an AIP could not be read for the inventory.

    Raises:
        UsageError: ``INV-MISSING``.
    """
    if missing := sum(one["missing"] for one in done):
        raise UsageError(
            f"{missing} AIP versions are not in the central inventory",
            hint="`preserve formats refresh` names each, and why",
            code="INV-MISSING",
        )


def formats_due(parts: Parts) -> list[Json]:
    """The AIP versions to look at again, in pieces of a minute or more."""
    from preservation.app.holdings import review_of

    watch, pieces = review_of(parts), list[Json]()
    for name in sorted(parts.store.in_force()):
        policy = parts.store.governing(name)
        for some in watch.pieces(watch.plan(name)):
            label = f"{name} · {counted(len(some), 'AIP version')}"
            items = [due.to_json() for due in some]
            pieces.append({"policy": policy.ref, "label": label, "items": items})
    return pieces[:MAX_SHARDS]


def review_formats(parts: Parts, one: Json, progress: Progress) -> Json:
    """Look again at some AIP versions.

    Raises:
        BusyError: all was tried, and some could not be looked at: worth a retry.
    """
    from preservation.app.holdings import review_of
    from preservation.audit.format_review import DueVersion

    policy, watch = policy_of(parts, one["policy"]), review_of(parts)
    due = [DueVersion.from_json(item) for item in one["items"]]
    files = sum(some.files for some in due)
    progress.begin(f"formats {one['label']}, {files:,} files", None)
    results = [watch.review(policy, some, progress) for some in due]
    for result in results:
        for finding in result.findings:
            tell(finding)
    undone = [result for result in results if result.state in ("busy", "not now")]
    if undone:
        first = f"{undone[0].key}: {undone[0].reason}"
        raise BusyError(f"{len(undone)} of {len(results)}: {first}", code="FMT-UNFINISHED")
    return {
        "looked_at": sum(result.looked_at for result in results),
        "changed": sum(result.changed for result in results),
    }
