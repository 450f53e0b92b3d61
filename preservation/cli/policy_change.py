"""``preserve policy plan`` and ``apply``: what a change does, and putting it in force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.advising import of_home
from preservation.app.editing import edited_policies
from preservation.app.home import SystemClock
from preservation.app.parts import Parts, open_home
from preservation.app.planning import make_plan, planned_communities
from preservation.app.policies import apply_policies, read_policies
from preservation.cli.home_commands import pools_of
from preservation.cli.options import Json
from preservation.cli.outfile import write_out
from preservation.cli.shell import account, shell, table
from preservation.errors import BusyError, PolicyError, UsageError
from preservation.files import regular
from preservation.model.progress import Silence
from preservation.policy.check import Checked
from preservation.policy.plan import Plan
from preservation.policy.policy import Policy
from preservation.policy.spelled import Spelled, spelled, summary
from preservation.reports.plan_page import plan_page
from preservation.supervise.control import healthy
from preservation.supervise.control import up as start
from preservation.supervise.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

_MOST_PLAN = 256 << 20  # octets read of a plan; one of a thousand communities has some 20 MB
_A_PLAN = "give the file that `preserve policy plan --json` wrote"
MOST_ROWS = 40  # of one table on a terminal; the other forms have all of them


def plan(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Drafts: each in the place of the file of its name in --policies."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write it as a page, too, that opens from a file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What `apply` would change, and what that does to what is held. Nothing changes now."""
    here = shell(ctx)
    checked = read_policies(here.policies, files or ()).require()
    with open_home(here.home) as parts:
        made = make_plan(parts, checked, planned_communities(files, checked) if files else None)
        advised = _advice(parts, checked, made)
    if html is not None:
        write_out(html, plan_page(made))

    def render(out: Console) -> None:
        for part in spelled(made):
            _render(part, out)
        _advise(advised, out)
        out.print(summary(made))

    body = made.to_json() | {"advice": advised}
    here.answer(as_json, "samarkand.policy-plan/1", body, render)


def _advice(parts: Parts, checked: Checked, made: Plan) -> list[str]:
    """What of it could not be done as it is said."""
    changed = (checked.effective[one.community] for one in made.proposals)
    return of_home(parts.home, map(Policy.from_effective, changed))


def _advise(advised: list[str], out: Console) -> None:
    for sentence in advised:
        out.print(f"advice: {sentence}")


def _render(part: Spelled, out: Console) -> None:
    out.print(f"── {part.heading}")
    for said in part.sentences:
        out.print(f"{'! ' if said.alarming else '  '}{said.text}")
    for grid in part.grids:
        shown = table(grid.title, *grid.columns)
        for row in grid.rows[:MOST_ROWS]:
            shown.add_row(*row)
        out.print(shown)
        if len(grid.rows) > MOST_ROWS:
            out.print(f"  and {len(grid.rows) - MOST_ROWS} more: --json and --html have all")


def apply(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; it goes into the record.")],
    consent: Annotated[
        str, typer.Option(help="Who agreed to promises becoming weaker; recorded.")
    ] = "",
    plan: Annotated[
        Path | None,
        typer.Option(help="The plan that was agreed on (`plan --json`); refused if it is stale."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put the policy files in force. Wrong files change nothing; nothing is ever deleted."""
    here = shell(ctx)
    checked = read_policies(here.policies).require()
    agreed = None if plan is None else _read_plan(plan)
    with open_home(here.home) as parts:
        made = make_plan(parts, checked)
        if agreed is not None and (stale := made.outdates(agreed)):
            raise BusyError(
                f"the plan is stale: {'; '.join(stale)}",
                hint="run `preserve policy plan` again, and look at what is different",
                code="POL-STALE",
            )
        advised = _advice(parts, checked, made)
        changed = _put_in_force(parts, checked, made, reason, consent)
        edited_policies(parts.store, here.policies)  # the next command knows it, too
    if healthy(parts.home.path):
        # A DAG of a tier that is new waits for ever without its pool; `up` makes what is missing.
        pools = pools_of(parts.home)
        start(Settings(here.home, here.policies, Path("dags"), pools=pools), Silence())

    def render(out: Console) -> None:
        _advise(advised, out)
        governing = [name for name in changed if name not in made.pausing]
        for what, names in (("now in force", governing), ("paused", made.pausing)):
            if names:
                out.print(f"{what}: {', '.join(names)}")
        if not changed:
            out.print("nothing to change")

    body = {"changed": changed, "paused": list(made.pausing), "advice": advised}
    here.answer(as_json, "samarkand.policy-apply/1", body, render)


def _put_in_force(
    parts: Parts, checked: Checked, made: Plan, reason: str, consent: str
) -> list[str]:
    if not reason.strip():
        raise UsageError("a change of policy needs a reason", hint="say why with --reason")
    if made.weakening and not consent.strip():
        raise PolicyError(
            "weaker than what is in force: " + "; ".join(made.weakening),
            hint="if those concerned agreed, say who with --consent",
            code="POL-WEAKENING",
        )
    return apply_policies(
        parts.home,
        checked,
        account(),
        reason,
        SystemClock(),
        consent=consent if made.weakening else "",
        plan=made.to_json(),
        expected=made.in_force,
        pausing=made.pausing,
    )


def _read_plan(path: Path) -> Any:
    try:
        return json.loads(regular.read(path, _MOST_PLAN))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=_A_PLAN) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no plan: {error}", hint=_A_PLAN) from error
