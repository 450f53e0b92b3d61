"""``preserve tier ask`` and ``statements``: what other holders say of their own packages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.parts import Parts
from preservation.audit.statements import FRESH, Asked
from preservation.catalogue.statements import StatementRow
from preservation.cli.findings_shown import show_findings
from preservation.cli.opening import communities, opened
from preservation.cli.options import Json, Tier
from preservation.cli.shell import Several, shell, table, worst
from preservation.cli.streamed import MOST_SHOWN, Streamed
from preservation.errors import UsageError
from preservation.model.clock import stamp
from preservation.model.units import parse_duration
from preservation.policy.policy import Policy

if TYPE_CHECKING:
    from rich.console import Console


def ask(
    ctx: typer.Context,
    tier: Tier = None,
    package: Annotated[
        str | None, typer.Option("--package", help="This package only, by its UUID; asked anew.")
    ] = None,
    older_than: Annotated[
        str, typer.Option("--older-than", help="Ask again where the last statement is older.")
    ] = f"{FRESH.days}d",
    as_json: Json = False,
) -> None:
    """Have other holders check their own packages, and record what they state.

    A statement is never a check of ours and counts for no promise. Exit code 4 if one of them
    fails, or says nothing clear.
    """
    here = shell(ctx)
    several = Several(here)
    results: list[Asked] = []
    fresh: timedelta = parse_duration(older_than)
    with opened(here, acts=True) as parts, here.watching() as progress:
        for name in known_sources(parts, tier):
            with several.one():
                asked = parts.statements.ask(
                    _policy(parts, name),
                    parts.sources[name],
                    progress,
                    package=package,
                    fresh=fresh,
                )
                results.append(asked)

    def render(out: Console) -> None:
        if not results and not several.failed:
            out.print("no policy in force asks another holder for statements")
        for one in results:
            said = ", ".join(f"{count} {word}" for word, count in sorted(one.outcomes.items()))
            out.print(f"{one.tier}: {said or 'nothing was asked'}, {one.fresh} asked lately")
            show_findings(out, one.findings)

    exit_code = worst({4 if one.findings else 0 for one in results} | several.codes)
    body = {"tiers": [one.to_json() for one in results], "errors": several.errors}
    here.answer(as_json, "samarkand.statements-asked/1", body, render, exit_code)


def statements(ctx: typer.Context, tier: Tier = None, as_json: Json = False) -> None:
    """What other holders stated last about each of their packages."""
    here = shell(ctx)
    with opened(here) as parts:
        names = known_sources(parts, tier)

        def found() -> Iterator[dict[str, Any]]:
            return (_row(row) for name in names for row in parts.catalogue.statements.all(name))

        def render(out: Console) -> None:
            shown = table("Statements of others", "tier", "package", "states", "asked", "", "by")
            rows = found()
            for row in islice(rows, MOST_SHOWN):
                told = (row["outcome"], row["asked_at"][:16], row["message"], row["program"])
                shown.add_row(row["tier"], row["package"], *told)
            out.print(shown if len(shown) else "no other holder has stated anything yet")
            if more := sum(1 for _ in rows):
                out.print(f"and {more:,} more: --json has all")

        here.answer(as_json, "samarkand.statements/1", {"statements": Streamed(found)}, render, 0)


def _row(one: StatementRow) -> dict[str, Any]:
    detail = one.detail
    return {
        "tier": one.tier,
        "package": one.package,
        "outcome": one.outcome,
        "asked_at": stamp(one.at),
        "stated_at": detail["stated_at"],
        "failures": detail["failures"],
        "message": detail["message"] or detail["reason"],
        "program": detail["program"],
        "event": one.event,
    }


def known_sources(parts: Parts, tier: str | None) -> list[str]:
    """The others' tiers that are asked, or the one of this name.

    Raises:
        UsageError: it is none of them (``TIER-UNKNOWN``).
    """
    if tier is not None and tier not in parts.sources:
        raise UsageError(
            f"{tier!r} is no tier that is asked for statements",
            hint=f"there are {', '.join(parts.sources) or 'none'}",
            code="TIER-UNKNOWN",
        )
    return [tier] if tier else sorted(parts.sources)


def _policy(parts: Parts, source: str) -> Policy:
    """On whose behalf a source is asked: the first community that names it."""
    return next(one for one in communities(parts, None) if source in one.statements)
