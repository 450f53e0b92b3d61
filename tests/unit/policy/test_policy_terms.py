"""Since when something is promised, by the policies that governed one after another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from preservation.policy.terms import EVER, Governed, Past, Term, since_when, terms

T0 = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _past(*within: int | None) -> Past:
    """Policies newest first, each governing since the first of a year: the oldest since 2030."""
    years = range(2030 + len(within) - 1, 2029, -1)
    made: list[Any] = [
        SimpleNamespace(within=None if days is None else days * DAY) for days in within
    ]
    return lambda: [
        Governed(T0.replace(year=year), policy) for year, policy in zip(years, made, strict=True)
    ]


def _terms(*within: int | None) -> list[tuple[int, int]]:
    found = terms(_past(*within), lambda policy: policy.within)  # type: ignore[attr-defined]
    return [(term.since.year, term.within.days) for term in found]


def test_a_promise_holds_since_the_policy_that_made_it_without_a_gap() -> None:
    assert _terms(1, 1, None, 1) == [(2032, 1)]
    assert _terms(None, 1) == []


def test_what_is_made_stricter_stays_promised_as_it_was() -> None:
    assert _terms(1, 7) == [(2031, 1), (2030, 7)]
    assert _terms(1, 7, 1) == [(2032, 1), (2030, 7)]


def test_what_is_made_weaker_was_promised_before() -> None:
    assert _terms(7, 1) == [(2030, 7)]


def test_nothing_is_due_before_its_time_after_the_promise() -> None:
    assert Term(T0, 7 * DAY).due(T0 - 100 * DAY) == T0 + 7 * DAY
    assert Term(EVER, 7 * DAY).due(T0) == T0 + 7 * DAY


def test_since_when_ends_at_the_first_policy_that_did_not() -> None:
    past = _past(3, 3, 2, 3)

    assert since_when(past, lambda policy: policy.within >= 3 * DAY).year == 2032  # type: ignore[attr-defined]
    assert since_when(past, lambda policy: policy.within >= 4 * DAY) == EVER  # type: ignore[attr-defined]
