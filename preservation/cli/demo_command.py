"""``preserve demo``: the main job, end to end, before your eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from preservation.app.create import create_home
from preservation.app.home import find_home
from preservation.cli.demo_engines import InAirflow, InProcess
from preservation.cli.demo_inbox import own, put, put_hostile, samples
from preservation.cli.demo_story import tell
from preservation.cli.home_commands import start_airflow
from preservation.cli.options import application
from preservation.cli.shell import Shell, account, shell
from preservation.errors import UsageError
from preservation.ledger.policies import PolicyFiles
from preservation.model.units import counted
from preservation.supervise.control import down

demo_app = application()


@demo_app.command()
def demo(
    ctx: typer.Context,
    deposits: Annotated[
        Path | None, typer.Option(help="Your own: each folder in it is one deposit.")
    ] = None,
    airflow: Annotated[
        bool, typer.Option(help="Let DAG runs do it; else the same services in this process.")
    ] = True,
    dags: Annotated[Path, typer.Option(help="The folder of DAG files.")] = Path("dags"),
    examples: Annotated[Path, typer.Option(help="The sample deposits.")] = Path(
        "examples/deposits"
    ),
) -> None:
    """Do the main job on the sample deposits: from inbox to audit report, one byte damaged.

    The home is --home; what is there from an earlier demo stays and is built upon.
    """
    here = shell(ctx)
    home = create_home(here.home, here.policies, account())
    communities = sorted(PolicyFiles(home.policies).in_force(), reverse=True)
    here.out.print(f"[bold]home[/] {escape(str(home.path))}")
    communities = _fill(here, communities, deposits, examples)
    well = _in_airflow(here, communities, dags) if airflow else _in_process(here, communities)
    here.out.print(
        "\n[bold green]All of it worked.[/]" if well else "\n[bold red]Not all worked.[/]"
    )
    raise typer.Exit(0 if well else 4)


def _fill(here: Shell, communities: list[str], deposits: Path | None, examples: Path) -> list[str]:
    """Copy deposits into inboxes; returns the communities that have any."""
    home = find_home(here.home)
    store = PolicyFiles(home.policies)
    if deposits is None:
        found = samples(examples, communities)
    else:
        if deposits.absolute().is_relative_to(home.path):
            raise UsageError("the deposits lie inside the home", hint="name another folder")
        found, left_out = own(deposits, communities[0])
        for path in left_out:
            here.warn(f"{path.name}: not a deposit; put it into a folder of its own")
    inboxes = {name: home.path / store.governing(name).intake.inbox for name in communities}
    new = sum(put(path, inboxes[community]) for community, path in found)
    if deposits is None:
        new += put_hostile(inboxes[communities[0]])
    put_where = counted(len(inboxes), "inbox", "inboxes")
    here.out.print(f"  {counted(new, 'new deposit')} put into {put_where}")
    return [name for name in communities if any(name == community for community, _ in found)]


def _in_process(here: Shell, communities: list[str]) -> bool:
    engine = InProcess(here, lambda text: here.out.print(f"  {text}", markup=False))
    return tell(here, engine, communities)


def _in_airflow(here: Shell, communities: list[str], dags: Path) -> bool:
    """Start Airflow, unless it runs already; stop what was started, whatever happens."""
    here.out.print("starting Airflow and its database (first time: half a minute)")
    with here.watching() as progress:
        running = start_airflow(here, dags, None, progress)
    here.out.print(f"  {running.url}", markup=False)
    try:
        engine = InAirflow(running, lambda text: here.out.print(f"  {text}", markup=False))
        return tell(here, engine, communities)
    finally:
        if not running.already:
            with here.watching() as progress:
                down(here.home, progress)
