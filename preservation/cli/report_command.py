"""``preserve report``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.parts import Parts
from preservation.app.period_reporting import last_periods, write_period_report
from preservation.app.reporting import write_report
from preservation.cli.opening import communities, opened
from preservation.cli.options import Community, Json, application
from preservation.cli.outfile import expect_folder
from preservation.cli.shell import shell
from preservation.errors import UsageError
from preservation.policy.policy import Policy

if TYPE_CHECKING:
    from rich.console import Console

report_app = application()

_KINDS = ("audit", "holdings", "evidence")


@report_app.command()
def report(
    ctx: typer.Context,
    community: Community = None,
    kind: Annotated[
        str, typer.Option(help="audit: what was checked; holdings; evidence: for auditors.")
    ] = "audit",
    year: Annotated[
        int | None, typer.Option(help="Of holdings and evidence: a year, 2026.", min=1970, max=9998)
    ] = None,
    month: Annotated[
        str | None, typer.Option(help="Of holdings and evidence: a month, 2026-11.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the reports; default: the home's.")
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(help="Of audit: what happened in the last so many days; 1.", min=1, max=36500),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a report of each community: HTML, JSON, CSV and Parquet."""
    here = shell(ctx)
    _agree(kind, year, month, days)
    if out is not None:
        expect_folder(out)
    with opened(here) as parts:
        parts.drain()
        made: list[Any] = [
            _one(parts, policy, kind, _period(parts, kind, year, month), out, days or 1)
            for policy in communities(parts, community)
        ]

    def render(console: Console) -> None:
        for one in made:
            for sentence in one.report.sentences:
                console.print(sentence.text)
            console.print(f"  {one.html}")

    body = {"reports": [{"html": str(one.html), "json": str(one.json)} for one in made]}
    here.answer(as_json, "samarkand.reports/1", body, render)


def _agree(kind: str, year: int | None, month: str | None, days: int | None) -> None:
    if kind not in _KINDS:
        told = f"there is no kind of report {kind!r}"
        raise UsageError(told, hint=f"there are {', '.join(_KINDS)}", code="RPT-KIND")
    if kind == "audit" and (year or month):
        raise UsageError(
            "a report about an audit has no year or month",
            hint="give --days, or --kind holdings or evidence",
            code="RPT-KIND",
        )
    if kind != "audit" and (days is not None or (year and month)):
        raise UsageError(
            f"a report of kind {kind} is about one year or one month",
            hint="give --year or --month",
            code="RPT-KIND",
        )


def _period(parts: Parts, kind: str, year: int | None, month: str | None) -> str:
    """The period that was asked for; the last one that is over by default."""
    last_month, last_year = last_periods(parts.clock.now())
    said = month or (f"{year:04}" if year else "")
    return said or (last_month if kind == "holdings" else last_year)


def _one(parts: Parts, policy: Policy, kind: str, period: str, out: Path | None, days: int) -> Any:
    if kind != "audit":
        return write_period_report(parts, policy, kind, period, out)
    now = parts.clock.now()
    name = f"report-{now:%Y%m%dT%H%M%SZ}"
    return write_report(parts, policy, name, now - timedelta(days=days), out=out)
