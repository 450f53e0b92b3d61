"""``preserve``: one command, its subcommands loaded when they are called.

``preserve --help`` imports none of the heavy parts: the table below has what it prints.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from preservation import __version__
from preservation.cli.values import read_plainly
from preservation.errors import SamarkandError

_COMMANDS = {
    "init": ("home_commands", "Make a home: tiers, inboxes, catalogue, first policies."),
    "up": ("home_commands", "Start the local Airflow and its database."),
    "down": ("home_commands", "Stop everything that `up` started."),
    "demo": ("demo_command", "The main job on the sample deposits, from inbox to report."),
    "survey": ("survey_command", "Look at any folder, read-only: what taking it in would mean."),
    "ingest": ("ingest_command", "Take in deposits: each becomes an AIP version or is rejected."),
    "inbox": ("inbox_command", "See each deposit, from waiting to released; release them."),
    "bag": ("bag_commands", "Make and validate BagIt bags."),
    "replicate": ("work_commands", "Make the replicas that are promised and not there yet."),
    "audit": ("audit_commands", "Read replicas back and compare them."),
    "repair": ("work_commands", "Heal damaged replicas from verified ones."),
    "aip": ("aip_commands", "Look at what is held; get it out again."),
    "identifier": ("identifier_commands", "See and change the identifiers of AIPs."),
    "finding": ("finding_commands", "See what is wrong; accept what is known."),
    "policy": ("policy_commands", "Check, preview, apply, compare and simulate policies."),
    "report": ("report_command", "Write the audit report of each community."),
    "formats": ("formats_commands", "What is held by format; what newer signatures say."),
    "tier": ("tier_commands", "Look at the places that keep replicas."),
    "catalogue": ("catalogue_commands", "Check the catalogue, or make it again."),
    "journal": ("catalogue_commands", "Move events into the journal and onto the tiers."),
}


@dataclass(frozen=True, slots=True)
class Where:
    """Where the home and the policy files are; nothing heavy is imported to know it."""

    home: Path
    policies: Path


class _Lazy(TyperGroup):
    """A group that imports a subcommand when it is called."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"preservation.cli.{_COMMANDS[cmd_name][0]}")
        command = typer.main.get_command(getattr(module, f"{cmd_name}_app"))
        command.name = cmd_name
        return command

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


_app = typer.Typer(cls=_Lazy, rich_markup_mode=None, add_completion=False, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"preserve {__version__}")
        raise typer.Exit


@_app.callback(context_settings={"help_option_names": ["-h", "--help"]})
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


def run(arguments: list[str] | None = None) -> None:
    """Run ``preserve`` and leave the process with the contract's exit code."""
    exit_code = call(sys.argv[1:] if arguments is None else arguments)
    gc.freeze()  # nobody needs what a last search for garbage would find: 30 ms of every command
    sys.exit(exit_code)


def call(words: list[str]) -> int:
    """Run ``preserve``; returns the exit code. No failure of ours ends in a traceback."""
    read_plainly()
    try:
        typer.main.get_command(_app).main(words, prog_name="preserve")
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except SamarkandError as error:
        return _failed(error, "--json" in words)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; what was finished is kept, run it again for the rest\n")
        return 5
    return 0


def _failed(error: SamarkandError, as_json: bool) -> int:
    if as_json:
        document = {"error": error.to_json(), "exit": error.exit_code}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return error.exit_code
    sys.stderr.write(f"error [{error.code}] {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  next: {error.hint}\n")
    return error.exit_code
