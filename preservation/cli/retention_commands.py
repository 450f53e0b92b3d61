"""``preserve retention``: what is due, who approves it, and its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.keeping import holds_of, retention_of
from preservation.app.parts import Parts
from preservation.catalogue.custody import ProposalRow
from preservation.cli.aip_commands import find
from preservation.cli.aip_ended import no_version
from preservation.cli.opening import communities, known_community, opened
from preservation.cli.options import Community, Json, group
from preservation.cli.shell import Several, account, shell, table, worst
from preservation.errors import UsageError
from preservation.model.clock import stamp
from preservation.model.units import counted, format_size
from preservation.reports.words import count
from preservation.retention.approvals import tally
from preservation.retention.proposal import Proposal
from preservation.retention.review import Review
from preservation.retention.service import Disposed

if TYPE_CHECKING:
    from rich.console import Console

OVERTAKEN = "overtaken"
MOST_ROWS = 40  # of one table on a terminal; --json has all

retention_app = group("See what was kept long enough; approve its disposal; carry it out.")

Digest = Annotated[str, typer.Argument(help="The proposal's digest, or the beginning of it.")]
Reason = Annotated[str, typer.Option(help="Why; it goes into the record.")]


def day(text: str) -> datetime:
    """The beginning of a day, UTC.

    Raises:
        UsageError: it is none.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError as error:
        raise UsageError(f"not a day: {text!r}", hint="write it like 2030-01-31") from error


@retention_app.command()
def review(ctx: typer.Context, community: Community = None, as_json: Json = False) -> None:
    """What is due: versions kept long enough, replicas on tiers that are promised no more.

    It is kept as a proposal under the digest of exactly its content. Nothing is removed.
    """
    here = shell(ctx)
    with opened(here, acts=True) as parts:
        retention = retention_of(parts)
        found = [retention.reviewer.review(policy) for policy in communities(parts, community)]

    def render(out: Console) -> None:
        for one in found:
            _render_review(one, out)
        if not any(_is_worth_telling(one) for one in found):
            out.print("nothing is due")

    body = {"communities": [one.to_json() for one in found]}
    here.answer(as_json, "samarkand.retention-review/1", body, render)


def _is_worth_telling(one: Review) -> bool:
    return bool(one.proposal or one.held or one.waiting or one.to_review or one.pending)


def _render_review(one: Review, out: Console) -> None:
    if not _is_worth_telling(one):
        return
    out.print(f"── {one.community}")
    if one.proposal is not None and one.approvals is not None:
        _render_items(one.proposal, out)
        out.print(f"proposal {one.proposal.digest}: {one.approvals.sentence}")
        if not one.approvals.is_enough:
            out.print(f"next: preserve retention approve {one.proposal.digest}")
        else:
            out.print(f"next: preserve retention dispose {one.proposal.digest} --reason …")
    if one.more:
        out.print(f"{one.more:,} more are due: they come with the next proposal")
    if one.held:
        held = counted(one.held, "version")
        out.print(f"kept long enough, and held: {held} (`preserve hold list`)")
    if one.waiting:
        out.print(
            f"on tiers not promised any more: {counted(one.waiting, 'replica')} to wait until "
            "every promised one is verified, or until a hold is released"
        )
    for row in one.to_review:
        out.print(
            f"to review: {row.title} ({row.key}), kept since {row.ingested_at:%Y-%m-%d}; "
            "`preserve retention keep` answers it"
        )
    for left in one.pending:
        until = f" until {left.until:%Y-%m-%d}" if left.until else ""
        out.print(f"disposal pending{until}: {left.key} on {left.tier}: {left.reason}")


def _render_items(proposal: Proposal, out: Console) -> None:
    size = format_size(proposal.octets)
    title = f"{count(len(proposal.items), 'item')}, {size} of payload"
    shown = table(title, "what", "AIP", ">version", "deposit", "kept since", "replicas", ">size")
    for item in proposal.items[:MOST_ROWS]:
        shown.add_row(
            item.act,
            item.key.aip,
            str(item.key.version),
            item.title,
            f"{item.ingested_at:%Y-%m-%d}",
            ", ".join(place.tier for place in item.replicas),
            format_size(item.octets),
        )
    out.print(shown)
    if len(proposal.items) > MOST_ROWS:
        out.print(f"  and {len(proposal.items) - MOST_ROWS} more: --json has all")


