"""``preserve finding``: what is wrong, and who accepted what is known."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.parts import Parts
from preservation.app.upkeep import settling_of
from preservation.catalogue.protocol import FindingRow
from preservation.cli.opening import known_community, opened
from preservation.cli.options import Community, Json, group
from preservation.cli.shell import account, shell, table
from preservation.cli.streamed import MOST_SHOWN, Streamed
from preservation.errors import UsageError
from preservation.model.clock import stamp
from preservation.model.digest import Digest
from preservation.repair.accepting import accept as accepted
from preservation.repair.accepting import reopen as reopened

if TYPE_CHECKING:
    from rich.console import Console

finding_app = group("See what is wrong; accept what is known.")

Id = Annotated[str, typer.Argument(help="The finding's id, or the beginning of it.")]


@finding_app.command("list")
def list_(
    ctx: typer.Context,
    community: Community = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: Json = False,
) -> None:
    """The findings that are open; exit code 4 if there are any."""
    here = shell(ctx)
    with opened(here) as parts:
        community = known_community(parts, community)
        found = partial(parts.catalogue.each_finding, community, None if every else "open")

        def render(out: Console) -> None:
            shown = table(
                "Findings", "id", "code", "severity", "community", "subject", "state", "since"
            )
            rows = found()
            for row in islice(rows, MOST_SHOWN):
                since = f"{row.opened_at:%Y-%m-%d %H:%M}"
                shown.add_row(
                    row.id[:8], row.code, row.severity, row.community, row.subject, row.life, since
                )
            out.print(shown if len(shown) else "no finding is open")
            if more := sum(1 for _ in rows):
                out.print(f"and {more:,} more: --json has all")

        is_any = next(parts.catalogue.each_finding(community, "open"), None) is not None
        body = {"findings": Streamed(lambda: map(_row, found()))}
        here.answer(as_json, "samarkand.findings/1", body, render, 4 if is_any else 0)


@finding_app.command()
def show(ctx: typer.Context, id: Id, as_json: Json = False) -> None:
    """One finding, with what localises it and what was done about it."""
    here = shell(ctx)
    with opened(here) as parts:
        row = _find(parts, id)

    def render(out: Console) -> None:
        out.print(f"[{row.code}] {row.severity} · {row.life} · {row.id}")
        out.print(f"{row.subject}\n{row.message}\nnext: {row.hint}")
        _render_detail(out, row)
        if row.decided:
            out.print(f"closed by {row.decided.get('by')}: {row.decided.get('reason')}")

    here.answer(as_json, "samarkand.finding/1", {"finding": _row(row)}, render)


def _render_detail(out: Console, row: FindingRow) -> None:
    """Which files, which octets of them, and where a repair has put what."""
    for file in row.detail.get("files", []):
        out.print(f"  {file['path']}: {file['outcome']}, {file['reason']}")
        for found in file.get("ranges", []):
            last = found["offset"] + found["bytes"] - 1
            out.print(f"    octets {found['offset']} to {last} ({found['bytes']}) differ")
    if compared := row.detail.get("compared_with"):
        out.print(f"compared with the replica on {compared}")
    repair = row.detail.get("repair", {})
    if repair.get("source"):
        out.print(f"repair: from {repair['source']}, {repair.get('approved_by') or 'automatic'}")
    if repair.get("quarantine"):
        out.print(f"the damaged octets lie at {repair['quarantine']}")
        out.print(f"what differed, whole: journal result {repair['difference']}")


@finding_app.command()
def accept(
    ctx: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="Why it may stand; it goes into the record.")],
    as_json: Json = False,
) -> None:
    """Close a finding by decision, under your account. Nothing is repaired by it."""
    here = shell(ctx)
    if not reason.strip():
        raise UsageError("an acceptance needs a reason", hint="say why the finding may stand")
    with opened(here, acts=True) as parts:
        row = _find(parts, id)
        by = account()
        accepted(parts.catalogue, parts.events, row, by, reason)
        row = _find(parts, row.id)
    here.answer(
        as_json,
        "samarkand.finding/1",
        {"finding": _row(row)},
        lambda out: out.print(f"{row.id[:8]} accepted by {by}"),
    )


@finding_app.command()
def reopen(
    ctx: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="Why it may not stand; it goes into the record.")],
    as_json: Json = False,
) -> None:
    """Take an acceptance of damage back, under your account: repairs heal it again."""
    here = shell(ctx)
    if not reason.strip():
        raise UsageError("taking an acceptance back needs a reason", hint="say why with --reason")
    with opened(here, acts=True) as parts:
        by = account()
        made = reopened(parts.catalogue, parts.events, _find(parts, id), by, reason)
        row = _find(parts, made)
    here.answer(
        as_json,
        "samarkand.finding/1",
        {"finding": _row(row)},
        lambda out: out.print(f"{row.id[:8]} opened by {by}; next: preserve repair"),
    )


@finding_app.command()
def settle(
    ctx: typer.Context,
    id: Id,
    seal: Annotated[str, typer.Option(help="The seal that holds: sha256:<hex>.")],
    reason: Annotated[str, typer.Option(help="How you know; it goes into the record.")],
    as_json: Json = False,
) -> None:
    """Say which seal holds, where sidecars disagree and no event tells it; under your account."""
    here = shell(ctx)
    if not reason.strip():
        raise UsageError("an answer needs a reason", hint="say how you know which seal is right")
    chosen = Digest.parse_tagged(seal)
    with opened(here, acts=True) as parts:
        found = _find(parts, id)
        policy = parts.store.governing(found.community)
        settling_of(parts).settle(policy, found, chosen, account(), reason)
        found = _find(parts, found.id)
    here.answer(
        as_json,
        "samarkand.finding/1",
        {"finding": _row(found)},
        lambda out: out.print(
            f"{found.subject} is sealed by {chosen}; next: preserve audit --aip {found.aip[:8]}, "
            "which finds the replicas that are something else, then preserve repair"
        ),
    )


def _find(parts: Parts, id: str) -> FindingRow:
    rows = [row for row in parts.catalogue.each_finding() if row.id.startswith(id.lower())]
    if len(rows) != 1:
        what = "no finding begins" if not rows else f"{len(rows)} findings begin"
        hint = "`preserve finding list --all` shows all"
        raise UsageError(f"{what} with {id!r}", hint=hint, code="FND-UNKNOWN")
    return rows[0]


def _row(row: FindingRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.code,
        "severity": row.severity,
        "community": row.community,
        "aip": row.aip,
        "version": row.version,
        "tier": row.tier,
        "subject": row.subject,
        "message": row.message,
        "hint": row.hint,
        "state": row.state,
        "life": row.life,
        "opened_at": stamp(row.opened_at),
        "closed_at": None if row.closed_at is None else stamp(row.closed_at),
        "detail": dict(row.detail),
        "decided": dict(row.decided),
    }
