"""``preserve bag``: make and validate BagIt bags; no home is needed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from preservation.bags.lenient import Leniency
from preservation.cli.bag_validating import validated
from preservation.cli.options import Json, application, group
from preservation.cli.shell import shell


class _Bag(TyperGroup):
    """Imports what makes bags only where one is made: validating starts the sooner."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_MAKING]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _MAKING:
            return super().get_command(ctx, cmd_name)
        making = importlib.import_module("preservation.cli.bag_making")
        app = application()
        app.command()(getattr(making, cmd_name))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command


_MAKING = ("create", "restore")
bag_app = group("Make and validate BagIt bags; no home is needed.", cls=_Bag)


@bag_app.command()
def validate(
    ctx: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(help="A bag: a folder, or a tar, tar.gz, tar.bz2, tar.xz, tar.zst or zip."),
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    lenient: Annotated[
        list[str] | None,
        typer.Option(
            help="Only warn of one departure from the RFC, repeatable: "
            f"all, {', '.join(each.value for each in Leniency)}."
        ),
    ] = None,
    completeness: Annotated[
        bool, typer.Option("--completeness-only", help="Names only: no fixity check.")
    ] = False,
    oxum: Annotated[
        bool, typer.Option("--oxum-only", help="Sizes and counts only: no fixity check.")
    ] = False,
    profile: Annotated[
        Path | None,
        typer.Option(help="A BagIt Profile (JSON file) to hold the bag against; never fetched."),
    ] = None,
    profile_alias: Annotated[
        list[str] | None, typer.Option(help="A URI that counts as the profile's own, repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Validate a bag by RFC 8493: one verdict with every finding. Exit code 3 if invalid.

    An archive is read as it is, not unpacked.
    """
    validated(
        shell(ctx),
        path,
        strict=strict,
        lenient=lenient or (),
        completeness=completeness,
        oxum=oxum,
        profile=profile,
        profile_alias=profile_alias or (),
        as_json=as_json,
    )
