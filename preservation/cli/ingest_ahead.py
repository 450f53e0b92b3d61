"""``preserve ingest`` as Typer reads it. What says what files are takes longest to get ready, so it
is started before the rest of the command is loaded.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from preservation.cli.options import Community, Json, application
from preservation.cli.shell import shell
from preservation.errors import UsageError
from preservation.files.scan import Names, scan
from preservation.formats.tool_workers import FEW, ToolWorkers, workers_here

ingest_app = application()


@ingest_app.command()
def ingest(
    ctx: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="A deposit: a folder, a bag, a tar or a zip.")
    ] = None,
    community: Community = None,
    inbox: Annotated[bool, typer.Option(help="Take what waits in the inboxes.")] = False,
    replicate: Annotated[
        bool, typer.Option(help="Make their other promised replicas at once, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take deposits in. They stay as they are; the first replica is made and read back.

    With PATH, that deposit, for --community. With --inbox, everything complete in the inboxes.
    The other replicas are made by `replicate`, or at once with --replicate; those that a run which
    was cut short left out are made by `replicate`, too.
    """
    if (path is None) == (not inbox):
        raise UsageError("name one deposit, or say --inbox", hint="`preserve ingest --help`")
    if path is not None and community is None:
        raise UsageError("a deposit needs --community", hint="say for whom it is kept")
    with ToolWorkers(workers_here()) as ahead:
        if path is not None:
            ahead.expect(_files(path))
        work = importlib.import_module("preservation.cli.ingest_command")
        work.take_in(shell(ctx), ahead, path, community, replicate=replicate, as_json=as_json)


def _files(path: Path) -> int:
    """How many files a deposit has, as far as that matters before it is looked at."""
    files = 0
    with suppress(OSError):  # no folder, or none that can be had: told when it is looked at
        for found in scan(path, sizes=False):
            files += len(found.paths) if isinstance(found, Names) else 0
            if files > FEW:
                break
    return files
