"""``preserve audit``: run it, or see what tonight would bring."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from preservation.audit.service import AuditResult, summed
from preservation.cli.opening import communities, known_aip, known_tier, opened
from preservation.cli.options import Aip, Community, Json, Tier, application
from preservation.cli.shell import shell, table, worst
from preservation.model.check import CheckResult
from preservation.model.outcome import Outcome
from preservation.model.shard import Shard
from preservation.model.units import format_size, parse_size

audit_app = application(invoke_without_command=True)


@audit_app.callback()
def audit(
    ctx: typer.Context,
    community: Community = None,
    tier: Tier = None,
    aip: Aip = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever was checked when.")] = False,
    budget: Annotated[
        str | None, typer.Option(help="Read at most so much: 500GiB. Default: the policy's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read replicas back from the medium and compare every file; those due, or --all."""
    if ctx.invoked_subcommand is not None:
        return
    here, overdue = shell(ctx), 0
    checks: list[CheckResult] = []
    octets = None if budget is None else parse_size(budget)
    with opened(here, acts=True) as parts, here.watching() as progress:
        tier, aip = known_tier(parts, tier), known_aip(parts, aip)
        for policy in communities(parts, community):
            planned = parts.audit.plan(
                policy, tier=tier, aip=aip, everything=everything, budget=octets
            )
            for shard in planned:
                checks.extend(parts.audit.run(policy, shard, progress).checks)
            overdue += parts.audit.overdue(policy)
    result = summed(checks)
    body = {**result.to_json(), "overdue": overdue}
    here.answer(
        as_json,
        "samarkand.audit/1",
        body,
        lambda out: _render(out, result, overdue),
        _code(result, overdue),
    )


def _code(result: AuditResult, overdue: int) -> int:
    codes = set()
    if any(check.outcome.is_damage for check in result.checks) or overdue:
        codes.add(4)
    if result.outcomes.get(Outcome.UNCHECKED.value):
        codes.add(5)
    return worst(codes)


def _render(out: Console, result: AuditResult, overdue: int) -> None:
    if not result.checks:
        out.print("nothing was checked: nothing was due")
    else:
        rows = table("Checks", "AIP", ">version", "tier", "outcome", ">read", "why")
        for one in result.checks:
            version, size = str(one.key.version), format_size(one.octets)
            rows.add_row(one.key.aip, version, one.tier, one.outcome.value, size, one.reason)
        out.print(rows)
    told = ", ".join(f"{count} {word}" for word, count in result.outcomes.items() if count)
    out.print(f"{result.checked} checked ({told or 'none'}), {overdue} overdue")


@audit_app.command()
def plan(
    ctx: typer.Context, community: Community = None, tier: Tier = None, as_json: Json = False
) -> None:
    """What the next audit would read, tier by tier; nothing is read now."""
    here = shell(ctx)
    shards: list[Shard] = []
    with opened(here) as parts:
        tier = known_tier(parts, tier)
        for policy in communities(parts, community):
            shards.extend(parts.audit.plan(policy, tier=tier))

    def render(out: Console) -> None:
        rows = table("Due", "community", "tier", ">AIPs", ">bytes")
        for one in shards:
            rows.add_row(one.community, one.tier, str(len(one.items)), format_size(one.octets))
        out.print(rows if shards else "nothing is due")

    body = {"shards": [one.to_json() for one in shards]}
    here.answer(as_json, "samarkand.audit-plan/1", body, render)
