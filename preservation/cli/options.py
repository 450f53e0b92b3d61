"""Options that several commands share, spelt once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.errors import UsageError
from preservation.model.allowance import Allowance
from preservation.model.units import counted, parse_size

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Community = Annotated[
    str | None, typer.Option("--community", "-c", help="This community only; else all.")
]
Tier = Annotated[str | None, typer.Option("--tier", "-t", help="This tier only.")]
Aip = Annotated[
    str | None,
    typer.Option("--aip", "-a", help="This AIP only, by its UUID or the beginning of it."),
]

Everything = Annotated[
    bool, typer.Option("--all", help="Everything, whatever was tried when and waits until later.")
]
Budget = Annotated[
    str | None, typer.Option(help="Write at most so much: 500GiB. What is left is due again.")
]


def amount(option: str, size: str | None) -> int | None:
    """Octets that an option allows; None where it is not given.

    Raises:
        UsageError: not a size, or none at all: nothing would be done, or all, and neither is meant.
    """
    octets = None if size is None else parse_size(size)
    if octets == 0:
        raise UsageError(f"{option} is above 0", hint=f"leave {option} out for no bound of its own")
    return octets


def allowance(budget: str | None) -> Allowance:
    """What ``--budget`` leaves to be written."""
    return Allowance(amount("--budget", budget))


def show_refused(out: Console, allowed: Allowance) -> None:
    """Say what a budget left over."""
    if allowed.refused:
        left = counted(allowed.refused, "AIP version")
        out.print(f"{left} left for another run: the budget allows no more")


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
