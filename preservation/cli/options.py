"""Options that several commands share, spelt once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Community = Annotated[
    str | None, typer.Option("--community", "-c", help="This community only; else all.")
]
Tier = Annotated[str | None, typer.Option("--tier", "-t", help="This tier only.")]
Aip = Annotated[
    str | None,
    typer.Option("--aip", "-a", help="This AIP only, by its UUID or the beginning of it."),
]


def application(**settings: Any) -> typer.Typer:
    """A command, as all of ours are."""
    return typer.Typer(
        add_completion=False, context_settings={"help_option_names": ["-h", "--help"]}, **settings
    )


def group(about: str, **settings: Any) -> typer.Typer:
    """A group of commands; one alone would else take the group's name."""
    made = application(no_args_is_help=True, **settings)
    made.callback(help=about)(_nothing)
    return made


def _nothing() -> None:
    """A group does nothing by itself."""
