"""Whether a nightly budget can meet the promised ages of evidence.

With budget B a run, runs every I, S octets on a tier and a maximum age of T, every octet has to be
read once in T: a run has to read the sum of S·I/T over the tiers. Nine tenths of the budget are
reckoned with; the rest is for retries and for what is nearly due. A budget that is too small does
not fail at once: ages stretch by the same factor, and stay there.

Source: Samarkand's notes on integrity, audit planning; crontab(5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

from preservation.model.deferred import dataclass
from preservation.policy import cron

USABLE = 9, 10  # of the budget
_YEARS = range(2024, 2032)  # leap years and all weekdays of the first of January
_MINUTES, _HOURS, _DAYS, _MONTHS, _WEEKDAYS = range(5)
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What a run has to read, and what it may.

    Attributes:
        needed: octets a run, with everything promised in place.
        budget: octets a run.
    """

    needed: int
    budget: int

    @property
    def met(self) -> bool:
        """Whether the budget suffices."""
        return self.needed <= self.budget

    @property
    def percent(self) -> int:
        """How old checks get, of what is promised, in percent; 100 where the budget suffices."""
        return 100 if self.met else -(-self.needed * 100 // self.budget)

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "needed_bytes_per_run": self.needed,
            "budget_bytes_per_run": self.budget,
            "met": self.met,
            "age_percent": self.percent,
        }


def feasibility(
    octets: Mapping[str, int], ages: Mapping[str, timedelta], schedule: str, budget: int
) -> Feasibility:
    """Hold a budget against what is to be read.

    Args:
        octets: tier -> octets kept there.
        ages: tier -> the promised maximum age.
    """
    runs = runs_in_a_year(schedule)
    year = int(timedelta(days=365.25).total_seconds())
    yearly = sum(
        octets.get(tier, 0) * year // int(age.total_seconds()) for tier, age in ages.items()
    )
    part, whole = USABLE
    return Feasibility(-(-yearly * whole // (part * runs)), budget)


@lru_cache(maxsize=1024)
def runs_in_a_year(schedule: str) -> int:
    """How often a schedule comes in a year, on average; at least once."""
    fields = _fields(schedule)
    days = sum(1 for _ in _dates(fields))
    return max(1, days * len(fields[_HOURS]) * len(fields[_MINUTES]) // len(_YEARS))


@lru_cache(maxsize=1024)
def longest_gap(schedule: str) -> timedelta:
    """The longest time between two runs of a schedule."""
    fields = _fields(schedule)
    minutes = sorted(60 * hour + minute for hour in fields[_HOURS] for minute in fields[_MINUTES])
    inside = max((b - a for a, b in pairwise(minutes)), default=0)
    days = list(_dates(fields))
    between = max(((b - a).days for a, b in pairwise(days)), default=366)
    over_night = between * 24 * 60 - minutes[-1] + minutes[0]
    return timedelta(minutes=max(inside, over_night))


def _dates(fields: list[set[int]]) -> Iterator[date]:
    """The days on which it runs, over some years. Of day and weekday, either is enough where
    both are restricted (crontab(5)).
    """
    any_day, any_weekday = len(fields[_DAYS]) == 31, len(fields[_WEEKDAYS] - {7}) == 7
    day, last = date(_YEARS[0], 1, 1), date(_YEARS[-1], 12, 31)
    while day <= last:
        of_month = day.day in fields[_DAYS]
        of_week = day.isoweekday() % 7 in fields[_WEEKDAYS]
        both = of_month and of_week if any_day or any_weekday else of_month or of_week
        if day.month in fields[_MONTHS] and both:
            yield day
        day += timedelta(days=1)


def _fields(schedule: str) -> list[set[int]]:
    numbers = [
        cron.numbers(field, *bounds)
        for field, bounds in zip(schedule.split(" "), _BOUNDS, strict=True)
    ]
    if 7 in numbers[_WEEKDAYS]:
        numbers[_WEEKDAYS].add(0)
    return numbers
