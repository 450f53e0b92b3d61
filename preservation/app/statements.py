"""What a report says besides checks: drills, brakes, how long is kept, who may see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from preservation.app.drilling import drill_words
from preservation.app.keeping import keeping_words
from preservation.app.parts import Parts
from preservation.catalogue.brake import brakes
from preservation.catalogue.custody import AccessState
from preservation.policy.policy import Policy
from preservation.reports.rows import StatementLine
from preservation.reports.words import listed


def statements(parts: Parts, policy: Policy) -> list[StatementLine]:
    """All of it, a sentence a line."""
    told = {
        "drill": drill_words(parts, policy),
        "brake": _brake_words(parts, policy),
        "retention": keeping_words(parts, policy),
        "access": _access_words(parts, policy),
    }
    return [StatementLine(about, words) for about, some in told.items() for words in some]


def _brake_words(parts: Parts, policy: Policy) -> Iterator[str]:
    for row in brakes(parts.catalogue, policy.community):
        yield (
            f"Automatic repair on {row.tier} waits for an answer since "
            f"{row.opened_at:%Y-%m-%d %H:%M} UTC: {row.message}. Next: {row.hint}"
        )


def _access_words(parts: Parts, policy: Policy) -> Iterator[str]:
    now = parts.clock.now()
    said = Counter(
        row.state.value
        for row in parts.catalogue.custody.all_access()
        if row.community == policy.community
        and row.state is not AccessState.OPEN
        and (row.until is None or row.until > now)
    )
    if said:
        told = listed([f"{number:,} {state}" for state, number in sorted(said.items())])
        yield f"Of AIPs or single versions {told}: their replicas are kept and counted here."
