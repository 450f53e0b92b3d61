"""``preserve tier index``: make indexes of tars again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from preservation.cli.opening import known_tier, opened
from preservation.cli.options import Json, Tier
from preservation.cli.shell import Several, shell, worst
from preservation.replication.indexing import Indexed, IndexService

if TYPE_CHECKING:
    from rich.console import Console


def index(
    ctx: typer.Context,
    tier: Tier = None,
    anew: Annotated[bool, typer.Option("--anew", help="Also where there is one.")] = False,
    as_json: Json = False,
) -> None:
    """Make the index of each tar that has none, by which single files are fetched out of it.

    From names and sizes of a folder, or by reading a tar through. Nothing depends on it but speed.
    """
    here = shell(ctx)
    found: list[Indexed] = []
    several = Several(here)
    with opened(here, acts=True) as parts, here.watching() as progress:
        chosen = known_tier(parts, tier)
        service = IndexService(parts.catalogue, parts.tiers)
        for name in [chosen] if chosen else sorted(parts.tiers):
            with several.one():
                found.extend(service.index(parts.tiers[name], progress, anew=anew))

    def render(out: Console) -> None:
        made = sum(one.state == "made" for one in found)
        out.print(f"{len(found)} tars, {made} indexes made")
        for one in found:
            if one.state == "not made":
                out.print(f"  {one.row.key} on {one.row.tier}: {one.reason}")

    exit_code = worst({5 if one.state == "not made" else 0 for one in found} | several.codes)
    body = {"tars": [one.to_json() for one in found], "errors": several.errors}
    here.answer(as_json, "samarkand.tier-index/1", body, render, exit_code)
