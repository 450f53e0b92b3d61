"""``preserve init``, ``up`` and ``down``."""

from __future__ import annotations

import typer
from rich.console import Console

from preservation.app import create_home
from preservation.cli.options import Json
from preservation.cli.shell import account, shell

init_app = typer.Typer()
up_app = typer.Typer()
down_app = typer.Typer()


@init_app.command()
def init(ctx: typer.Context, as_json: Json = False) -> None:
    """Make a home at --home: tiers, inboxes, catalogue; the policies of --policies in force."""
    here = shell(ctx)
    home = create_home(here.home, here.policies, account())

    def render(out: Console) -> None:
        out.print(f"home      {home.path}")
        out.print(f"catalogue {home.catalogue_url}")
        out.print("next      put a deposit into inbox/<community>/, then `preserve ingest --inbox`")

    here.answer(as_json, "samarkand.init/1", {"home": str(home.path)}, render)
