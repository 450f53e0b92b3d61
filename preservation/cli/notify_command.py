"""``preserve notify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.notifying import notify as tell
from preservation.cli.opening import communities, opened
from preservation.cli.options import Community, Json, application
from preservation.cli.shell import shell
from preservation.notices.message import Message, seen

if TYPE_CHECKING:
    from rich.console import Console

notify_app = application()


@notify_app.command()
def notify(
    ctx: typer.Context,
    community: Community = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent; send nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell people, by mail and web hooks, what their policies say they are told."""
    here = shell(ctx)
    with opened(here, acts=not dry_run) as parts:
        named = [policy for policy in communities(parts, community) if policy.notify]
        result = tell(parts, named, dry=dry_run)
    for failed in result.failed:
        here.warn(
            f"[{failed.error.code}] {seen(failed.to)}: {failed.error.message}; {_next(failed)}"
        )

    def render(out: Console) -> None:
        if not named:
            out.print("no policy names anybody to be told: see `notify` in policy files")
        elif not (result.sent or result.failed or result.later):
            out.print("there is nothing new to tell")
        for message in result.sent:
            out.print(_whole(message) if dry_run else f"told {seen(message.to)}: {message.subject}")
        for to in result.later:
            out.print(f"{seen(to)} was told of the same less than an hour ago: the rest waits")

    body = {
        "dry_run": dry_run,
        "sent": [{"to": one.to, **one.to_json()} for one in result.sent],
        "failed": [{"to": one.to, **one.error.to_json()} for one in result.failed],
        "later": list(result.later),
    }
    exit_code = result.failed[0].error.exit_code if result.failed else 0
    here.answer(as_json, "samarkand.notify/1", body, render, exit_code)


def _next(failed: Any) -> str:
    return f"next: {failed.error.hint}"


def _whole(message: Message) -> str:
    return f"To: {seen(message.to)}\nSubject: {message.subject}\n\n{message.text}"
