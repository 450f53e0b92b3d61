"""Since when something is promised, and by when: by the policies that governed one after another.

A promise that a later policy made is not broken since the days before it; one that a later policy
made stricter is broken as soon as the earlier one was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from preservation.model.deferred import dataclass
from preservation.policy.policy import Policy

EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Governed:
    """A policy of a community, and since when it governed."""

    since: datetime
    policy: Policy


Past = Callable[[], Iterable[Governed]]  # of one community, newest first; the first is in force


@dataclass(frozen=True, slots=True)
class Term:
    """Something is promised within a span, and has been since a moment."""

    since: datetime
    within: timedelta

    def due(self, begun: datetime) -> datetime:
        """By when it is to be, of what begun at a moment."""
        return max(begun, self.since) + self.within


def terms(past: Past, within: Callable[[Policy], timedelta | None]) -> list[Term]:
    """The terms that hold for a promise: the one in force, and longer ones that it made stricter.

    Args:
        within: what a policy promises; None if it does not.
    """
    found: list[Term] = []
    for one in past():
        span = within(one.policy)
        if span is None:
            break
        if found and span <= found[-1].within:  # what an hour is enough for, a day is, too
            found[-1] = Term(one.since, found[-1].within)
        else:
            found.append(Term(one.since, span))
    return found


def since_when(past: Past, promised: Callable[[Policy], bool]) -> datetime:
    """The moment since which every policy promised something; ``EVER`` if none does."""
    since = EVER
    for one in takewhile(lambda one: promised(one.policy), past()):
        since = one.since
    return since
