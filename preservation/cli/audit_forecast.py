"""``preserve audit forecast``: the audits of the next year, as numbers and as a drawing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preservation.app.parts import Parts
from preservation.audit import forecast as ahead
from preservation.audit.chart import forecast_chart, sentences
from preservation.audit.planner import gap_of
from preservation.cli.opening import holding, opened
from preservation.cli.options import Community, Json
from preservation.cli.outfile import write_out
from preservation.cli.shell import shell
from preservation.errors import UsageError
from preservation.model.units import format_size, parse_size
from preservation.policy.policy import Policy

if TYPE_CHECKING:
    from rich.console import Console

_YEAR = timedelta(days=365)


def forecast(
    ctx: typer.Context,
    community: Community = None,
    growth: Annotated[
        str | None,
        typer.Option(help="What comes in, in a year: 20TiB. Default: as much as in the last year."),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(help="Draw it into this file; needs one --community.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The next year's audits: bytes a run, what gets overdue, how old checks become."""
    here = shell(ctx)
    if svg is not None and community is None:
        raise UsageError(
            "one drawing shows one community", hint="name it: --community", code="AUD-ONE-COMMUNITY"
        )
    expected = None if growth is None else parse_size(growth)
    with opened(here) as parts:
        outlooks = [_outlook(parts, policy, expected) for policy in holding(parts, community)]
    if svg is not None and outlooks:
        write_out(svg, forecast_chart(outlooks[0]))

    def render(out: Console) -> None:
        if not outlooks:
            out.print("nothing is held: there is nothing to audit")
        for one in outlooks:
            budget, grows = format_size(one.budget), format_size(one.growth)
            out.print(f"{one.community}: budget {budget} a run, growing by {grows} a year")
            for sentence in sentences(one):
                out.print(f"  {sentence}")

    broken = any(one.first_overdue(tier) for one in outlooks for tier in one.tiers)
    body = {"forecasts": [one.to_json() for one in outlooks]}
    here.answer(as_json, "samarkand.audit-forecast/1", body, render, 4 if broken else 0)


def _outlook(parts: Parts, policy: Policy, growth: int | None) -> ahead.Outlook:
    now, community = parts.clock.now(), policy.community
    if growth is None:
        growth = parts.catalogue.figures.taken_in(community, now - _YEAR)
    nights = max(1, _YEAR // gap_of(policy))
    cohorts = parts.catalogue.turns.cohorts(community)
    return ahead.forecast(policy, cohorts, now, nights=nights, growth=growth)
