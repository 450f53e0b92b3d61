"""``preserve report``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from preservation.app.reporting import write_report
from preservation.cli.opening import communities, opened
from preservation.cli.options import Community, Json, application
from preservation.cli.shell import shell

report_app = application()


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
    with opened(here) as parts:
        parts.drain()
        since = parts.clock.now() - timedelta(days=days)
        name = f"report-{parts.clock.now():%Y%m%dT%H%M%SZ}"
        made = [
            write_report(parts, policy, name, since, out=out)
            for policy in communities(parts, community)
        ]

    def render(console: Console) -> None:
        for one in made:
            for sentence in one.report.sentences:
                console.print(sentence.text, markup=False)
            console.print(f"  {one.html}", markup=False)

    body = {"reports": [{"html": str(one.html), "json": str(one.json)} for one in made]}
    here.answer(as_json, "samarkand.reports/1", body, render)
