"""``preserve bag create`` and ``restore``: a folder becomes a bag, and a bag a folder again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preservation.bags.restore import restore as restore_bag
from preservation.cli.bag_creating import created
from preservation.cli.bag_shared import WORKERS, judged, print_findings
from preservation.cli.options import Json
from preservation.cli.shell import shell
from preservation.fixity.engine import EngineSettings
from preservation.model.units import counted, format_size

if TYPE_CHECKING:
    from rich.console import Console


class NonUtf8(StrEnum):
    """What becomes of names that no manifest can hold."""

    REFUSE = "refuse"
    ENCODE = "encode"


def create(
    ctx: typer.Context,
    src: Annotated[Path, typer.Argument(help="The folder whose files become the payload.")],
    dest: Annotated[Path, typer.Argument(help="The bag; it must not be there yet.")],
    algorithm: Annotated[
        list[str] | None,
        typer.Option(help="A manifest's algorithm, repeatable; SHA-256 is always there."),
    ] = None,
    info: Annotated[
        list[str] | None, typer.Option(help="A line of bag-info.txt: 'Label: value'.")
    ] = None,
    non_utf8: Annotated[
        NonUtf8, typer.Option("--non-utf8", help="What becomes of names that are not UTF-8.")
    ] = NonUtf8.REFUSE,
    profile: Annotated[
        Path | None, typer.Option(help="A BagIt Profile (JSON file) that the bag has to meet.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a bag from a folder. The folder stays as it is; the bag appears whole or not at all."""
    created(
        shell(ctx),
        src,
        dest,
        algorithm=algorithm or (),
        info=info or (),
        encode_names=non_utf8 is NonUtf8.ENCODE,
        profile=profile,
        as_json=as_json,
    )


def restore(
    ctx: typer.Context,
    bag: Annotated[Path, typer.Argument(help="The bag's base folder.")],
    dest: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    as_json: Json = False,
) -> None:
    """Give a bag's payload back as a folder: original names, empty folders, every byte verified."""
    here = shell(ctx)
    with here.watching() as progress:
        settings = EngineSettings(workers=WORKERS)
        report = restore_bag(bag, dest, settings=settings, progress=progress)

    def render(out: Console) -> None:
        print_findings(out, report.findings)
        if report.valid:
            out.print(f"{dest}: {counted(report.files, 'file')}, {format_size(report.octets)}")
        else:
            out.print(f"not restored: the bag is {verdict}; nothing was written")

    verdict, exit_code = judged(report)
    here.answer(as_json, "samarkand.bag-restore/1", report.to_json(), render, exit_code)
