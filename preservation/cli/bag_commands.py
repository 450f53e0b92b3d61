"""``preserve bag``: make and validate BagIt bags; no home is needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from preservation.bags.lenient import Leniency, leniencies
from preservation.bags.validate import BagReport, Mode
from preservation.bags.validate import validate as validate_bag
from preservation.cli.bag_shared import WORKERS, print_findings, yardstick
from preservation.cli.options import Json, application, group
from preservation.cli.shell import shell
from preservation.errors import UsageError
from preservation.fixity.engine import EngineSettings
from preservation.model.units import format_size

if TYPE_CHECKING:
    from rich.console import Console


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
    here = shell(ctx)
    if completeness and oxum:
        raise UsageError("choose one of --completeness-only and --oxum-only")
    if strict and lenient:
        raise UsageError("choose one of --strict and --lenient")
    mode = Mode.COMPLETENESS if completeness else Mode.OXUM if oxum else Mode.FULL
    with here.watching() as progress:
        settings = EngineSettings(workers=WORKERS)
        report = validate_bag(
            path,
            mode=mode,
            strict=strict,
            lenient=leniencies(lenient or []),
            profile=yardstick(profile, profile_alias or ()),
            settings=settings,
            progress=progress,
        )

    def render(out: Console) -> None:
        print_findings(out, report.findings)
        for line in told(report):
            out.print(line, markup=False)

    exit_code = 0 if report.valid else 3
    here.answer(as_json, "samarkand.bag-validate/1", report.to_json(), render, exit_code)


def told(report: BagReport) -> Iterator[str]:
    """The verdict, for people."""
    verdict = "valid" if report.valid else "INVALID"
    what = f"{report.files} files, {format_size(report.octets)}, {report.container}"
    yield f"{verdict}: BagIt {report.version or '?'}, {what}, {_HOW[report.mode](report)}"
    if report.lenient:
        used = ", ".join(leniency.value for leniency in report.lenient)
        yield f"lenient: {used}; by the RFC this is not valid"


def _full(report: BagReport) -> str:
    checked = ", ".join(algorithm.value for algorithm in report.algorithms)
    if report.fixity_checked:
        return f"every byte compared ({checked})"
    return f"not every byte could be compared ({checked or 'no algorithm'})"


_HOW: dict[Mode, Callable[[BagReport], str]] = {
    Mode.FULL: _full,
    Mode.COMPLETENESS: lambda _: "names compared only: no fixity check",
    Mode.OXUM: lambda _: "sizes and counts compared only: no fixity check",
}
