"""Making the replicas that are due, and telling of them: of ``replicate`` and of ``ingest``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from preservation.app.parts import Parts
from preservation.cli.shell import Several, table
from preservation.model.allowance import Allowance
from preservation.model.progress import Progress
from preservation.model.units import format_size
from preservation.policy.policy import Policy
from preservation.replication.result import ReplicaResult

if TYPE_CHECKING:
    from rich.console import Console

_CODES = {"verified": 0, "damaged": 4}


def made(
    parts: Parts,
    policy: Policy,
    several: Several,
    progress: Progress,
    *,
    tier: str | None = None,
    aip: str | None = None,
    everything: bool = False,
    budget: Allowance | None = None,
) -> list[ReplicaResult]:
    """Make what a policy promises and is not there yet; what cannot be made now stops no other."""
    results: list[ReplicaResult] = []
    for shard in parts.replication.plan(
        policy, tier=tier, aip=aip, everything=everything, budget=budget
    ):
        with several.one():
            results.extend(parts.replication.run(policy, shard, progress))
    return results


def codes(results: Iterable[ReplicaResult]) -> set[int]:
    """Exit codes, one for each kind of what became of them."""
    return {_CODES.get(one.state, 5) for one in results}


def show_replicas(out: Console, results: Sequence[ReplicaResult]) -> None:
    """Print what became of each."""
    rows = table("Replicas", "AIP", ">version", "tier", "state", "from", ">size", "why")
    for one in results:
        version, size = str(one.key.version), format_size(one.octets)
        rows.add_row(one.key.aip, version, one.tier, one.state, one.source, size, one.reason)
    out.print(rows)