@retention_app.command("list")
def list_(ctx: typer.Context, community: Community = None, as_json: Json = False) -> None:
    """Every proposal that was made, and how far it has come."""
    here = shell(ctx)
    with opened(here) as parts:
        found = parts.catalogue.custody.proposals(known_community(parts, community))
        overtaken = _overtaken(parts, {row.community for row in found if row.begun_at is None})
        rows = [_proposal(parts, row, overtaken) for row in found]

    def render(out: Console) -> None:
        shown = table("Proposals", "proposal", "community", "since", ">items", "state", "approvals")
        for row in rows:
            approvals = ", ".join(one["by"] for one in row["approvals"])
            shown.add_row(
                row["proposal"].removeprefix("sha256:")[:16],
                row["community"],
                row["proposed_at"][:10],
                str(row["items"]),
                _state(row, 16),
                approvals,
            )
        out.print(shown if rows else "no proposal was made yet")

    here.answer(as_json, "samarkand.retention-proposals/1", {"proposals": rows}, render)


@retention_app.command()
def show(ctx: typer.Context, digest: Digest, as_json: Json = False) -> None:
    """One proposal: exactly what an approval of it allows."""
    here = shell(ctx)
    with opened(here) as parts:
        retention = retention_of(parts)
        row = retention.find(digest)
        overtaken = _overtaken(parts, {row.community})
        proposal, told = retention.reviewer.kept(row), _proposal(parts, row, overtaken)

    def render(out: Console) -> None:
        _render_items(proposal, out)
        out.print(f"proposal {row.digest}: {_state(told)}")
        for one in row.approvals:
            reason = f": {one.reason}" if one.reason else ""
            out.print(f"approved by {one.by} on {one.at:%Y-%m-%d %H:%M}{reason}")

    body = {**told, "document": proposal.to_json()}
    here.answer(as_json, "samarkand.retention-proposal/1", body, render)


@retention_app.command()
def approve(
    ctx: typer.Context,
    digest: Digest,
    reason: Reason = "",
    revoke: Annotated[bool, typer.Option(help="Take your approval back.")] = False,
    as_json: Json = False,
) -> None:
    """Approve, under your account, exactly what a proposal lists."""
    here = shell(ctx)
    with opened(here, acts=True) as parts:
        retention = retention_of(parts)
        row = retention.approve(digest, account(), reason, revoke=revoke)
        counted = tally(parts.store.governing(row.community).retention, row.approvals)
        told = _proposal(parts, row, _overtaken(parts, {row.community}))

    def render(out: Console) -> None:
        out.print(f"{row.digest}: {counted.sentence}")
        if told["state"] == OVERTAKEN:
            out.print(f"it is {_state(told)}, which says what is due now")
        if counted.is_enough:
            out.print(f"next: preserve retention dispose {row.digest} --reason …")

    body = {**told, "people": counted.people, "needed": counted.needed}
    here.answer(as_json, "samarkand.retention-approval/1", body, render)


