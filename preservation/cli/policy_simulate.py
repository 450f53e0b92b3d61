"""``preserve policy simulate``: how often AIPs are lost, and what each promise is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preservation.app.parts import Parts
from preservation.app.planning import foreseen, planned_communities
from preservation.app.policies import read_policies
from preservation.app.simulating import Asked, Simulated, read_rates, simulate
from preservation.cli.opening import opened
from preservation.cli.options import Json
from preservation.cli.outfile import write_out
from preservation.cli.shell import shell
from preservation.errors import UsageError
from preservation.policy.loss import ratio, told
from preservation.policy.loss_inputs import Rates
from preservation.policy.policy import Policy
from preservation.reports.loss_chart import loss_chart

if TYPE_CHECKING:
    from rich.console import Console

_A_MILLION = 1_000_000
_MATTERS = 1.05  # a factor below it is no help


def simulate_command(
    ctx: typer.Context,
    community: Annotated[
        str | None, typer.Argument(help="Its id; may be left out where there is one.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Drafts to compare with: as for `policy plan`; may be repeated."),
    ] = None,
    years: Annotated[int, typer.Option(min=1, max=1000, help="Over how many years.")] = 10,
    aips: Annotated[
        int | None,
        typer.Option(min=1, max=10**12, help="How many AIPs; default: those held, or a million."),
    ] = None,
    rates: Annotated[
        Path | None, typer.Option(help="Fault rates of your own; a copy of ours, changed.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 1,
    svg: Annotated[Path | None, typer.Option(help="Draw what each promise contributes.")] = None,
    as_json: Json = False,
) -> None:
    """Model how often AIPs are lost: compare policies, see what each promise is worth."""
    here = shell(ctx)
    known = read_rates(rates)
    with opened(here) as parts:
        name = _community(parts, community)
        asked = _asked(parts, name, aips, years, seed, known)
        found = list(_simulated(parts, here.policies, name, against or (), known, asked))
    if svg is not None:
        rows = [(one.what, one.factor) for one in found[-1].contributions]
        title = f"{found[-1].name}: what each promise is worth"
        text = "how many times less often an AIP is lost, all else being equal (a model)"
        write_out(svg, loss_chart(title, text, rows))

    def render(out: Console) -> None:
        for sentence in _comparisons(found):
            out.print(sentence)
        for one in found:
            _render(one, asked, out)

    body = {
        "community": name,
        "aips": asked.aips,
        "years": asked.years,
        "seed": asked.seed,
        "comparisons": list(_comparisons(found)),
        "policies": [one.to_json(asked) for one in found],
    }
    here.answer(as_json, "samarkand.policy-simulation/1", body, render)


def _community(parts: Parts, community: str | None) -> str:
    names = sorted(parts.store.in_force())
    if community is None and len(names) == 1:
        return names[0]
    if community is None:
        raise UsageError("say which community", hint=f"there are {', '.join(names) or 'none'}")
    return parts.store.governing(community).community


def _asked(parts: Parts, name: str, aips: int | None, years: int, seed: int, rates: Rates) -> Asked:
    held = parts.catalogue.figures.holdings(name)
    size = held.octets // held.versions if held.versions else rates.aip_bytes
    return Asked(aips or held.aips or _A_MILLION, max(size, 1), years, seed)


def _simulated(
    parts: Parts,
    folder: Path,
    name: str,
    against: Sequence[Path],
    rates: Rates,
    asked: Asked,
) -> Iterator[Simulated]:
    policy, observed = parts.store.governing(name), parts.observed()
    yield simulate(f"{name}, in force", policy, observed, rates, asked)
    if not against:
        return
    checked = read_policies(folder, against).require()
    about = planned_communities(against, checked)
    for other in about if about is not None else [name]:
        if other not in checked.effective:
            raise UsageError(
                f"{other} has no policy file to compare with",
                hint=f"name a draft: --against drafts/{other}.yaml",
                code="POL-NO-COMMUNITY",
            )
        proposed = Policy.from_effective(checked.effective[other])
        seen: Mapping[str, str] = foreseen(parts.home, policy, proposed, observed)
        yield simulate(f"{other}, proposed", proposed, seen, rates, asked)


def _comparisons(found: Sequence[Simulated]) -> Iterator[str]:
    first = found[0]
    for other in found[1:]:
        words = told(ratio(first.model, other.model))
        yield f"{other.name}: loses AIPs {words}{_than(words)} {first.name}."
    best, second, *_ = found[-1].contributions
    if best.factor > _MATTERS:
        yield f"What would help most: {best.what} ({told(best.factor)})."
        yield f"That buys more than {second.what} ({told(second.factor)})."


def _than(words: str) -> str:
    return " as" if words.startswith("about") else " than"


def _render(one: Simulated, asked: Asked, out: Console) -> None:
    out.print(f"── {one.name}")
    out.print("What each promise is worth, all else being equal:")
    for part in one.contributions:
        out.print(f"  {part.what}: lost {told(part.factor)}")
    out.print(f"Keeping a TB for a year costs {one.stored}; reading it for checks, {one.checked}.")
    out.print("Assumed (a model: take the figures below for their order of magnitude):")
    for line in one.assumptions:
        out.print(f"  {line}")
    expected = one.model.yearly * asked.aips * asked.years
    spread = one.spread
    out.print(
        f"Then an AIP is lost with a probability of {one.model.yearly:.1e} a year: of "
        f"{asked.aips:,} AIPs, {expected:.3g} in {asked.years} years on average."
    )
    out.print(
        f"Drawn {spread.trials:,} times: nothing was lost in {1 - spread.any_loss:.1%} of them, at "
        f"most {spread.most_of:,} in 95 %, {spread.worst:,} in the worst."
    )
