"""A plan in words: sentences and tables, the same on the terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from preservation.model.deferred import dataclass
from preservation.model.units import counted, format_duration, format_size
from preservation.policy.effects import Effects
from preservation.policy.plan import Plan, Proposal

_ADDRESS = ("kind", "path", "endpoint", "bucket", "prefix")  # of a tier
_LONGEST = 200  # characters of a value; a group of formats can have thousands


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. A column whose name begins with ``>`` holds numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, and whether somebody should look twice."""

    text: str
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Spelled:
    """One community's part of a plan, in words."""

    heading: str
    grids: tuple[Grid, ...]
    sentences: tuple[Said, ...]


def spelled(plan: Plan) -> list[Spelled]:
    """Every community's part."""
    return [*map(_one, plan.proposals), *map(_pause, plan.pausing)]


def _pause(community: str) -> Spelled:
    text = (
        "No file any more: its DAGs pause, but for the one that says whether its promises are "
        "kept. Nothing is deleted, and what was promised stays promised; with its file it goes on."
    )
    return Spelled(community, (), (Said(text, alarming=True),))


def summary(plan: Plan) -> str:
    """The plan in one sentence."""
    if not plan.proposals and not plan.pausing:
        return "The files say what is in force: nothing would change."
    weaker = sum(1 for one in plan.proposals if one.weakening)
    told = f"{counted(len(plan.proposals), 'policy', 'policies')} would change"
    if plan.pausing:
        told += f", {counted(len(plan.pausing), 'community', 'communities')} would pause"
    if weaker or plan.pausing:
        told += f"; {weaker + len(plan.pausing)} promising less: that needs a recorded consent"
    return f"{told}. Nothing changed now."


def _one(proposal: Proposal) -> Spelled:
    held = (
        f"{counted(proposal.versions, 'AIP version')}, {format_size(proposal.octets)}"
        if proposal.versions
        else "nothing held yet"
    )
    new = "" if proposal.previous else ", its first policy"
    new += ", paused until now" * proposal.resumes
    grids = [_changes(proposal), *_replicas(proposal.effects), *_formats(proposal.effects)]
    return Spelled(
        f"{proposal.title} ({proposal.community}): {held}{new}",
        tuple(grid for grid in grids if grid.rows),
        tuple(_sentences(proposal)),
    )


def _changes(proposal: Proposal) -> Grid:
    return Grid(
        "What would change",
        ("promise", "in force", "proposed", ""),
        tuple(
            (one.path, _brief(one.before), _brief(one.after), "weakening" * one.weakening)
            for one in proposal.changes
        ),
    )


def _replicas(effects: Effects) -> Iterator[Grid]:
    columns = ("tier", "what", ">replicas", ">bytes", ">stored, a year", ">read, once", "by when")
    make = [
        (
            one.tier,
            "make (due already)" if one.already else "make",
            f"{one.replicas:,}",
            format_size(one.octets),
            str(one.stored),
            str(one.read),
            f"{_time(one.within)} after ingest or `apply`",
        )
        for one in effects.making
    ]
    retire = [
        (
            one.tier,
            "not promised any more",
            f"{one.replicas:,}",
            format_size(one.octets),
            str(one.stored),
            "",
            "stays until retention retires it",
        )
        for one in effects.retiring
    ]
    yield Grid("Replicas", columns, (*make, *retire))


def _formats(effects: Effects) -> Iterator[Grid]:
    yield Grid(
        "Formats held that would be refused from now on (what is held stays)",
        ("PUID", "MIME type", "name", ">files", ">AIP versions"),
        tuple(
            (one.puid or "none", one.mime, one.name, f"{one.files:,}", f"{one.versions:,}")
            for one in effects.refused
        ),
    )


def _sentences(proposal: Proposal) -> Iterator[Said]:
    effects = proposal.effects
    yield Said(f"Independence: {effects.independence[1]}.", ": " in effects.independence[1])
    if proposal.versions:
        yield from _elsewhere(proposal)
        yield from _compliance(proposal)
        yield from _deadlines(effects)
        yield from _budget(effects)
        yield from _disposals(effects)
        for tier, count in effects.repacked.items():
            text = (
                f"{counted(count, 'replica')} on {tier} stay packed as they are; new ones will not."
            )
            yield Said(text)
        yield Said(
            f"Keeping costs, a year: as it is, {effects.stored_before}; "
            f"with everything promised made, {effects.stored_after}."
        )
        if effects.checked_before or effects.checked_after:
            yield Said(
                f"Reading for checks costs, a year: as it is, {effects.checked_before}; "
                f"with everything promised made, {effects.checked_after}."
            )


def _elsewhere(proposal: Proposal) -> Iterator[Said]:
    for one in proposal.changes:
        table, _, rest = one.path.partition(".")
        tier, _, field = rest.partition(".")
        if table == "tiers" and field in _ADDRESS and one.old is not None and proposal.previous:
            text = (
                f"{tier} is declared at another place ({one.after}): it has to be there already, "
                "with its marker and every replica, or `apply` refuses."
            )
            yield Said(text, alarming=True)


def _compliance(proposal: Proposal) -> Iterator[Said]:
    found = proposal.effects.compliance
    if not found.reachable:
        text = (
            "The promised tiers do not come to the promised minimum even with every replica made:"
            " they are not independent enough."
        )
        yield Said(text, alarming=True)
    if found.after:
        fallen = f"; above it today: {found.falling:,}" if found.falling else ""
        what = counted(found.after, "AIP version is", "AIP versions are")
        text = f"{what} below the proposed minimum until replicas are made and read back{fallen}."
        yield Said(text, alarming=found.falling > 0)
    else:
        yield Said("No AIP version falls below the proposed minimum.")


def _deadlines(effects: Effects) -> Iterator[Said]:
    for one in effects.moving:
        more = max(0, one.overdue_after - one.overdue_before)
        text = (
            f"Checks on {one.tier} may be {_time(one.after)} old, not {_time(one.before)}: "
            f"{one.overdue_after:,} overdue at once, by the policy in force {one.overdue_before:,}."
        )
        yield Said(text, alarming=more > 0)


def _budget(effects: Effects) -> Iterator[Said]:
    found = effects.feasibility
    needed, budget = format_size(found.needed), format_size(found.budget)
    if found.met:
        yield Said(f"Audits have to read {needed} a run; the budget is {budget}.")
    else:
        text = (
            f"The audit budget does not suffice: {needed} have to be read a run, and {budget} may. "
            f"Checks would get as old as {found.percent} % of what is promised."
        )
        yield Said(text, alarming=True)


def _disposals(effects: Effects) -> Iterator[Said]:
    found = effects.disposing
    if found.before or found.after:
        what = counted(found.after, "AIP version is", "AIP versions are")
        text = (
            f"{what} due for disposal at once ({format_size(found.octets)}), by the policy in "
            f"force {found.before:,}. Nothing is disposed of without approvals."
        )
        yield Said(text, alarming=found.after > found.before)


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… (--json has all of it)"


def _time(seconds: int) -> str:
    return format_duration(timedelta(seconds=seconds))
