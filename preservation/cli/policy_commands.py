"""``preserve policy``: check, preview, put in force, explain."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preservation.app.advising import advise
from preservation.app.policies import read_policies
from preservation.app.promised import Promised, promised
from preservation.catalogue.promises import Broken, Standing
from preservation.cli.opening import opened
from preservation.cli.options import Json, group
from preservation.cli.policy_change import apply, plan
from preservation.cli.policy_history import diff, history, recover, show
from preservation.cli.policy_profile import profile
from preservation.cli.policy_simulate import simulate_command
from preservation.cli.shell import shell, table
from preservation.model.canonical import digest_of
from preservation.model.clock import stamp
from preservation.model.units import counted, format_size
from preservation.policy.explain import explain as explained
from preservation.policy.feasible import Feasibility, feasibility
from preservation.policy.policy import Policy
from preservation.policy.schema import schema as make_schema

if TYPE_CHECKING:
    from rich.console import Console

MOST_NAMED = 10  # of what breaks one promise, on a terminal

policy_app = group("Check, preview, apply, compare and simulate policies.")


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
    checked = read_policies(here.policies, files or (), alone=bool(files))
    advised = advise(here.home, checked)

    def render(out: Console) -> None:
        for problem in checked.problems:
            out.print(str(problem))
        for sentence in advised:
            out.print(f"advice: {sentence}")
        right = ", ".join(sorted(checked.effective)) or "none"
        found = len(checked.problems)
        out.print(f"{counted(found, 'problem')}; communities that are right: {right}")

    body = {
        "problems": [problem.to_json() for problem in checked.problems],
        "advice": advised,
        "communities": {
            name: str(digest_of(document)) for name, document in checked.effective.items()
        },
    }
    exit_code = 2 if checked.problems else 0
    here.answer(as_json, "samarkand.policy-check/1", body, render, exit_code)


policy_app.command()(plan)
policy_app.command()(apply)
policy_app.command()(history)
policy_app.command()(show)
policy_app.command()(diff)
policy_app.command()(recover)
policy_app.command()(profile)
policy_app.command("simulate")(simulate_command)


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
        parts.expect_today()  # a catalogue of another day would tell promises kept that are not
        lines = parts.store.in_force()
        policies = {name: parts.store.policy(lines[name].digest) for name in sorted(lines)}
        observed = parts.observed()
        standings = {name: parts.standing(policy, observed) for name, policy in policies.items()}
    budgets = {name: _budget(policies[name], standing) for name, standing in standings.items()}
    promises = {name: promised(policies[name], one) for name, one in standings.items()}

    def render(out: Console) -> None:
        shown = table("In force", "community", "policy", "since", "by", "kept")
        for name, standing in standings.items():
            line = lines[name]
            held = "yes" if standing.holdings.versions else "nothing is held yet"
            kept = (held if standing.kept else "NO") + ", paused" * line.paused
            shown.add_row(name, str(line.digest)[:19], f"{line.at:%Y-%m-%d %H:%M}", line.by, kept)
        out.print(shown)
        for name, standing in standings.items():
            out.print(f"{name}: {standing.independence}")
            if not budgets[name].met:
                out.print(f"{name}: {_too_small(budgets[name])}")
        for name, standing in standings.items():
            if standing.holdings.versions or not standing.kept:
                _render_promises(promises[name], standing, out)

    body = {
        "communities": {
            name: {
                "policy": str(lines[name].digest),
                "since": stamp(lines[name].at),
                "by": lines[name].by,
                "paused": lines[name].paused,
                **standing.to_json(),
                "promises": [one.to_json() for one in promises[name]],
                "budget": budgets[name].to_json(),
            }
            for name, standing in standings.items()
        }
    }
    exit_code = 0 if all(one.kept for one in standings.values()) else 4
    here.answer(as_json, "samarkand.policy-status/1", body, render, exit_code)


def _render_promises(promises: list[Promised], standing: Standing, out: Console) -> None:
    """Each promise with its verdict; of those that are broken, the first and what to do."""
    shown = table(standing.community, "promise", "verdict", "by how much", "since")
    for one in promises:
        since = "" if one.since is None else f"{one.since:%Y-%m-%d %H:%M}"
        verdict = one.verdict.upper() if one.broken else one.verdict
        shown.add_row(one.words, verdict, one.how_much(standing.at), since)
    out.print(shown)
    by_code: dict[str, list[Broken]] = {}
    for broken in standing.broken:
        by_code.setdefault(broken.code, []).append(broken)
    for code, first in by_code.items():
        for broken in first[:MOST_NAMED]:
            since = f"{broken.since:%Y-%m-%d %H:%M}"
            told = f"{code} {broken.subject}: broken since {since}; {broken.next_step}"
            out.print(told, markup=False)
        more = max(standing.totals.get(code, 0), len(first)) - min(MOST_NAMED, len(first))
        if more and first[0].aip:  # what is told of a tier as a whole is told
            out.print(f"{code}: and {more:,} more; --json names the first hundred of each")


def _budget(policy: Policy, standing: Standing) -> Feasibility:
    ages = {tier: rule.max_age for tier, rule in policy.audit.tiers.items()}
    octets = {tier.tier: tier.octets for tier in standing.tiers}
    return feasibility(octets, ages, policy.audit.schedule, policy.audit.budget)


def _too_small(found: Feasibility) -> str:
    return (
        f"the audit budget of {format_size(found.budget)} a run does not suffice: "
        f"{format_size(found.needed)} are needed, so checks get as old as {found.percent} % of "
        "what is promised; raise audit.budget or max_age"
    )


@policy_app.command()
def schema() -> None:
    """The JSON Schema of a community's policy file, for editors."""
    sys.stdout.write(json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n")
