"""``preserve audit``: run it, or see what tonight would bring."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from preservation.app.parts import Parts
from preservation.audit.outlook import Comparing, Line, shortages, tally, unreached
from preservation.audit.service import AuditResult, total
from preservation.catalogue.brake import BRAKE
from preservation.catalogue.turns import Aim
from preservation.cli.audit_forecast import forecast
from preservation.cli.findings_shown import show_findings
from preservation.cli.opening import holding, known_aip, known_tier, opened
from preservation.cli.options import Aip, Community, Json, Tier, amount, application
from preservation.cli.shell import Several, shell, table, worst
from preservation.errors import UsageError
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.units import format_size
from preservation.policy.policy import Policy

if TYPE_CHECKING:
    from rich.console import Console

audit_app = application(invoke_without_command=True)


@audit_app.callback()
def audit(
    ctx: typer.Context,
    community: Community = None,
    tier: Tier = None,
    aip: Aip = None,
    of_format: Annotated[
        str | None,
        typer.Option("--format", help="AIP versions with files of this format: fmt/18, text/csv."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="AIP versions taken in on this day or later: 2026-11-22.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, max=10**9, help="So many replicas of each tier, drawn by lot."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever was checked when.")] = False,
    budget: Annotated[
        str | None, typer.Option(help="Read at most so much: 500GiB. Default: the policy's.")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(help="Read at most so much a second: 50MiB. Default: the policy's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read replicas back from the medium and compare every file; those due, or those aimed at."""
    if ctx.invoked_subcommand is not None:
        return
    here, overdue = shell(ctx), 0
    several, results = Several(here), list[AuditResult]()
    octets, slow = amount("--budget", budget), amount("--rate", rate)
    with (
        opened(here, acts=True) as parts,
        parts.catalogue.kept_open(),
        here.watching() as progress,
    ):
        aim = Aim(known_aip(parts, aip), of_format, _day(since))
        asked = _Asked(known_tier(parts, tier), aim, everything, sample or 0, octets, slow)
        for policy in holding(parts, community):
            results += _audited(parts, policy, asked, several, progress)
            overdue += parts.audit.overdue(policy)
    result = total(results)
    aimed = bool(aip or of_format or since or sample or everything)
    none = "no replica is as you asked" if aimed else "nothing was due"
    if several.failed:
        none = "see above"
    here.answer(
        as_json,
        "samarkand.audit/1",
        {**result.to_json(), "overdue": overdue, "errors": several.errors},
        lambda out: _render(out, result, overdue, none),
        worst(_codes(result, overdue) | several.codes),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be checked, and how much of it; octets, and octets a second."""

    tier: str | None
    aim: Aim
    everything: bool
    sample: int
    budget: int | None
    rate: int | None


def _audited(
    parts: Parts, policy: Policy, asked: _Asked, several: Several, progress: Progress
) -> list[AuditResult]:
    """Check what is asked for of one community; a shard that cannot be done stops no other."""
    results: list[AuditResult] = []
    planned = parts.audit.plan(
        policy,
        tier=asked.tier,
        aim=asked.aim,
        everything=asked.everything,
        sample=asked.sample,
        budget=asked.budget,
        progress=progress,
    )
    for shard in planned:
        with several.one():
            results.append(parts.audit.run(policy, shard, progress, asked.rate))
    with several.one():
        results.append(parts.audit.settle(policy, progress))
    return results


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"not a day: {text!r}", hint="write it as 2026-11-22", code="AUD-DAY"
        ) from error


def _codes(result: AuditResult, overdue: int) -> set[int]:
    codes = set[int]()
    # What a person accepted, and is as it was then, is told, and no finding any more.
    if any(check.outcome.is_damage and check.findings for check in result.checks) or overdue:
        codes.add(4)
    if result.outcomes.get(Outcome.UNCHECKED.value):
        codes.add(5)
    return codes


def _render(out: Console, result: AuditResult, overdue: int, none: str) -> None:
    if not result.checks and not result.parts:
        out.print(f"nothing was checked: {none}")
    else:
        rows = table("Checks", "AIP", ">version", "tier", "outcome", ">read", "why")
        for one in result.checks:
            version, size = str(one.key.version), format_size(one.octets)
            rows.add_row(one.key.aip, version, one.tier, one.outcome.value, size, one.reason)
        out.print(rows)
    for sample in result.samples:
        out.print(str(sample))
    show_findings(out, (one for one in result.findings if one.code == BRAKE), "")
    if result.parts:
        size = format_size(result.octets)
        out.print(f"{result.parts} parts of very large replicas were read ({size} in all)")
    if result.left:
        out.print(f"{result.left} wait for the next run: the hours of this one were over")
    unchecked = Outcome.UNCHECKED.value
    seen = ((word, count) for word, count in result.outcomes.items() if word != unchecked)
    told = ", ".join(f"{count} {word}" for word, count in seen if count)
    missed = f", {count} not checked" if (count := result.outcomes.get(unchecked)) else ""
    out.print(f"{result.checked} checked ({told or 'none'}){missed}, {overdue} overdue")
    if said := _alone(result):
        out.print(said)
    for hint in sorted({one.hint for one in result.findings if one.code == "FIX-UNCHECKED"}):
        out.print(f"  next: {hint}")


def _alone(result: AuditResult) -> str:
    """How many checks compared SHA-256 alone, where there are any."""
    compared = [one.algorithms for one in result.checks if one.algorithms]
    alone = compared.count((Algorithm.SHA256.value,))
    return f"compared by SHA-256 alone: {alone:,} of {len(compared):,}" if alone else ""


@audit_app.command()
def plan(
    ctx: typer.Context, community: Community = None, tier: Tier = None, as_json: Json = False
) -> None:
    """What the next audit would read, tier by tier, and why; nothing is read now."""
    here = shell(ctx)
    lines: list[Line] = []
    comparing: list[Comparing] = []
    short: list[str] = []
    with opened(here) as parts:
        tier = known_tier(parts, tier)
        held = parts.audit.held()
        for policy in holding(parts, community):
            night = list(parts.audit.night(policy, tier=tier))
            lines += tally(policy.community, night)
            comparing += parts.audit.comparing(policy, night)
            short += shortages(policy, held.get(policy.community, {}))
            short += unreached(policy, parts.audit.beyond(policy, night))

    def render(out: Console) -> None:
        rows = table("Due", "community", "tier", "why", ">replicas", ">bytes", "oldest check")
        for one in lines:
            counts = (f"{one.replicas:,}", format_size(one.octets))
            rows.add_row(one.community, one.tier, one.reason, *counts, f"{one.oldest:%Y-%m-%d}")
        out.print(rows if lines else "nothing is due")
        for sentence in (*map(str, comparing), *short):
            out.print(sentence)

    body = {
        "due": [one.to_json() for one in lines],
        "comparing": [one.to_json() for one in comparing],
        "short": short,
    }
    here.answer(as_json, "samarkand.audit-plan/1", body, render, 4 if short else 0)


audit_app.command()(forecast)
