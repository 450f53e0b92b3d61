"""``preserve hold``: AIPs of which nothing may be disposed of for now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.keeping import holds_of
from preservation.app.parts import Parts
from preservation.catalogue.custody import HoldRow
from preservation.cli.opening import known_aip, known_community, opened
from preservation.cli.options import Community, Json, group
from preservation.cli.shell import Shell, account, shell, table
from preservation.model.clock import stamp
from preservation.model.replica import VersionKey

if TYPE_CHECKING:
    from rich.console import Console

hold_app = group("Hold AIPs: nothing of them is disposed of or retired while a hold is open.")

Reason = Annotated[str, typer.Option(help="Why; it goes into the record.")]


@hold_app.command()
def add(
    ctx: typer.Context,
    aip: Annotated[str, typer.Argument(help="The AIP's UUID, or the beginning of it.")],
    reason: Reason,
    version: Annotated[
        int | None, typer.Option(min=1, help="This version only; else all, those to come included.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold an AIP, under your account."""
    here = shell(ctx)
    with opened(here, acts=True) as parts:
        key = _key(parts, aip)
        made = holds_of(parts).add(key.community, key.aip, version or 0, account(), reason)
        _spread(here, parts, made)
        for leaving, tier in holds_of(parts).leaving(made):
            here.warn(f"{leaving} on {tier} was being removed: what is still there stays")
    here.answer(
        as_json,
        "samarkand.hold/1",
        {"hold": _row(made)},
        lambda out: out.print(f"{_about(made)} is held: {made.id}"),
    )


@hold_app.command()
def release(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="The hold's id, or the beginning of it.")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Release one hold, under your account. Others on the same AIP stay."""
    here = shell(ctx)
    with opened(here, acts=True) as parts:
        made = holds_of(parts).release(id, account(), reason)
        _spread(here, parts, made)
    here.answer(
        as_json,
        "samarkand.hold/1",
        {"hold": _row(made)},
        lambda out: out.print(f"the hold {made.id[:8]} on {_about(made)} is released"),
    )


@hold_app.command("list")
def list_(
    ctx: typer.Context,
    community: Community = None,
    every: Annotated[bool, typer.Option("--all", help="Released ones too.")] = False,
    as_json: Json = False,
) -> None:
    """The holds that are open."""
    here = shell(ctx)
    with opened(here) as parts:
        rows = parts.catalogue.custody.holds(known_community(parts, community), every=every)

    def render(out: Console) -> None:
        shown = table("Holds", "id", "community", "AIP", ">version", "since", "who", "why")
        for row in rows:
            version = str(row.version) if row.version else "all"
            since = f"{row.placed_at:%Y-%m-%d}"
            why = f"{row.reason} (released: {row.released_why})" if row.released_at else row.reason
            shown.add_row(row.id[:8], row.community, row.aip, version, since, row.by, why)
        out.print(shown if rows else "no hold is open")

    here.answer(as_json, "samarkand.holds/1", {"holds": [_row(row) for row in rows]}, render)


def _key(parts: Parts, aip: str) -> VersionKey:
    """A version of an AIP, disposed of or not: what is being removed can still be held."""
    whole = known_aip(parts, aip)
    held = [row.key for row in parts.catalogue.versions(aip=whole)]
    return (held or [one.key for one in parts.catalogue.custody.tombstones(aip=whole)])[0]


def _spread(here: Shell, parts: Parts, row: HoldRow) -> None:
    """The places' own holds, too; where that can't be done now, the journal's hold stands."""
    for told in holds_of(parts).spread(row):
        here.warn(f"no hold of the storage's own could be changed: {told}")


def _about(row: HoldRow) -> str:
    return f"{row.aip} v{row.version}" if row.version else row.aip


def _row(row: HoldRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "community": row.community,
        "aip": row.aip,
        "version": row.version,
        "reason": row.reason,
        "by": row.by,
        "placed_at": stamp(row.placed_at),
        "released_at": None if row.released_at is None else stamp(row.released_at),
        "released_by": row.released_by,
        "released_why": row.released_why,
    }
