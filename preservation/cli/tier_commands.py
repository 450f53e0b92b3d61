"""``preserve tier``: the places that keep replicas."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console

from preservation.cli.opening import opened
from preservation.cli.options import Json, group
from preservation.cli.shell import shell, table
from preservation.errors import SamarkandError
from preservation.model.units import format_size

tier_app = group("Look at the places that keep replicas.")


@tier_app.command("list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """The tiers of this home, what they are by observation, and what they hold."""
    here = shell(ctx)
    found: list[dict[str, Any]] = []
    with opened(here) as parts:
        for name, tier in parts.tiers.items():
            row: dict[str, Any] = {"tier": name, "error": ""}
            try:
                tier.check()
                seen = tier.observe()
                row |= {"failure_domain": seen.failure_domain, "technology": seen.technology}
                row |= {"free_bytes": seen.free_octets, "cache_bypassed": seen.cache_bypassed}
            except SamarkandError as error:
                row["error"] = error.message
            row["replicas"] = sum(1 for _ in parts.catalogue.replicas(tier=name))
            found.append(row)

    def render(out: Console) -> None:
        shown = table("Tiers", "tier", "failure domain", "technology", ">free", ">replicas", "")
        for row in found:
            free = row.get("free_bytes")
            shown.add_row(
                row["tier"],
                row.get("failure_domain", "?"),
                row.get("technology", "?"),
                "" if free is None else format_size(free),
                str(row["replicas"]),
                row["error"],
            )
        out.print(shown)

    exit_code = 5 if any(row["error"] for row in found) else 0
    here.answer(as_json, "samarkand.tiers/1", {"tiers": found}, render, exit_code)
