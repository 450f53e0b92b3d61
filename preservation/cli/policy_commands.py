"""``preserve policy``: check, preview, put in force, explain."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from preservation.app import SystemClock, apply_policies, find_home, read_policies
from preservation.cli.home_commands import pools_of
from preservation.cli.opening import opened
from preservation.cli.options import Json, group
from preservation.cli.shell import Shell, account, shell, table
from preservation.errors import PolicyError, UsageError
from preservation.formats.groups import known_groups
from preservation.ledger.policies import PolicyFiles
from preservation.model.canonical import digest_of
from preservation.model.clock import stamp
from preservation.model.progress import Silence
from preservation.policy.check import check as check_files
from preservation.policy.compare import Change, compare
from preservation.policy.explain import explain as explained
from preservation.policy.schema import schema as make_schema
from preservation.supervise.control import healthy
from preservation.supervise.control import up as start
from preservation.supervise.settings import Settings

policy_app = group("Check, preview, apply and explain policies.")


@policy_app.command()
def check(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Instead of the files in --policies.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check policy files: every mistake at once, with file, line, column and what is allowed."""
    here = shell(ctx)
    if files:
        shared = [here.policies / name for name in ("tiers.yaml", "baseline.yaml")]
        named = {path.name for path in files}
        paths = [*files, *(path for path in shared if path.name not in named)]
        checked = check_files({str(path): _read(path) for path in paths}, known_groups())
    else:
        checked = read_policies(here.policies)

    def render(out: Console) -> None:
        for problem in checked.problems:
            out.print(str(problem), markup=False)
        right = ", ".join(sorted(checked.effective)) or "none"
        out.print(f"{len(checked.problems)} problems; communities that are right: {right}")

    body = {
        "problems": [problem.to_json() for problem in checked.problems],
        "communities": {
            name: str(digest_of(document)) for name, document in checked.effective.items()
        },
    }
    exit_code = 2 if checked.problems else 0
    here.answer(as_json, "samarkand.policy-check/1", body, render, exit_code)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


@policy_app.command()
def plan(ctx: typer.Context, as_json: Json = False) -> None:
    """What `apply` would change, promise by promise. Nothing changes now."""
    here = shell(ctx)
    changes, gone = _changes(here)

    def render(out: Console) -> None:
        for community, rows in changes.items():
            shown = table(community, "promise", "in force", "proposed", "")
            for row in rows:
                shown.add_row(row.path, row.before, row.after, "weakening" if row.weakening else "")
            out.print(shown)
        for community in gone:
            out.print(f"{community}: no file any more; its policy stays in force")
        if not changes and not gone:
            out.print("the files say what is in force")

    body = {
        "changes": {name: [row.to_json() for row in rows] for name, rows in changes.items()},
        "without_file": gone,
    }
    here.answer(as_json, "samarkand.policy-plan/1", body, render)


@policy_app.command()
def apply(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; it goes into the record.")],
    consent: Annotated[
        str, typer.Option(help="Who agreed to promises becoming weaker; recorded.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Put the policy files in force. Wrong files change nothing; nothing is ever deleted."""
    here = shell(ctx)
    home = find_home(here.home)
    checked = read_policies(here.policies).require()
    changes, _ = _changes(here)
    weaker = [
        f"{name}: {row.path}" for name, rows in changes.items() for row in rows if row.weakening
    ]
    if weaker and not consent.strip():
        raise PolicyError(
            "weaker than what is in force: " + "; ".join(weaker),
            hint="if those concerned agreed, say who with --consent",
            code="POL-WEAKENING",
        )
    told = f"{reason} (weakening agreed by {consent})" if weaker else reason
    changed = apply_policies(home, checked, account(), told, SystemClock())
    if healthy(home.path):
        # A DAG of a tier that is new waits for ever without its pool; `up` makes what is missing.
        settings = Settings(here.home, here.policies, Path("dags"), pools=pools_of(home))
        start(settings, Silence())

    def render(out: Console) -> None:
        out.print(f"now in force: {', '.join(changed)}" if changed else "nothing to change")

    here.answer(as_json, "samarkand.policy-apply/1", {"changed": changed}, render)


def _changes(here: Shell) -> tuple[dict[str, list[Change]], list[str]]:
    """By community, what would change; and the communities in force without a file."""
    store = PolicyFiles(find_home(here.home).policies)
    checked = read_policies(here.policies).require()
    lines = store.in_force()
    changes: dict[str, list[Change]] = {}
    for name, document in sorted(checked.effective.items()):
        line = lines.get(name)
        old: Mapping[str, Any] | None = None if line is None else store.policy(line.digest).document
        if found := compare(old, document):
            changes[name] = found
    return changes, sorted(set(lines) - set(checked.communities))


@policy_app.command()
def explain(
    ctx: typer.Context,
    community: Annotated[str, typer.Argument(help="Its id.")],
    as_json: Json = False,
) -> None:
    """Every effective value of a community's policy file, and where it comes from."""
    here = shell(ctx)
    rows = explained(read_policies(here.policies), community)

    def render(out: Console) -> None:
        shown = table(community, "promise", "value", "from")
        for row in rows:
            shown.add_row(row.path, row.value, row.source)
        out.print(shown)

    body = {"community": community, "values": [row.to_json() for row in rows]}
    here.answer(as_json, "samarkand.policy-explain/1", body, render)


@policy_app.command()
def status(ctx: typer.Context, as_json: Json = False) -> None:
    """What is in force for each community, and whether it is true now; exit code 4 if not."""
    here = shell(ctx)
    with opened(here) as parts:
        lines = parts.store.in_force()
        standings = {name: parts.standing(parts.store.governing(name)) for name in sorted(lines)}

    def render(out: Console) -> None:
        shown = table("In force", "community", "policy", "since", "by", "kept")
        for name, standing in standings.items():
            line = lines[name]
            held = "yes" if standing.holdings.versions else "nothing is held yet"
            kept = held if standing.kept else "NO"
            shown.add_row(name, str(line.digest)[:19], f"{line.at:%Y-%m-%d %H:%M}", line.by, kept)
        out.print(shown)
        for standing in standings.values():
            for promise in standing.broken:
                out.print(f"{promise.code} {promise.subject}: {promise.next_step}", markup=False)

    body = {
        "communities": {
            name: {
                "policy": str(lines[name].digest),
                "since": stamp(lines[name].at),
                "by": lines[name].by,
                **standing.to_json(),
            }
            for name, standing in standings.items()
        }
    }
    exit_code = 0 if all(one.kept for one in standings.values()) else 4
    here.answer(as_json, "samarkand.policy-status/1", body, render, exit_code)


@policy_app.command()
def schema() -> None:
    """The JSON Schema of a community's policy file, for editors."""
    sys.stdout.write(json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n")
