"""``preserve tier``: the places that keep replicas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.parts import Parts
from preservation.app.sweeping import sweep
from preservation.audit.statements import Compared
from preservation.cli.findings_shown import show_findings
from preservation.cli.opening import communities, known_tier, opened
from preservation.cli.options import Json, Tier, group
from preservation.cli.shell import Several, shell, table, worst
from preservation.cli.tier_index import index
from preservation.cli.tier_recalls import guard, recall
from preservation.cli.tier_sources import ask, statements
from preservation.errors import SamarkandError
from preservation.model.clock import stamp
from preservation.model.units import counted, format_size
from preservation.replication.reconcile import Reconciled
from preservation.storage.proof import Proof
from preservation.storage.rehearsal import rehearse

if TYPE_CHECKING:
    from rich.console import Console

tier_app = group("Look at the places that keep replicas.")
for act in (ask, guard, index, recall, statements):
    tier_app.command()(act)


@tier_app.command("list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """The tiers of this home, what they are by observation, and what they hold."""
    here = shell(ctx)
    found: list[dict[str, Any]] = []
    with opened(here) as parts:
        kept = parts.catalogue.figures.replicas_by_tier()
        for name in _chosen(parts, None):
            tier = parts.sources[name] if name in parts.sources else parts.tiers[name]
            row: dict[str, Any] = {"tier": name, "error": "", "source": name in parts.sources}
            try:
                tier.check()
                seen = tier.observe()
                row |= {"failure_domain": seen.failure_domain, "technology": seen.technology}
                row |= {"free_bytes": seen.free_octets, "cache_bypassed": seen.cache_bypassed}
            except SamarkandError as error:
                row["error"] = error.message
            row["replicas"] = kept.get(name, 0)
            found.append(row)

    def render(out: Console) -> None:
        shown = table("Tiers", "tier", "failure domain", "technology", ">free", ">replicas", "")
        for row in found:
            free = row.get("free_bytes")
            shown.add_row(
                row["tier"],
                row.get("failure_domain", "?"),
                row.get("technology", "?"),
                "" if free is None else format_size(free),
                str(row["replicas"]),
                row["error"],
            )
        out.print(shown)

    exit_code = 5 if any(row["error"] for row in found) else 0
    here.answer(as_json, "samarkand.tiers/1", {"tiers": found}, render, exit_code)


@tier_app.command()
def reconcile(ctx: typer.Context, tier: Tier = None, as_json: Json = False) -> None:
    """Hold what lies on each tier against the catalogue, both ways; nothing is ever removed.

    Names, sizes and sidecars are looked at, no replica is read: that is an audit's work.
    """
    here = shell(ctx)
    results: list[Reconciled] = []
    sources: list[Compared] = []
    several = Several(here)
    with opened(here, acts=True) as parts, here.watching() as progress:
        policies = {one.community: one for one in communities(parts, None)}
        for name in _chosen(parts, tier):
            with several.one():
                if name in parts.sources:
                    sources.append(parts.statements.compare(parts.sources[name]))
                else:
                    results.append(parts.reconcile.reconcile(parts.tiers[name], policies, progress))

    def render(out: Console) -> None:
        for one in results:
            _render_reconciled(out, one)
        for held in sources:
            out.print(f"{held.tier}: {held.packages} packages of others, {held.never} never asked")
            show_findings(out, held.findings)

    wrong = [one.count for one in results] + [len(one.findings) for one in sources]
    exit_code = worst({4 if count else 0 for count in wrong} | several.codes)
    body = {
        "tiers": [one.to_json() for one in results],
        "sources": [one.to_json() for one in sources],
        "errors": several.errors,
    }
    here.answer(as_json, "samarkand.reconcile/1", body, render, exit_code)


def _render_reconciled(out: Console, one: Reconciled) -> None:
    also = f", {one.accepted} more accepted" if one.accepted else ""
    agree = f"{counted(one.agreed, 'replica')} {'agrees' if one.agreed == 1 else 'agree'}"
    differ = f"{counted(one.count, 'thing')} {'does' if one.count == 1 else 'do'} not"
    out.print(f"{one.tier}: {agree}, {differ}{also}")
    missing = (found for check in one.checks for found in check.findings)
    show_findings(out, (*one.findings, *missing))
    for words in one.unfinished:
        out.print(f"  {words}")


@tier_app.command()
def check(
    ctx: typer.Context,
    tier: Tier = None,
    full: Annotated[
        bool, typer.Option("--full", help="Rehearse with replicas made for it: 60 MiB, removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Try out what each tier's place really does, with things that are removed again.

    Exit code 4 if something that is needed does not hold.
    """
    here = shell(ctx)
    found: dict[str, list[Proof]] = {}
    several = Several(here)
    with opened(here, acts=True) as parts, here.watching() as progress:
        for name in _chosen(parts, tier):
            with several.one():
                seen: list[Proof] = []
                for proof in _proofs(parts, name, full=full):
                    seen.append(proof)
                    why = f" ({proof.detail})" if proof.detail else ""
                    progress.say(f"{name}: {_mark(proof)} it {proof.what}{why}")
                found[name] = seen  # of one that went away meanwhile nothing is concluded
                parts.proven(name, seen)

    def render(out: Console) -> None:
        for name, proofs in found.items():
            broken = [one for one in proofs if one.holds is False and one.needed]
            verdict = f"{len(broken)} things that are needed do not hold" if broken else "suitable"
            out.print(f"{name}: {verdict}, {len(proofs)} things tried")

    broken = any(one.needed and one.holds is False for proofs in found.values() for one in proofs)
    body = {
        "tiers": {name: [one.to_json() for one in proofs] for name, proofs in found.items()},
        "errors": several.errors,
    }
    exit_code = worst({4 if broken else 0} | several.codes)
    here.answer(as_json, "samarkand.tier-check/1", body, render, exit_code)


def _proofs(parts: Parts, name: str, *, full: bool) -> Iterator[Proof]:
    if name in parts.sources:
        yield from parts.sources[name].prove()
        return
    tier = parts.tiers[name]
    yield from tier.prove()
    if full:
        with tier.rehearsal() as inner:
            yield from rehearse(inner)


def _chosen(parts: Parts, name: str | None) -> list[str]:
    """A tier by its name, or all, others' too."""
    if name is None:
        return [*sorted(parts.tiers), *sorted(parts.sources)]
    return [name if name in parts.sources else known_tier(parts, name) or name]


def _mark(proof: Proof) -> str:
    return {True: "yes:", False: "NO: " if proof.needed else "no: ", None: "  ? "}[proof.holds]


@tier_app.command("sweep")
def sweep_(ctx: typer.Context, as_json: Json = False) -> None:
    """Remove what killed runs left behind more than a day ago, in scratch and on tiers; never a
    replica, and nothing that anybody is at.
    """
    here = shell(ctx)
    with opened(here) as parts, here.watching() as progress:
        parts.expect_today()
        swept = sweep(parts, progress)

    def render(out: Console) -> None:
        shown = table("Swept", "place", "name", "left on")
        for one in swept:
            shown.add_row(one.place, one.name, f"{one.touched:%Y-%m-%d %H:%M}")
        out.print(shown if swept else "nothing was left behind")

    rows = [{"place": one.place, "name": one.name, "left": stamp(one.touched)} for one in swept]
    here.answer(as_json, "samarkand.tier-sweep/1", {"swept": rows}, render)
