"""Drills, sweeping, statements of other holders, and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preservation.errors import SamarkandError
from preservation.model.finding import is_fatal
from preservation.model.progress import Progress
from preservation.orchestration.work.common import Json, policy_of, tell

if TYPE_CHECKING:
    from preservation.app.parts import Parts


def drills_due(parts: Parts) -> list[Json]:
    """The communities whose policy asks for a drill now."""
    from preservation.app.drilling import drill_is_due

    policies = [parts.store.governing(name) for name in sorted(parts.store.in_force())]
    return [
        {"community": policy.community, "label": policy.title["en"], "policy": policy.ref}
        for policy in policies
        if drill_is_due(parts, policy)
    ]


def drill(parts: Parts, one: Json, progress: Progress) -> Json:
    """Hold one drill. What it missed is a finding, and the task that found it has succeeded."""
    from preservation.app import drilling

    policy = policy_of(parts, one["policy"])
    if not drilling.drill_is_due(parts, policy):  # a retry of what was held
        return {"passed": True, "said": "was held already"}
    done = drilling.drill(parts, policy, progress)
    if not done.score.passed:
        tell(drilling.failed(policy.community, done.score))
    return {"passed": done.score.passed, "said": done.score.sentence}


def sweep(parts: Parts, progress: Progress) -> int:
    """Remove what was left behind; how many things that were."""
    from preservation.app.sweeping import sweep as swept

    return len(swept(parts, progress))


def holders(parts: Parts) -> list[Json]:
    """The others' tiers that policies in force ask for statements."""
    return [{"tier": name, "label": name} for name in sorted(parts.sources)]


def ask_holder(parts: Parts, one: Json, progress: Progress) -> Json:
    """Ask one holder about the packages whose last statement is old."""
    name = one["tier"]
    lines = sorted(parts.store.in_force())
    policies = (parts.store.governing(community) for community in lines)
    policy = next(policy for policy in policies if name in policy.statements)
    asked = parts.statements.ask(policy, parts.sources[name], progress)
    for finding in asked.findings:
        tell(finding)
    return {"outcomes": dict(asked.outcomes), "fresh": asked.fresh}


def look_at(parts: Parts, tier: str) -> str:
    """Look at a tier, and give it what it lacks of the journal, if it keeps a copy.

    Raises:
        TierUnavailableError: it is away, or not itself.
        SamarkandError: ``JRN-DIFFERS``, as :func:`drain`.
    """
    domain = parts.look_at(tier)
    if tier in parts.keepers:
        drain(parts, only=tier)
    return domain


def drain(parts: Parts, *, only: str | None = None) -> Json:
    """Make events durable outside the catalogue.

    Raises:
        SamarkandError: ``JRN-DIFFERS``: a copy on a tier is not what we wrote. A tier that is
            away is served by the next drain, and only logged.
    """
    drained = parts.drain(only=only)
    for finding in drained.findings:
        tell(finding)
    if is_fatal(drained.findings):
        raise SamarkandError(
            "the journal and a copy of it say different things",
            hint="the findings above name the files: compare them before anything else",
            code="JRN-DIFFERS",
        )
    return {"events": drained.events, "copied": dict(drained.copied)}
