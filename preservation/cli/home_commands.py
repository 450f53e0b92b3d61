"""``preserve init``, ``up`` and ``down``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preservation.app.create import create_home
from preservation.app.editing import edited_policies
from preservation.app.home import Home, find_home
from preservation.app.places import specs_of
from preservation.catalogue.place import Place
from preservation.cli.options import Json, application
from preservation.cli.shell import Shell, account, shell, table
from preservation.errors import UsageError
from preservation.ledger.policies import PolicyFiles
from preservation.model.progress import Progress
from preservation.supervise.control import Running
from preservation.supervise.control import down as stop
from preservation.supervise.control import up as start
from preservation.supervise.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

init_app = application()
up_app = application()
down_app = application()

SLOTS = 2  # of each tier's pool: replicas read or written there at once


@init_app.command()
def init(ctx: typer.Context, as_json: Json = False) -> None:
    """Make a home at --home: tiers, inboxes, catalogue; the policies of --policies in force."""
    here = shell(ctx)
    home = create_home(here.home, here.policies, account())
    edited_policies(PolicyFiles(home.policies), here.policies)  # the next command knows it, too

    def render(out: Console) -> None:
        out.print(f"home       {home.path}")
        out.print(f"catalogue  {Place.parse(home.catalogue_url)}")
        out.print("next       put a deposit into inbox/<community>/, then preserve ingest --inbox")

    here.answer(as_json, "samarkand.init/1", {"home": str(home.path)}, render)


@up_app.command()
def up(
    ctx: typer.Context,
    port: Annotated[
        int | None, typer.Option(help="Of the web interface; default: first free from 8080.")
    ] = None,
    dags: Annotated[Path, typer.Option(help="The folder of DAG files.")] = Path("dags"),
    as_json: Json = False,
) -> None:
    """Start Airflow and its database for this home, and say where it is and who may log in."""
    here = shell(ctx)
    with here.watching() as progress:
        running = start_airflow(here, dags, port, progress)
    body = {
        "url": running.url,
        "users": [{"name": user.name, "password": user.password} for user in running.users],
    }

    def render(out: Console) -> None:
        out.print(f"Airflow runs at {running.url}")
        logins = table("Logins", "user", "password")
        for user in running.users:
            logins.add_row(user.name, user.password)
        out.print(logins)
        out.print("`preserve down` stops all of it")

    here.answer(as_json, "samarkand.up/1", body, render)


def start_airflow(here: Shell, dags: Path, port: int | None, progress: Progress) -> Running:
    """Start Airflow over a home that is there, with a pool for each of its tiers.

    Raises:
        HomeNotFoundError: there is no home.
        UsageError: there are no DAG files.
    """
    home = find_home(here.home)
    if not dags.is_dir():
        raise UsageError(
            f"there are no DAG files at {dags.absolute()}",
            hint="run it in the project's folder, or name them with --dags",
            code="HOME-NO-DAGS",
        )
    settings = Settings(here.home, here.policies, dags, port=port, pools=pools_of(home))
    return start(settings, progress)


def pools_of(home: Home) -> dict[str, int]:
    """Slots by pool name: one pool for each tier of the policies in force."""
    return {f"tier-{name}": SLOTS for name in specs_of(PolicyFiles(home.policies))}


@down_app.command()
def down(ctx: typer.Context, as_json: Json = False) -> None:
    """Stop everything that `up` started for this home; nothing else is ever signalled."""
    here = shell(ctx)
    home = find_home(here.home)
    with here.watching() as progress:
        stopped = stop(home.path, progress)
    text = "stopped" if stopped else "nothing was running"
    here.answer(as_json, "samarkand.down/1", {"stopped": stopped}, lambda out: out.print(text))
