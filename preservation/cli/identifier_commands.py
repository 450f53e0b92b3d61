"""``preserve identifier``: which identifiers belong to which AIP, and what they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from preservation.catalogue.protocol import IdentifierRow
from preservation.cli.opening import known_aip, known_community, opened
from preservation.cli.options import Community, Json, group
from preservation.cli.shell import account, shell, table
from preservation.errors import UsageError
from preservation.ingest.claiming import claimed
from preservation.model.clock import stamp
from preservation.model.event import EventType
from preservation.model.identifier import SCHEMES, Identifier, IdentifierStatus, parse

if TYPE_CHECKING:
    from rich.console import Console

identifier_app = group("See and change the identifiers of AIPs.")


@identifier_app.command("list")
def list_(ctx: typer.Context, community: Community = None, as_json: Json = False) -> None:
    """Every identifier, its AIP, and whether it is reserved, live or withdrawn."""
    here = shell(ctx)
    with opened(here) as parts:
        found = parts.catalogue.identifiers(known_community(parts, community))

    def render(out: Console) -> None:
        shown = table("Identifiers", "community", "identifier", "AIP", "status", "since")
        for row in found:
            since = f"{row.since:%Y-%m-%d}"
            shown.add_row(row.community, row.identifier.shown, row.aip, row.status.value, since)
        out.print(shown if found else "no AIP has an identifier")

    body = {"identifiers": [_row(row) for row in found]}
    here.answer(as_json, "samarkand.identifiers/1", body, render)


def _row(row: IdentifierRow) -> dict[str, str]:
    return {
        "community": row.community,
        **row.identifier.to_json(),
        "aip": row.aip,
        "status": row.status.value,
        "since": stamp(row.since),
    }


@identifier_app.command()
def assign(
    ctx: typer.Context,
    aip: Annotated[str, typer.Argument(help="A UUID, or the beginning of one.")],
    identifier: Annotated[str, typer.Argument(help="In any usual spelling: doi:…, CSTR:…, ark:…")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the record.")],
    status: Annotated[
        IdentifierStatus, typer.Option(help="What it leads to now.")
    ] = IdentifierStatus.LIVE,
    as_json: Json = False,
) -> None:
    """Give an identifier to an AIP, or say that it is reserved, live or withdrawn now.

    The bags stay as they are: an identifier that came later is in the record, not in them.
    """
    here = shell(ctx)
    one = _parsed(identifier)
    with opened(here, acts=True) as parts:
        whole = known_aip(parts, aip) or ""
        keys = [row.key for row in parts.catalogue.versions(aip=whole)]
        keys += [one.key for one in parts.catalogue.custody.tombstones(aip=whole)]
        key = max(keys)
        with claimed(parts.catalogue, parts.clock, key, [one]) as objections:
            if objections:
                raise UsageError(
                    f"{one.shown}: {objections[0].message}",
                    hint="an identifier never changes hands; look at `preserve identifier list`",
                    code="IDENTIFIER-TAKEN",
                )
            detail = {**one.to_json(), "status": status.value, "reason": reason, "by": account()}
            kind = EventType.IDENTIFIER_ASSIGNMENT
            parts.catalogue.record([parts.events.about(key, kind, "success", detail)])
        (row,) = parts.catalogue.identified(key.community, [one])

    def render(out: Console) -> None:
        out.print(f"{row.identifier.shown} belongs to AIP {row.aip} and is {row.status.value}")

    here.answer(as_json, "samarkand.identifier/1", _row(row), render)


def _parsed(text: str) -> Identifier:
    found = parse(text)
    if found is None:
        raise UsageError(
            f"not an identifier: {text!r}",
            hint=f"write its scheme before it ({', '.join(SCHEMES)}): doi:10.1234/x, local:KB-7",
            code="IDENTIFIER-MALFORMED",
        )
    return found
