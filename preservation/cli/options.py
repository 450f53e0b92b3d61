"""Options that several commands share, spelt once."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Community = Annotated[
    str | None, typer.Option("--community", "-c", help="This community only; else all.")
]
Tier = Annotated[str | None, typer.Option("--tier", "-t", help="This tier only.")]
Aip = Annotated[str | None, typer.Option("--aip", "-a", help="This AIP only, by its UUID.")]
