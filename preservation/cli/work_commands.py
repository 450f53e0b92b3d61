"""``preserve replicate`` and ``repair``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from preservation.cli.opening import communities, known_aip, known_tier, opened
from preservation.cli.options import (
    Aip,
    Budget,
    Community,
    Everything,
    Json,
    Tier,
    allowance,
    application,
    show_refused,
)
from preservation.cli.replicating import codes, made, show_replicas
from preservation.cli.shell import Several, account, shell, table, worst
from preservation.model.replica import VersionKey
from preservation.repair.result import RepairResult
from preservation.replication.result import ReplicaResult

if TYPE_CHECKING:
    from rich.console import Console

    from preservation.cli.tables import Rows

replicate_app = application()
repair_app = application()

_REPAIR_CODES = {"repaired": 0, "intact": 0, "waiting": 4, "hopeless": 4}


@replicate_app.command()
def replicate(
    ctx: typer.Context,
    community: Community = None,
    tier: Tier = None,
    aip: Aip = None,
    everything: Everything = False,
    budget: Budget = None,
    as_json: Json = False,
) -> None:
    """Make every replica that a policy promises and that is not there yet; read each back."""
    here = shell(ctx)
    results: list[ReplicaResult] = []
    several, allowed = Several(here), allowance(budget)
    with opened(here, acts=True) as parts, here.watching() as progress:
        tier, aip = known_tier(parts, tier), known_aip(parts, aip)
        for policy in communities(parts, community):
            results += made(
                parts,
                policy,
                several,
                progress,
                tier=tier,
                aip=aip,
                everything=everything,
                budget=allowed,
            )

    def render(out: Console) -> None:
        show_refused(out, allowed)
        if results:
            show_replicas(out, results)
        elif not allowed.refused:
            out.print("" if several.failed else "nothing was due: every promised replica is there")

    exit_code = worst(codes(results) | several.codes)
    body = {
        "replicas": [one.to_json() for one in results],
        "left": allowed.refused,
        "errors": several.errors,
    }
    here.answer(as_json, "samarkand.replicate/1", body, render, exit_code)


@repair_app.command()
def repair(
    ctx: typer.Context,
    community: Community = None,
    tier: Tier = None,
    aip: Aip = None,
    everything: Everything = False,  # noqa: ARG001 (a repair asked for by hand leaves nothing out)
    budget: Budget = None,
    approve: Annotated[
        bool, typer.Option(help="Approve, under your account, what a policy wants approved.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Heal damaged replicas from ones that verify; the damaged bytes stay in quarantine."""
    here = shell(ctx)
    results: list[RepairResult] = []
    several, allowed = Several(here), allowance(budget)
    approver = account() if approve else ""
    with opened(here, acts=True) as parts, here.watching() as progress:
        tier, aip = known_tier(parts, tier), known_aip(parts, aip)
        for policy in communities(parts, community):
            for finding in parts.repair.plan(policy, tier=tier, aip=aip):
                key = VersionKey(finding.community, finding.aip, finding.version)
                version = parts.catalogue.version(key)
                if version is not None and not allowed.takes(version.octets):
                    continue
                with several.one():
                    results.append(parts.repair.repair(policy, finding.id, progress, approver))

    def render(out: Console) -> None:
        show_refused(out, allowed)
        if results:
            out.print(_repairs_shown(results))
        elif not allowed.refused:
            none = "nothing to repair: no finding of damage is open"
            out.print("" if several.failed else none)

    exit_code = worst({_REPAIR_CODES.get(one.state, 5) for one in results} | several.codes)
    body = {
        "repairs": [one.to_json() for one in results],
        "left": allowed.refused,
        "errors": several.errors,
    }
    here.answer(as_json, "samarkand.repair/1", body, render, exit_code)


def _repairs_shown(results: Iterable[RepairResult]) -> Rows:
    rows = table("Repairs", "AIP", ">version", "tier", "state", "from", "kept aside", "why")
    for one in results:
        aside = one.quarantine or one.salvage
        version = str(one.key.version)
        rows.add_row(one.key.aip, version, one.tier, one.state, one.source, aside, one.reason)
    return rows
