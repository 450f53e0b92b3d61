"""``preserve drill``: whether the nightly machinery finds and heals what is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from preservation.app.drilling import Drilled, drill_is_due
from preservation.app.drilling import drill as hold_drill
from preservation.cli.opening import communities, opened
from preservation.cli.options import Community, Json, application
from preservation.cli.shell import Several, shell, table, worst

if TYPE_CHECKING:
    from rich.console import Console

drill_app = application()


@drill_app.command()
def drill(
    ctx: typer.Context,
    community: Community = None,
    due: Annotated[bool, typer.Option(help="Only where the policy's day has come.")] = False,
    as_json: Json = False,
) -> None:
    """Harm replicas made for the purpose, on the tiers that policies name for it, and see whether
    audit and repair find and heal all of it; exit code 4 if not.
    """
    here = shell(ctx)
    held: dict[str, Drilled] = {}
    several = Several(here)
    with opened(here, acts=True) as parts, here.watching() as progress:
        chosen = [
            policy
            for policy in communities(parts, community)
            if (policy.drill.tiers or community) and (not due or drill_is_due(parts, policy))
        ]
        for policy in chosen:
            with several.one():
                held[policy.community] = hold_drill(parts, policy, progress)

    def render(out: Console) -> None:
        if not held and not several.failed:
            out.print("no drill was held: no policy in force asks for one now")
        for name, one in held.items():
            out.print(f"{name}: {one.score.sentence}")
            rows = table("Drill", "tier", "harm", "found", "healed")
            for trial in one.score.trials:
                healed = "yes" if trial.healed else "NO"
                rows.add_row(trial.tier, trial.harm, trial.outcome if trial.found else "NO", healed)
            out.print(rows)

    failed = {4 for one in held.values() if not one.score.passed}
    body = {
        "drills": {
            name: {**one.to_json(), "passed": one.score.passed} for name, one in held.items()
        },
        "errors": several.errors,
    }
    exit_code = worst({0} | failed | several.codes)
    here.answer(as_json, "samarkand.drill/1", body, render, exit_code)
