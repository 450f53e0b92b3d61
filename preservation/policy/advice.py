"""Advice: what is allowed, and yet not what anybody can want."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from preservation.model.units import format_size
from preservation.policy.feasible import feasibility
from preservation.policy.policy import Policy


def advice(
    effective: Mapping[str, Mapping[str, Any]], held: Mapping[str, int] | None = None
) -> list[str]:
    """Sentences about effective policies, each with its community; empty if all is well.

    Args:
        held: community -> octets of payload that it holds, where that is known.
    """
    return [
        f"{name}: {told}"
        for name, document in sorted(effective.items())
        for told in _about(Policy.from_effective(document), (held or {}).get(name, 0))
    ]


def _about(policy: Policy, held: int) -> Iterator[str]:
    """Whether the audit budget is enough for what is held; else how much it is enough for,
    against the largest deposit that is allowed.
    """
    ages = {tier: rule.max_age for tier, rule in policy.audit.tiers.items()}
    plan, promised = policy.audit, [rule.tier for rule in policy.replicas]
    today = feasibility(dict.fromkeys(promised, held), ages, plan.schedule, plan.budget)
    if not today.met:
        yield (
            f"the audit budget of {format_size(today.budget)} a run does not suffice for the "
            f"{format_size(held)} held: {format_size(today.needed)} have to be read a run, so "
            f"checks get as old as {today.percent} % of what is promised; raise audit.budget or "
            "max_age"
        )
        return
    largest = policy.intake.limits.octets
    found = feasibility(dict.fromkeys(promised, largest), ages, plan.schedule, plan.budget)
    if not found.met:
        enough = largest * found.budget // found.needed
        yield (
            f"the audit budget of {format_size(found.budget)} a run keeps the promised ages for up "
            f"to {format_size(enough)} held, and one deposit may have {format_size(largest)}; "
            "raise audit.budget or max_age, or lower intake.limits.size"
        )
