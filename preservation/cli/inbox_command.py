"""``preserve inbox``: each deposit as it stands, from waiting to released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from preservation.app.parts import Parts
from preservation.catalogue.protocol import Arrival
from preservation.cli.opening import communities, opened
from preservation.cli.options import Community, Json, application
from preservation.cli.shell import Several, shell, table, worst
from preservation.cli.streamed import MOST_SHOWN
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
    several, documents = Several(here), list[dict[str, Any]]()
    with opened(here) as parts:
        for policy in communities(parts, community):
            ready: set[str] | None = None
            with several.one():
                ready = {arrival.id for arrival in parts.ingest.scan(policy)}
            documents += [
                _row(parts, one, _state(one, ready))
                for one in parts.catalogue.arrivals(policy.community)
            ]

    def render(out: Console) -> None:
        shown = table("Inbox", "community", "deposit", "state", "AIP", "seen", "receipt")
        if (earlier := len(documents) - MOST_SHOWN) > 0:
            out.print(f"{earlier:,} earlier ones are left out: --json has all")
        for row in documents[-MOST_SHOWN:]:
            aip = f"{row['aip'][:8]} v{row['version']}" if row["version"] else ""
            cells = (row["community"], row["deposit"], row["state"], aip, row["seen_at"][:16])
            shown.add_row(*cells, row["receipt"])
        none = "" if several.failed else "the inboxes are empty"
        out.print(shown if documents else none)

    body = {"deposits": documents, "errors": several.errors}
    here.answer(as_json, "samarkand.inbox/1", body, render, worst(several.codes))


@inbox_app.command()
def release(ctx: typer.Context, community: Community = None, as_json: Json = False) -> None:
    """Move or delete deposits that were taken in, where the policy says so: `intake: release`."""
    here = shell(ctx)
    several, results = Several(here), list[ReleaseResult]()
    with opened(here, acts=True) as parts, here.watching() as progress:
        for policy in communities(parts, community):
            with several.one():
                results += parts.release(policy, progress)

    def render(out: Console) -> None:
        shown = table("Released", "deposit", "AIP", "outcome", "where", "why")
        for one in results:
            cells = (one.deposit, f"{one.aip[:8]} v{one.version}", one.outcome, one.place)
            shown.add_row(*cells, one.reason)
        none = "" if several.failed else "no deposit is due to be released"
        out.print(shown if results else none)

    body = {"deposits": [one.to_json() for one in results], "errors": several.errors}
    here.answer(as_json, "samarkand.release/1", body, render, worst(several.codes))


def _state(arrival: Arrival, ready: set[str] | None) -> str:
    """What is noted; of what waits, whether the policy calls it complete, where one could look."""
    if arrival.state != "waiting" or ready is None:
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
