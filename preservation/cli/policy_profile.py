"""``preserve policy profile``: a BagIt Profile made of a policy, for depositors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preservation.app.profiles import deposit_profile
from preservation.cli.opening import opened
from preservation.cli.options import Json
from preservation.cli.outfile import write_out
from preservation.cli.shell import shell

if TYPE_CHECKING:
    from rich.console import Console


def profile(
    ctx: typer.Context,
    community: Annotated[str, typer.Argument(help="Its id.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    as_json: Json = False,
) -> None:
    """Write a BagIt Profile of the policy in force: depositors check their bags against it."""
    here = shell(ctx)
    with opened(here) as parts:
        policy = parts.store.governing(community)
    document = deposit_profile(policy)
    write_out(out, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
    identifier = document["BagIt-Profile-Info"]["BagIt-Profile-Identifier"]

    def render(console: Console) -> None:
        console.print(f"{out}: {identifier}")
        console.print(f"bags name it in bag-info.txt: BagIt-Profile-Identifier: {identifier}")
        console.print(f"depositors check with: preserve bag validate BAG --profile {out}")

    body = {"path": str(out), "identifier": identifier, "policy": policy.ref}
    here.answer(as_json, "samarkand.policy-profile/1", body, render)
