"""``preserve replicate``, ``repair`` and ``report``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from preservation.cli.options import Aip, Community, Json, Tier, application
from preservation.cli.shell import account, shell, table, worst
from preservation.model.units import format_size
from preservation.repair.service import RepairResult
from preservation.replication.service import ReplicaResult

replicate_app = application()
repair_app = application()
report_app = application()

_REPLICA_CODES = {"verified": 0, "damaged": 4}
_REPAIR_CODES = {"repaired": 0, "intact": 0, "waiting": 4, "hopeless": 4}


@replicate_app.command()
def replicate(
    ctx: typer.Context,
    community: Community = None,
    tier: Tier = None,
    aip: Aip = None,
    as_json: Json = False,
) -> None:
    """Make every replica that a policy promises and that is not there yet; read each back."""
    here = shell(ctx)
    results: list[ReplicaResult] = []
    with here.open() as parts, here.watching() as progress:
        for policy in here.communities(parts, community):
            for shard in parts.replication.plan(policy, tier=tier, aip=aip):
                results.extend(parts.replication.run(policy, shard, progress))

    def render(out: Console) -> None:
        if not results:
            out.print("nothing was due: every promised replica is there")
            return
        rows = table("Replicas", "AIP", ">version", "tier", "state", "from", ">size", "why")
        for one in results:
            version, size = str(one.key.version), format_size(one.octets)
            rows.add_row(one.key.aip, version, one.tier, one.state, one.source, size, one.reason)
        out.print(rows)

    exit_code = worst({_REPLICA_CODES.get(one.state, 5) for one in results})
    body = {"replicas": [one.to_json() for one in results]}
    here.answer(as_json, "samarkand.replicate/1", body, render, exit_code)


@repair_app.command()
def repair(
    ctx: typer.Context,
    community: Community = None,
    tier: Tier = None,
    aip: Aip = None,
    approve: Annotated[
        bool, typer.Option(help="Approve, under your account, what a policy wants approved.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Heal damaged replicas from ones that verify; the damaged bytes stay in quarantine."""
    here = shell(ctx)
    results: list[RepairResult] = []
    approver = account() if approve else ""
    with here.open() as parts, here.watching() as progress:
        for policy in here.communities(parts, community):
            due = parts.repair.plan(policy, tier=tier, aip=aip)
            heal = parts.repair.repair
            results.extend(heal(policy, one.id, progress, approver) for one in due)

    def render(out: Console) -> None:
        if not results:
            out.print("nothing to repair: no finding of damage is open")
            return
        rows = table("Repairs", "AIP", ">version", "tier", "state", "from", "quarantine", "why")
        for one in results:
            version = str(one.key.version)
            rows.add_row(
                one.key.aip, version, one.tier, one.state, one.source, one.quarantine, one.reason
            )
        out.print(rows)

    exit_code = worst({_REPAIR_CODES.get(one.state, 5) for one in results})
    body = {"repairs": [one.to_json() for one in results]}
    here.answer(as_json, "samarkand.repair/1", body, render, exit_code)


@report_app.command()
def report(
    ctx: typer.Context,
    community: Community = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the reports; default: the home's.")
    ] = None,
    days: Annotated[int, typer.Option(help="Tell what happened in the last so many days.")] = 1,
    as_json: Json = False,
) -> None:
    """Write the audit report of each community: HTML, JSON and Parquet."""
    here = shell(ctx)
    with here.open() as parts:
        parts.drain()
        since = parts.clock.now() - timedelta(days=days)
        name = f"report-{parts.clock.now():%Y%m%dT%H%M%SZ}"
        made = [
            parts.report(policy, name, since, out=out)
            for policy in here.communities(parts, community)
        ]

    def render(console: Console) -> None:
        for one in made:
            for sentence in one.report.sentences:
                console.print(sentence.text, markup=False)
            console.print(f"  {one.html}", markup=False)

    body = {"reports": [{"html": str(one.html), "json": str(one.json)} for one in made]}
    here.answer(as_json, "samarkand.reports/1", body, render)
