"""The commands of ``preserve`` as Typer reads them; the table of them is in ``main.py``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer
from typer._click.exceptions import ClickException
from typer.core import TyperGroup

from preservation import __version__
from preservation.cli.main import COMMANDS, Where, stopped
from preservation.cli.values import read_plainly
from preservation.errors import UsageError


class _Lazy(TyperGroup):
    """A group that imports a subcommand when it is called."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"preservation.cli.{COMMANDS[cmd_name][0]}")
        command = typer.main.get_command(getattr(module, f"{cmd_name}_app"))
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:  # before Typer takes it, which would say nothing
            raise SystemExit(stopped()) from error

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


preserve_app = typer.Typer(
    cls=_Lazy, rich_markup_mode=None, add_completion=False, no_args_is_help=True
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"preserve {__version__}")
        raise typer.Exit


@preserve_app.callback(context_settings={"help_option_names": ["-h", "--help"]})
def preserve(
    ctx: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar="PRESERVATION_HOME", help="Where the archive lives.")
    ] = Path("var"),
    policies: Annotated[
        Path, typer.Option(envvar="PRESERVATION_POLICIES", help="Where policy files are edited.")
    ] = Path("policies"),
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Samarkand keeps research data for decades, and proves it.

    Exit codes: 0 all well; 1 a defect of ours; 2 usage, or a wrong policy; 3 rejected;
    4 findings or overdue checks; 5 not done now, a retry may help.
    """
    ctx.obj = Where(home, policies)


def enter(words: list[str]) -> None:
    """Do what the words say; ends in ``SystemExit``, or in what a command raises."""
    read_plainly()
    command = typer.main.get_command(preserve_app)
    if "--json" not in words:
        command.main(words, prog_name="preserve")
    try:
        raise SystemExit(command.main(words, prog_name="preserve", standalone_mode=False) or 0)
    except ClickException as wrong:  # for programs, as every failure
        hint = "`preserve --help`, or that of its command, lists what there is"
        raise UsageError(wrong.format_message(), hint=hint) from wrong
