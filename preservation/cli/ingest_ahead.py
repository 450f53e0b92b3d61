"""``preserve ingest`` as Typer reads it. What says what files are takes longest to get ready, so it
is started before the rest of the command is loaded.
"""

from __future__ import annotations

import importlib
import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from preservation.cli.options import Community, Json, application
from preservation.cli.shell import shell
from preservation.errors import UsageError
from preservation.formats.tool_workers import ToolWorkers, workers_here

ingest_app = application()

_GLANCED = 1000  # entries of a deposit


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
    """How many files a deposit has at least, by a glance that costs some milliseconds."""
    files = seen = 0
    folders = [str(path)]
    # No folder, or none that can be had: that is told when it is looked at.
    with suppress(OSError, ValueError):
        while folders and seen < _GLANCED:
            with os.scandir(folders.pop()) as entries:
                for entry in itertools.islice(entries, _GLANCED - seen):
                    seen += 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        files += 1
    return files
