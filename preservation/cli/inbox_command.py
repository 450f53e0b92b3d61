"""``preserve inbox``: each deposit as it stands: waiting, accepted, held already or rejected."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from preservation.app import Parts
from preservation.catalogue.protocol import Arrival
from preservation.cli.opening import communities, opened
from preservation.cli.options import Community, Json, application
from preservation.cli.shell import shell, table
from preservation.model.clock import stamp

inbox_app = application()


@inbox_app.command()
def inbox(ctx: typer.Context, community: Community = None, as_json: Json = False) -> None:
    """Every deposit that was seen, what became of it, and where its receipt lies."""
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
