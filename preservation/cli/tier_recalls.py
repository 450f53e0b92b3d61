"""``preserve tier recall`` and ``guard``: acts on replicas where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from preservation.app.parts import Parts
from preservation.audit.recalling import READABLE, recalled
from preservation.catalogue.protocol import ReplicaRow
from preservation.cli.opening import known_aip, known_tier, opened
from preservation.cli.options import Aip, Community, Json, Tier
from preservation.cli.shell import Several, shell, worst
from preservation.model.check import CheckResult
from preservation.storage.tier import Tier as Place

if TYPE_CHECKING:
    from rich.console import Console


def recall(
    ctx: typer.Context,
    tier: Tier = None,
    community: Community = None,
    aip: Aip = None,
    as_json: Json = False,
) -> None:
    """Ask for cold replicas, so that they can be read; waits for none of them.

    Also for those that were left on tiers that no policy in force names any more. Costs what the
    service asks for retrieval. Exit code 5 while some are not ready.
    """
    here = shell(ctx)
    several = Several(here)
    found: list[CheckResult] = []
    ready = 0
    with opened(here, acts=True) as parts, here.watching() as progress:
        tiers = parts.every_tier()
        chosen, wanted = known_tier(parts, tier, tiers), known_aip(parts, aip)
        for row in _rows(parts, [chosen] if chosen else tiers, community, wanted):
            with several.one():
                told = _recall(parts, row, tiers[row.tier])
                if told is None:
                    ready += 1
                    continue
                found.append(told)
                progress.say(f"{row.key} on {row.tier}: {told.reason}")

    def render(out: Console) -> None:
        last = max((one.ready_by for one in found if one.ready_by is not None), default=None)
        until = f"; all by {last:%Y-%m-%d %H:%M} UTC" if last else ""
        out.print(f"{ready} replicas can be read now, {len(found)} later{until}")

    body: dict[str, Any] = {
        "ready": ready,
        "waiting": [one.to_json() for one in found],
        "errors": several.errors,
    }
    exit_code = worst(({5} if found else {0}) | several.codes)
    here.answer(as_json, "samarkand.recall/1", body, render, exit_code)


def _recall(parts: Parts, row: ReplicaRow, place: Place) -> CheckResult | None:
    """Ask for one replica; None if it can be read as it is."""
    policy = parts.store.governing(row.key.community)
    told = recalled(policy, row, place, parts.catalogue, parts.events)
    return None if told.reason == READABLE else told


def guard(ctx: typer.Context, tier: Tier = None, aip: Aip = None, as_json: Json = False) -> None:
    """Protect replicas as their tier declares it: the immutable flag, a lock.

    What is written from now on is protected anyway; this is for what lies there already.
    """
    here = shell(ctx)
    several = Several(here)
    counts = {"guarded": 0, "already": 0}
    with opened(here, acts=True) as parts, here.watching() as progress:
        chosen, wanted = known_tier(parts, tier), known_aip(parts, aip)
        for row in _rows(parts, [chosen] if chosen else parts.tiers, None, wanted):
            with several.one():
                place = parts.tiers[row.tier]
                state = place.guarded(row.key)
                if state is False:
                    place.guard(row.key)
                    progress.say(f"{row.key} on {row.tier}: guarded")
                    counts["guarded"] += 1
                elif state:
                    counts["already"] += 1

    def render(out: Console) -> None:
        out.print(f"{counts['guarded']} replicas guarded now, {counts['already']} were already")

    here.answer(
        as_json,
        "samarkand.guard/1",
        {**counts, "errors": several.errors},
        render,
        worst({0} | several.codes),
    )


def _rows(
    parts: Parts, tiers: Iterable[str], community: str | None, aip: str | None
) -> Iterator[ReplicaRow]:
    for name in sorted(tiers):
        yield from parts.catalogue.replicas(community, tier=name, aip=aip)
