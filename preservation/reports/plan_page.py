"""A policy plan as one self-contained page, like a report."""

from __future__ import annotations

from preservation.model.clock import stamp
from preservation.policy.plan import Plan
from preservation.policy.spelled import spelled, summary
from preservation.reports.page import render


def plan_page(plan: Plan) -> bytes:
    """Draw a plan."""
    return render(
        "plan.html.j2",
        at=stamp(plan.at),
        summary=summary(plan),
        parts=spelled(plan),
    )
