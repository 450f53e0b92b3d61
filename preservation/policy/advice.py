"""Advice: what is allowed, and yet not what anybody can want."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from preservation.model.units import format_size
from preservation.policy.feasible import feasibility
from preservation.policy.policy import Policy


def advice(effective: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Sentences about effective policies, each with its community; empty if all is well."""
    return [
        f"{name}: {told}"
        for name, document in sorted(effective.items())
        for told in _about(Policy.from_effective(document))
    ]


def _about(policy: Policy) -> Iterator[str]:
    """How much the audit budget is enough for, against the largest deposit that is allowed."""
    ages = {tier: rule.max_age for tier, rule in policy.audit.tiers.items()}
    largest = policy.intake.limits.octets
    once = dict.fromkeys(ages, largest)
    found = feasibility(once, ages, policy.audit.schedule, policy.audit.budget)
    if not found.met:
        enough = largest * found.budget // found.needed
        yield (
            f"the audit budget of {format_size(found.budget)} a run keeps the promised ages for up "
            f"to {format_size(enough)} held, and one deposit may have {format_size(largest)}; "
            "raise audit.budget or max_age, or lower intake.limits.size"
        )
