"""Checking replicas shard by shard, and settling what the shards came to."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from preservation.audit.outlook import shortages
from preservation.catalogue.turns import Aim
from preservation.errors import UsageError
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress, Silence
from preservation.model.sampling import Sample, together
from preservation.model.shard import Shard
from preservation.model.units import format_size, parse_size
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.work.common import Json, policy_of, shard_json, tell

if TYPE_CHECKING:
    from preservation.app.parts import Parts
    from preservation.audit.service import AuditResult

_log = logging.getLogger(__name__)


def checks_due(parts: Parts, community: str, aim: Json) -> list[Json]:
    """Tonight's checks, or what the person who started the run aimed at."""
    policy = parts.store.governing(community)
    for sentence in shortages(policy, parts.audit.held().get(community, {})):
        _log.warning("%s", sentence)
    planned = parts.audit.plan(
        policy,
        tier=aim["tier"],
        aim=Aim(
            aip=aim["aip"],
            format=aim["format"],
            since=date.fromisoformat(aim["since"]) if aim["since"] else None,
        ),
        everything=aim["everything"],
        sample=aim["sample"] or 0,
        budget=parse_size(aim["budget"]) if aim["budget"] else None,
        progress=LogProgress(_log.warning),
    )
    return [shard_json(shard) for shard in planned]


def check(parts: Parts, data: Json, progress: Progress) -> Json:
    """Check a shard. Damage is a finding, and the task that found it has succeeded."""
    shard = Shard.from_json(data)
    result = parts.audit.run(policy_of(parts, shard.policy), shard, progress)
    for finding in result.findings:
        tell(finding)
    return _json(result)


def _json(result: AuditResult) -> Json:
    return {
        "checked": result.checked,
        "bytes": result.octets,
        "outcomes": dict(result.outcomes),
        "findings": len(result.findings),
        "unchecked": [row.to_json() for row in result.checks if row.outcome is Outcome.UNCHECKED],
        "samples": [sample.to_json() for sample in result.samples],
        "left": result.left,
        "parts": result.parts,
    }


def settle(parts: Parts, community: str, checked: Iterable[Sequence[Json] | None]) -> Json:
    """All shards' results together, with what very large replicas came to that were read in
    parts, where no shard could say it.
    """
    policy = parts.store.governing(community)
    result = parts.audit.settle(policy, Silence())
    for finding in result.findings:
        tell(finding)
    return summed([*checked, [_json(result)]])


def outcomes_label(label: str, result: Json) -> str:
    """A label with the outcomes that there were: ``vault · 12 AIPs · 11 intact, 1 altered``."""
    counts = ", ".join(f"{count} {name}" for name, count in result["outcomes"].items() if count)
    read = f"{format_size(result['bytes'])} read" if result["parts"] else "nothing was checked"
    return f"{label} · {counts or read}"


def summed(checked: Iterable[Sequence[Json] | None]) -> Json:
    """All shards' results together; those of failed shards are not there.

    Airflow's lazy sequences are read by a slice: read to their end one by one, they log an
    error where they end.
    """
    results = [result for tier in checked for result in (tier or ())[:]]
    outcomes: Counter[str] = Counter()
    for result in results:
        outcomes.update(result["outcomes"])
    # Of a replica that could not be read in parts each part says so: it is one check.
    rows = [row for result in results for row in result["unchecked"]]
    unchecked = {(row["aip"], row["version"], row["tier"]): row for row in reversed(rows)}
    outcomes[Outcome.UNCHECKED.value] = len(unchecked)
    total = {
        "checked": sum(result["checked"] for result in results),
        "bytes": sum(result["bytes"] for result in results),
        "outcomes": dict(outcomes),
        "findings": sum(result["findings"] for result in results),
        "unchecked": list(reversed(unchecked.values())),
        "left": sum(result["left"] for result in results),
        "parts": sum(result["parts"] for result in results),
    }
    parts = [Sample.from_json(one) for result in results for one in result["samples"]]
    samples = together(parts)
    total["samples"] = [sample.to_json() for sample in samples]
    for sample in samples:
        _log.info("%s", sample)
    if total["left"]:
        _log.warning("%s replicas wait for the next run, or for its end", total["left"])
    _log.info("%s", outcomes_label(f"{format_size(total['bytes'])} read", total))
    return total


def refuse_unchecked(total: Json) -> None:
    """Fail if something that was planned is not known to be well or ill. What was recalled is
    read by a later run.

    Raises:
        UsageError: ``AUD-UNCHECKED``.
    """
    if unchecked := [row for row in total["unchecked"] if not row["ready_by"]]:
        raise UsageError(
            f"{len(unchecked)} replicas could not be checked",
            hint="the logs of the shards say why; `preserve tier list` looks at the tiers",
            code="AUD-UNCHECKED",
        )
