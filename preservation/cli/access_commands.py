"""``preserve access``: who gets an AIP out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.granting import access_of
from preservation.app.parts import Parts
from preservation.catalogue.custody import AccessState
from preservation.catalogue.protocol import VersionRow
from preservation.cli.aip_commands import find
from preservation.cli.aip_ended import no_version
from preservation.cli.opening import opened
from preservation.cli.options import Json, group
from preservation.cli.retention_commands import day
from preservation.cli.shell import account, shell

if TYPE_CHECKING:
    from rich.console import Console

access_app = group("See and set who gets AIPs out again; no bit is ever touched by it.")

Uuid = Annotated[str, typer.Argument(help="The AIP's UUID, or the beginning of it.")]


@access_app.command()
def show(ctx: typer.Context, aip: Uuid, as_json: Json = False) -> None:
    """How access to each version of an AIP stands now."""
    here = shell(ctx)
    with opened(here) as parts:
        rows = find(parts, aip)
        told = [_row(parts, row) for row in rows]
    _answer(here, as_json, rows, told)


@access_app.command("set")
def set_(
    ctx: typer.Context,
    aip: Uuid,
    state: Annotated[AccessState, typer.Argument(help="Who gets it from now on.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the record.")],
    until: Annotated[
        str | None, typer.Option(help="Of embargoed: the day on which it ends by itself.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="This version only; else the AIP, with those to come.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say who gets an AIP: open, restricted, embargoed until a day, or withdrawn."""
    here = shell(ctx)
    end = None if until is None else day(until)
    with opened(here, acts=True) as parts:
        rows = find(parts, aip)
        if version is not None and all(row.key.version != version for row in rows):
            raise no_version(aip, version)
        key = rows[0].key
        access_of(parts).set(key.community, key.aip, version or 0, state, end, account(), reason)
        told = [_row(parts, row) for row in rows]
    _answer(here, as_json, rows, told)


def _row(parts: Parts, row: VersionRow) -> dict[str, Any]:
    access = access_of(parts).of(row)
    return {"version": row.key.version, **access.to_json(), "sentence": access.sentence}


def _answer(here: Any, as_json: bool, rows: list[VersionRow], told: list[dict[str, Any]]) -> None:
    def render(out: Console) -> None:
        for row, one in zip(rows, told, strict=True):
            out.print(f"{row.title} v{row.key.version}: {one['sentence']}")

    body = {"aip": rows[0].key.aip, "versions": told}
    here.answer(as_json, "samarkand.access/1", body, render)