@retention_app.command()
def dispose(
    ctx: typer.Context,
    digest: Annotated[
        str | None,
        typer.Argument(help="The approved proposal; without it, go on with what was begun."),
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Remove what a proposal lists, if it is approved: tombstone first, each confirmed gone.

    What a lock holds, or lies on a tier that is away, stays pending and is finished by the next
    run. Exit code 4 if something was left as it is, 5 if something is pending.
    """
    here = shell(ctx)
    several, results = Several(here), list[Disposed]()
    with opened(here, acts=True) as parts, here.watching() as progress:
        retention = retention_of(parts)
        with several.one():
            if digest is None:
                for told in holds_of(parts).spread_all():
                    here.warn(f"no hold of the storage's own could be set: {told}")
                results += retention.finish(progress)
            else:
                results.append(retention.dispose(digest, account(), reason, progress))

    def render(out: Console) -> None:
        if not any(one.removals or one.left for one in results):
            out.print("" if several.failed else "nothing is left to do")
        for one in results:
            _render_disposed(one, out)

    codes = {4 for one in results if any(left.state == "left" for left in one.left)}
    codes |= {5 for one in results if any(left.state == "busy" for left in one.left)}
    codes |= {5 for one in results if any(gone.state != "gone" for gone in one.removals)}
    body = {"proposals": [one.to_json() for one in results], "errors": several.errors}
    exit_code = worst(codes | several.codes)
    here.answer(as_json, "samarkand.retention-dispose/1", body, render, exit_code)


def _render_disposed(one: Disposed, out: Console) -> None:
    if one.removals:
        shown = table("Removed", "AIP", ">version", "tier", "state", "until", "why")
        for gone in one.removals:
            until = f"{gone.until:%Y-%m-%d}" if gone.until else ""
            version = str(gone.key.version)
            shown.add_row(gone.key.aip, version, gone.tier, gone.state, until, gone.reason)
        out.print(shown)
    for left in one.left:
        out.print(f"not done: {left.item}: {left.reason}")


@retention_app.command()
def keep(
    ctx: typer.Context,
    aip: Annotated[str, typer.Argument(help="The AIP's UUID, or the beginning of it.")],
    until: Annotated[str, typer.Option(help="The day until which it is kept: 2035-01-31.")],
    reason: Reason,
    version: Annotated[int | None, typer.Option(min=1, help="Default: all that are held.")] = None,
    as_json: Json = False,
) -> None:
    """Answer a review: a version is kept on, until a day at least."""
    here = shell(ctx)
    end = day(until)
    with opened(here, acts=True) as parts:
        rows = [row for row in find(parts, aip) if version in (None, row.key.version)]
        if not rows:
            raise no_version(aip, version)
        retention = retention_of(parts)
        for row in rows:
            policy = parts.store.governing(row.key.community)
            retention.reviewer.keep_on(policy, row.key, end, account(), reason)

    def render(out: Console) -> None:
        for row in rows:
            out.print(f"{row.title} ({row.key}) is kept until {end:%Y-%m-%d} at least")

    kept = [{"aip": row.key.aip, "version": row.key.version, "until": stamp(end)} for row in rows]
    here.answer(as_json, "samarkand.retention-kept/1", {"kept": kept}, render)


def _overtaken(parts: Parts, communities: Iterable[str]) -> dict[str, str]:
    """What overtook each proposal that nobody began, in communities that have a policy."""
    reviewer, found = retention_of(parts).reviewer, dict[str, str]()
    for community in parts.store.in_force().keys() & set(communities):
        found |= reviewer.overtaken(parts.store.governing(community))
    return found


def _state(told: Mapping[str, Any], digits: int = 64) -> str:
    """How far a proposal has come, for people."""
    if told["state"] != OVERTAKEN:
        return str(told["state"])
    by = told["overtaken_by"].removeprefix("sha256:")[:digits]
    return f"{OVERTAKEN} by {by or 'the policy in force'}"


def _proposal(parts: Parts, row: ProposalRow, overtaken: Mapping[str, str]) -> dict[str, Any]:
    pending = parts.catalogue.custody.removals(row.community, proposal=row.digest, pending=True)
    if row.begun_at is None:
        state = OVERTAKEN if row.digest in overtaken else "proposed"
    elif pending:
        state = "pending"
    else:
        state = "done" if row.ended_at else "begun"
    return {
        "proposal": row.digest,
        "community": row.community,
        "policy": row.policy,
        "proposed_at": stamp(row.proposed_at),
        "items": row.items,
        "bytes": row.octets,
        "state": state,
        "overtaken_by": overtaken.get(row.digest, ""),
        "pending": len(pending),
        "approvals": [
            {"by": one.by, "at": stamp(one.at), "reason": one.reason} for one in row.approvals
        ],
    }
