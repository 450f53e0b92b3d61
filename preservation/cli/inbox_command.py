"""``preserve inbox``: each deposit as it stands, from waiting to released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from preservation.app.parts import Parts
from preservation.catalogue.protocol import Arrival
from preservation.cli.opening import communities, opened
from preservation.cli.options import Community, Json, application
from preservation.cli.shell import shell, table
from preservation.ingest.release import ReleaseResult
from preservation.model.clock import stamp

if TYPE_CHECKING:
    from rich.console import Console

inbox_app = application(invoke_without_command=True)


@inbox_app.callback()
def inbox(ctx: typer.Context, community: Community = None, as_json: Json = False) -> None:
    """Every deposit that was seen, what became of it, and where its receipt lies."""
    if ctx.invoked_subcommand is not None:
        return
    here = shell(ctx)
    with opened(here) as parts:
        rows: list[tuple[Arrival, str]] = []
        for policy in communities(parts, community):
            ready = {arrival.id for arrival in parts.ingest.scan(policy)}
            rows += [
                (one, _state(one, ready)) for one in parts.catalogue.arrivals(policy.community)
            ]
        documents = [_row(parts, arrival, state) for arrival, state in rows]

    def render(out: Console) -> None:
        shown = table("Inbox", "community", "deposit", "state", "AIP", "seen", "receipt")
        for row in documents:
            aip = f"{row['aip'][:8]} v{row['version']}" if row["version"] else ""
            cells = (row["community"], row["deposit"], row["state"], aip, row["seen_at"][:16])
            shown.add_row(*(escape(cell) for cell in cells), escape(row["receipt"]))
        out.print(shown if documents else "the inboxes are empty")

    here.answer(as_json, "samarkand.inbox/1", {"deposits": documents}, render)


@inbox_app.command()
def release(ctx: typer.Context, community: Community = None, as_json: Json = False) -> None:
    """Move or delete deposits that were taken in, where the policy says so: `intake: release`."""
    here = shell(ctx)
    results: list[ReleaseResult] = []
    with opened(here, acts=True) as parts, here.watching() as progress:
        for policy in communities(parts, community):
            results += parts.release(policy, progress)

    def render(out: Console) -> None:
        shown = table("Released", "deposit", "AIP", "outcome", "where", "why")
        for one in results:
            cells = (one.deposit, f"{one.aip[:8]} v{one.version}", one.outcome, one.place)
            shown.add_row(*(escape(cell) for cell in cells), one.reason)
        out.print(shown if results else "no deposit is due to be released")

    body = {"deposits": [one.to_json() for one in results]}
    here.answer(as_json, "samarkand.release/1", body, render)


def _state(arrival: Arrival, ready: set[str]) -> str:
    """What is noted; of what waits, whether the policy calls it complete."""
    if arrival.state != "waiting":
        return arrival.state
    return "waiting" if arrival.id in ready else "not complete yet"


def _row(parts: Parts, arrival: Arrival, state: str) -> dict[str, Any]:
    receipt = parts.home.receipts / arrival.community / f"{arrival.id}.txt"
    return {
        "community": arrival.community,
        "deposit": arrival.name,
        "state": state,
        "aip": arrival.aip if arrival.version else "",
        "version": arrival.version,
        "seen_at": stamp(arrival.seen_at),
        "receipt": str(receipt) if arrival.settled_at else "",
    }
