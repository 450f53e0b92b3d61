"""``preserve policy history``, ``show`` and ``diff``: every policy that was ever in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.home import find_home
from preservation.app.policies import recover_policies
from preservation.cli.opening import opened
from preservation.cli.options import Json
from preservation.cli.shell import shell, table
from preservation.errors import UsageError
from preservation.ledger.amendments import Amendment, Succession
from preservation.policy.compare import compare
from preservation.policy.effective import SCHEMA as POLICY_SCHEMA

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = len("sha256:") + 12  # characters of a digest that a table shows


def history(
    ctx: typer.Context,
    community: Annotated[str | None, typer.Argument(help="Its id; else all.")] = None,
    as_json: Json = False,
) -> None:
    """Every policy that was put in force: when, by whom, why, with whose consent, by which plan."""
    here = shell(ctx)
    with opened(here) as parts:
        if community is not None:
            parts.store.governing(community)
        rows = [
            (amendment, name, step)
            for amendment in parts.store.history()
            for name, step in amendment.communities.items()
            if community in (None, name)
        ]

    def render(out: Console) -> None:
        columns = ("when", "community", "policy", "before", "by", "why", "plan")
        shown = table("Policies, the newest first", *columns)
        for row in rows:
            shown.add_row(*_cells(*row))
        out.print(shown)

    body = {"policies": [_line(*row) for row in rows]}
    here.answer(as_json, "samarkand.policy-history/1", body, render)


def _cells(amendment: Amendment, community: str, step: Succession) -> list[str]:
    consent = f" (agreed by {amendment.consent})" if amendment.consent else ""
    return [
        f"{amendment.at:%Y-%m-%d %H:%M}",
        community,
        "paused" if step.paused else _short(step.digest),
        _short(step.previous),
        amendment.by,
        amendment.reason + consent,
        _short(amendment.plan),
    ]


def _line(amendment: Amendment, community: str, step: Succession) -> dict[str, Any]:
    told = amendment.to_json()
    return {
        "community": community,
        "digest": str(step.digest),
        **{key: told[key] for key in ("at", "by", "reason", "consent", "plan") if key in told},
        "previous": None if step.previous is None else str(step.previous),
        "paused": step.paused,
        "amendment": str(amendment.digest),
    }


Which = Annotated[
    str, typer.Argument(help="A digest or the beginning of one, or a community for its policy.")
]


def show(ctx: typer.Context, digest: Which, as_json: Json = False) -> None:
    """A policy, plan or amendment as it was kept."""
    here = shell(ctx)
    with opened(here) as parts:
        found = parts.store.find(digest)
        document = parts.store.document(found)

    def render(out: Console) -> None:
        out.print(str(found))
        out.print(json.dumps(document, indent=2, ensure_ascii=False))

    body = {"digest": str(found), "document": document}
    here.answer(as_json, "samarkand.policy-document/1", body, render)


def diff(ctx: typer.Context, before: Which, after: Which, as_json: Json = False) -> None:
    """What differs between two policies, and what of it promises less."""
    here = shell(ctx)
    with opened(here) as parts:
        digests = [parts.store.find(text) for text in (before, after)]
        old, new = (_policy(parts.store.document(digest), str(digest)) for digest in digests)
    changes = compare(old, new)

    def render(out: Console) -> None:
        shown = table(" → ".join(map(_short, digests)), "promise", "before", "after", "")
        for one in changes:
            shown.add_row(one.path, one.before, one.after, "weakening" if one.weakening else "")
        out.print(shown)

    body = {
        "before": str(digests[0]),
        "after": str(digests[1]),
        "changes": [change.to_json() for change in changes],
    }
    here.answer(as_json, "samarkand.policy-diff/1", body, render)


def _policy(document: Any, name: str) -> Any:
    if document.get("schema") != POLICY_SCHEMA:
        raise UsageError(
            f"{name} is no policy but a {document.get('schema')}", hint="`policy show` shows it"
        )
    return document


def _short(digest: object) -> str:
    return "" if digest is None else str(digest)[:_SHOWN]


def recover(ctx: typer.Context, as_json: Json = False) -> None:
    """Make a lost or damaged in-force.json again, from the history of the home."""
    here = shell(ctx)
    names = recover_policies(find_home(here.home))

    def render(out: Console) -> None:
        out.print(f"in force again: {', '.join(names)}")

    here.answer(as_json, "samarkand.policy-recover/1", {"communities": names}, render)
