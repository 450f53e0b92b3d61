"""A look ahead: what each night will read, what will be overdue, how old checks will get.

The nights are lived through by the planner's own rule (``preservation.audit.rhythm``), over cohorts
instead of replicas: all that was last checked on one day, and has its first turn in the same part
of the lots, moves together. A cohort that the budget cannot pay for is parted. So ten years over
a million AIPs are a matter of seconds, and of no memory.

What it leaves out: single large replicas (a cohort can be parted anywhere), requests and money,
samples, and whatever goes wrong.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from preservation.audit.planner import BRING_FORWARD, rhythms
from preservation.audit.rhythm import LOTS, Rhythm
from preservation.catalogue.ages import PARTS, Cohort
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.policy.policy import Policy

YEAR = 365
_DAY = timedelta(days=1)


class Night(NamedTuple):
    """One tier after one night.

    Attributes:
        octets: read.
        overdue: replicas whose check is older than promised.
        age: of the oldest check, in days.
    """

    octets: int
    overdue: int
    age: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """The nights to come, tier by tier.

    Attributes:
        growth: octets that are expected to come in, on each tier, in a year.
        all_digests: how often all digests are compared, on tiers where they are.
    """

    community: str
    began: datetime
    gap: timedelta
    budget: int
    growth: int
    ages: Mapping[str, timedelta]
    tiers: Mapping[str, tuple[Night, ...]]
    all_digests: Mapping[str, timedelta] = field(default_factory=dict)

    def first_overdue(self, tier: str) -> datetime | None:
        """When the first check will be older than promised; None if none will."""
        nights = enumerate(self.tiers[tier], 1)
        return next((self.began + n * self.gap for n, one in nights if one.overdue), None)

    def to_json(self) -> dict[str, Any]:
        """As documents show it: one list for each figure, a number for each night."""
        return {
            "community": self.community,
            "from": stamp(self.began),
            "seconds_between_runs": int(self.gap.total_seconds()),
            "budget_bytes_per_run": self.budget,
            "growth_bytes_per_year": self.growth,
            "tiers": {tier: self._tier(tier) for tier in self.tiers},
        }

    def _tier(self, tier: str) -> dict[str, Any]:
        nights, first = self.tiers[tier], self.first_overdue(tier)
        return {
            "max_age_days": self.ages[tier] / _DAY,
            "all_digests_days": self.all_digests[tier] / _DAY if tier in self.all_digests else None,
            "effective_age_days": round(max((one.age for one in nights), default=0.0), 1),
            "first_overdue": None if first is None else stamp(first),
            "bytes": [one.octets for one in nights],
            "overdue": [one.overdue for one in nights],
            "oldest_check_days": [round(one.age, 1) for one in nights],
        }


@dataclass(slots=True)
class _Heap:
    """Cohorts of one tier by their turn: [turn, aged, octets, replicas], in nights from now."""

    rows: list[list[float]] = field(default_factory=list)

    @property
    def turn(self) -> float:
        return self.rows[0][0] if self.rows else float("inf")

    @property
    def aged(self) -> float:
        return self.rows[0][1] if self.rows else float("inf")


@dataclass(slots=True)
class _Ages:
    """How many replicas have which age: kept along, for over ten years of too small a budget there
    are a hundred thousand cohorts. Ages are added from the oldest on.
    """

    order: list[float] = field(default_factory=list)
    held: dict[float, list[float]] = field(default_factory=dict)  # aged -> cohorts, replicas
    first: int = 0  # in the order, of those that are left
    passed: int = 0  # in the order, how many are overdue
    overdue: float = 0.0

    def add(self, aged: float, replicas: float) -> None:
        one = self.held.get(aged)
        if one is None:
            one = self.held[aged] = [0, 0.0]
            self.order.append(aged)
        one[0] += 1
        one[1] += replicas

    def take(self, aged: float, replicas: float, *, is_last: bool) -> None:
        """Some replicas were read; ``is_last`` of their cohort."""
        one = self.held[aged]
        one[0] -= is_last
        one[1] -= replicas
        if self.passed and aged <= self.order[self.passed - 1]:
            self.overdue -= replicas

    def oldest(self) -> float:
        """The longest ago; infinity if there are none."""
        while self.first < len(self.order) and not self.held[self.order[self.first]][0]:
            self.first += 1
        return self.order[self.first] if self.first < len(self.order) else float("inf")

    def before(self, moment: float) -> float:
        """How many replicas are older; moments only go on."""
        while self.passed < len(self.order) and self.order[self.passed] < moment:
            self.overdue += self.held[self.order[self.passed]][1]
            self.passed += 1
        return self.overdue


class _Tier:
    """One tier, night after night."""

    def __init__(self, rhythm: Rhythm, cohorts: Iterable[Cohort], began: datetime) -> None:
        self.rhythm, gap = rhythm, rhythm.gap
        self.period, self.max_age = rhythm.period / gap, rhythm.max_age / gap
        self.old, self.young, self.ages = _Heap(), _Heap(), _Ages()
        self.octets = self.replicas = 0.0
        self.read = self.replicas_read = 0.0
        epoch = datetime.fromtimestamp(0, began.tzinfo)
        for one in sorted(cohorts, key=lambda one: one.day):
            aged = min(0.0, (epoch + (one.day + 1) * _DAY - began) / gap)
            self._add(aged, one.young, one.part, one.octets, one.replicas)

    def _add(self, aged: float, young: bool, part: int, octets: float, replicas: float) -> None:
        self.octets += octets
        self.replicas += replicas
        if not young:
            self._push(self.old, aged + self.period, aged, octets, replicas)
            return
        lot = (part * LOTS // PARTS + self.rhythm.shift) % LOTS
        self._push(self.young, aged + self.period * lot / LOTS, aged, octets, replicas)

    def _push(self, heap: _Heap, turn: float, aged: float, octets: float, replicas: float) -> None:
        if octets > 0 or replicas > 0:
            heapq.heappush(heap.rows, [turn, aged, octets, replicas])
            self.ages.add(aged, replicas)

    def grow(self, night: int, octets: float, replicas: float) -> None:
        """What comes in during a night."""
        for part in range(PARTS) if octets else ():
            self._add(night, True, part, octets / PARTS, replicas / PARTS)

    def late(self, night: int) -> _Heap | None:
        """The cohorts that come before all others; None if there are none."""
        heap = min((self.old, self.young), key=lambda one: one.aged)
        bound = self.rhythm.late_before(_ZERO) - _ZERO
        return heap if heap.aged < night + bound / self.rhythm.gap else None

    def next(self, night: int) -> tuple[float, _Heap] | None:
        """The cohorts whose turn is next, as far as tonight may read them."""
        heap = min((self.old, self.young), key=lambda one: one.turn)
        tonight = night + 1
        if heap.turn < tonight:
            return heap.turn, heap
        wanted = self.octets * min(1.0, 1 / self.period)
        if heap.turn < tonight + self.period / BRING_FORWARD and self.read < wanted:
            return heap.turn, heap
        return None

    def take(self, heap: _Heap, most: float, night: int) -> float:
        """Read the first cohort of a heap, or as much of it as is paid for."""
        first = heap.rows[0]
        turn, aged, octets, replicas = first
        if turn >= night + 1:  # brought forward: no more than the even share
            most = min(most, max(1.0, self.octets / self.period - self.read))
        part = min(1.0, most / octets) if octets else 1.0
        if part < 1.0:  # it stays the first
            first[2:] = octets * (1 - part), replicas * (1 - part)
        else:
            heapq.heappop(heap.rows)
        self.ages.take(aged, replicas * part, is_last=part == 1.0)
        self.read += octets * part
        self.replicas_read += replicas * part
        return octets * part

    def end(self, night: int) -> Night:
        """Put back what was read, and say how things are."""
        octets, replicas = self.read, self.replicas_read
        self._push(self.old, night + self.period, night, octets, replicas)
        self.read = self.replicas_read = 0.0
        oldest, overdue = self.ages.oldest(), self.ages.before(night - self.max_age)
        age = 0.0 if oldest == float("inf") else (night - oldest) * (self.rhythm.gap / _DAY)
        return Night(round(octets), max(0, round(overdue)), max(0.0, age))


_ZERO = datetime(1970, 1, 1)  # noqa: DTZ001 - only differences are taken


def forecast(
    policy: Policy,
    cohorts: Iterable[Cohort],
    began: datetime,
    *,
    nights: int = YEAR,
    growth: int = 0,
) -> Outlook:
    """Live through so many runs of the policy's schedule.

    Args:
        cohorts: everything that is held (``Turns.cohorts``).
        growth: octets a year that come in, on each tier.
    """
    every = list(cohorts)
    rhythm_of = rhythms(policy)
    tiers = {
        tier: _Tier(rhythm, (one for one in every if one.tier == tier), began)
        for tier, rhythm in rhythm_of.items()
    }
    gap = next(iter(rhythm_of.values())).gap
    told: dict[str, list[Night]] = {tier: [] for tier in tiers}
    each_night = growth * (gap / timedelta(days=365.25))
    for night in range(1, nights + 1):
        for tier in tiers.values():
            mean = tier.octets / tier.replicas if tier.replicas else 0.0
            tier.grow(night, each_night, each_night / mean if mean else 0.0)
        _read(tiers.values(), policy.audit.budget, night)
        for name, tier in tiers.items():
            told[name].append(tier.end(night))
    return Outlook(
        community=policy.community,
        began=began,
        gap=gap,
        budget=policy.audit.budget,
        growth=growth,
        ages={tier: rule.max_age for tier, rule in policy.audit.tiers.items()},
        tiers={tier: tuple(rows) for tier, rows in told.items()},
        all_digests={
            tier: rule.all_digests for tier, rule in policy.audit.tiers.items() if rule.all_digests
        },
    )


def _read(tiers: Iterable[_Tier], budget: float, night: int) -> None:
    """One night: the late ones of all tiers first, then turn by turn."""
    left = budget
    for wanted in (_latest, _soonest):
        for tier, heap in wanted(list(tiers), night):
            left -= tier.take(heap, left, night)
            if left < 1:
                return


def _latest(tiers: list[_Tier], night: int) -> Iterator[tuple[_Tier, _Heap]]:
    while True:
        late = [(tier, heap) for tier in tiers if (heap := tier.late(night)) is not None]
        if not late:
            return
        yield min(late, key=lambda one: (one[1].aged - night) / one[0].max_age)


def _soonest(tiers: list[_Tier], night: int) -> Iterator[tuple[_Tier, _Heap]]:
    while True:
        found = [(one, *due) for one in tiers if (due := one.next(night)) is not None]
        if not found:
            return
        tier, _, heap = min(found, key=lambda one: (one[1] - night) / one[0].period)
        yield tier, heap
