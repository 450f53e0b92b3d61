"""What a night reads: the most pressing first, tier beside tier, until the budget is spent.

The rule is ``preservation.audit.rhythm``'s; here the candidates are asked for in its order, page
by page, so that planning costs what is taken and not what is held. Classes come before each
other (:class:`Reason`); within one, the replica that has used most of its age comes first.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import chain
from typing import NamedTuple, Protocol

from preservation.audit.purse import Purse
from preservation.audit.rhythm import Rhythm
from preservation.catalogue.drawings import Item
from preservation.catalogue.turns import Aim, Held, Turn
from preservation.model.outcome import Level
from preservation.model.replica import ReplicaState
from preservation.policy.audit_plan import AuditRule
from preservation.policy.feasible import runs_in_a_year
from preservation.policy.policy import Policy

_YEAR = timedelta(days=365.25)
_NEVER = datetime.max.replace(tzinfo=UTC)
_SKEW = timedelta(hours=1)  # that clocks of two hosts may differ
BRING_FORWARD = 8  # the part of a period by which a turn may be brought forward
_SHARES = 4  # nights' shares of young replicas that a night looks at
_LEAST = 1_000  # young replicas that a night looks at, at least


class Turns(Protocol):
    """Whose turn it is: ``preservation.catalogue.turns``."""

    def oldest_first(
        self,
        community: str,
        tier: str,
        *,
        young: bool,
        before: datetime,
        since: datetime | None = None,
    ) -> Iterator[Turn]: ...

    def by_lot(
        self,
        community: str,
        tier: str,
        period: timedelta,
        shift: int,
        before: datetime,
        limit: int,
    ) -> list[Turn]: ...

    def siblings(self, community: str) -> list[Turn]: ...

    def in_state(self, community: str, tier: str, state: ReplicaState) -> list[Turn]: ...

    def weaker(self, community: str, tier: str, level: Level) -> list[Turn]: ...

    def drawn(self, community: str, tier: str, aim: Aim, count: int) -> list[Turn]: ...

    def still_unread(
        self, community: str, tier: str, items: Sequence[Item], since: datetime
    ) -> list[Turn]: ...


class Drawings(Protocol):
    """What was drawn by lot before: ``preservation.catalogue.drawings``."""

    def last(self, community: str, tier: str) -> tuple[datetime, list[Item]] | None: ...


class Reason(Enum):
    """Why a replica is read tonight, the most pressing first."""

    SAMPLE = "drawn by lot"
    SIBLING = "damage was found in another replica"
    BRAKED = "damaged, on a tier whose repair waits"
    FUTURE = "last checked later than now: a clock was wrong"
    LATE = "near its deadline"
    UNREAD = "never read back"
    WEAK = "checked more weakly than promised"
    TURN = "its turn"
    SHARE = "brought forward"


_RANK = {reason: rank for rank, reason in enumerate(Reason)}


class Chosen(NamedTuple):
    """A replica that is to be read.

    Attributes:
        rank: of its reason.
        urgency: less is more pressing.
    """

    rank: int
    urgency: float
    turn: Turn
    reason: Reason


class Planner:
    """Plans one night of one community.

    Args:
        held: how much is on each tier.
        braked: tiers whose automatic repair waits for a person.

    Attributes:
        drawn: by lot for this night, and not before, by tier: whoever goes on to read keeps it.
    """

    def __init__(
        self,
        turns: Turns,
        drawings: Drawings,
        policy: Policy,
        held: Mapping[str, Held],
        now: datetime,
        braked: frozenset[str] = frozenset(),
    ) -> None:
        self._turns, self._policy, self._held = turns, policy, held
        self._now, self._braked = now, braked
        self._drawings = drawings
        self._rhythms = rhythms(policy)
        self.drawn: dict[str, list[Turn]] = {}

    def night(self, purse: Purse, only: str | None = None) -> Iterator[Chosen]:
        """What to read, the most pressing first, as far as the purse pays."""
        tiers = [
            tier for tier in self._policy.audit.tiers if tier in self._held and only in (None, tier)
        ]
        siblings = self._turns.siblings(self._policy.community) if tiers else []
        closed: set[str] = set()  # tiers for which requests or money are lacking
        streams = [self._tier(tier, siblings, closed) for tier in tiers]
        # Reasons and turns are told apart by rank and urgency; of equals the first tier comes.
        for one in heapq.merge(*streams, key=lambda one: (one.rank, one.urgency)):
            if one.turn.tier in closed:
                continue
            octets = purse.cost(one.turn)
            if purse.pays(one.turn.tier, octets):
                yield one
            elif purse.lacks_octets(octets):
                return
            else:  # other tiers may cost less, or nothing
                closed.add(one.turn.tier)

    def _tier(
        self, tier: str, siblings: Iterable[Turn], closed: AbstractSet[str]
    ) -> Iterator[Chosen]:
        """A tier's candidates in order; ends where its even share is taken and nothing is due, or
        once it is closed.
        """
        rhythm, rule = self._rhythms[tier], self._policy.audit.tiers[tier]
        share, taken = rhythm.share(self._held[tier].octets), 0
        seen: set[tuple[str, int]] = set()
        pressing = (
            self._sample(tier, rule, rhythm),
            self._because(Reason.SIBLING, (one for one in siblings if one.tier == tier)),
            self._braked_ones(tier),
            self._from_the_future(tier),
            self._late(tier, rhythm),
            self._because(Reason.UNREAD, self._in_state(tier, ReplicaState.WRITTEN)),
            self._because(
                Reason.WEAK, self._turns.weaker(self._policy.community, tier, rule.level)
            ),
            self._in_turn(tier, rhythm),
        )
        for one in chain.from_iterable(pressing):
            name = one.turn.aip, one.turn.version
            if name in seen:
                continue
            if tier in closed:
                return
            if one.reason is Reason.SHARE and taken >= share:
                return
            seen.add(name)
            taken += one.turn.octets
            yield one

    def _sample(self, tier: str, rule: AuditRule, rhythm: Rhythm) -> Iterator[Chosen]:
        """Those that were drawn in this span and are not read yet (a run was cut short, a cold
        replica is on its way), or new ones.
        """
        community = self._policy.community
        if not rule.sample:
            return
        last = self._drawings.last(community, tier)
        if last is not None and rhythm.drawing(rule, self._now) <= last[0] <= self._now:
            at, items = last
            drawn = self._turns.still_unread(community, tier, items, at)
        else:
            drawn = self._turns.drawn(community, tier, Aim(), rule.sample)
            self.drawn[tier] = drawn
        yield from self._because(Reason.SAMPLE, drawn)

    def _braked_ones(self, tier: str) -> Iterator[Chosen]:
        """A mount may have come back: what was damaged is looked at until repair may go on."""
        if tier in self._braked:
            yield from self._because(Reason.BRAKED, self._in_state(tier, ReplicaState.DAMAGED))

    def _from_the_future(self, tier: str) -> Iterator[Chosen]:
        """What a clock that was ahead has dated: nobody knows how old that evidence is."""
        later = self._now + _SKEW
        for young in (False, True):
            walk = self._turns.oldest_first(
                self._policy.community, tier, young=young, before=_NEVER, since=later
            )
            yield from self._because(Reason.FUTURE, walk)

    def _late(self, tier: str, rhythm: Rhythm) -> Iterator[Chosen]:
        before = rhythm.late_before(self._now)
        walks = [
            self._turns.oldest_first(self._policy.community, tier, young=young, before=before)
            for young in (False, True)
        ]
        for turn in heapq.merge(*walks, key=lambda turn: turn.aged_from):
            urgency = (turn.aged_from - self._now) / rhythm.max_age
            yield Chosen(_RANK[Reason.LATE], urgency, turn, Reason.LATE)

    def _in_turn(self, tier: str, rhythm: Rhythm) -> Iterator[Chosen]:
        """Those whose turn it is, and then those whose turn comes next."""
        tonight = self._now + rhythm.gap
        ahead = tonight + rhythm.period / BRING_FORWARD
        community, late = self._policy.community, rhythm.late_before(self._now)
        limit = max(_LEAST, _SHARES * rhythm.share(self._held[tier].replicas))
        aged = self._turns.oldest_first(
            community, tier, young=False, before=ahead - rhythm.period, since=late
        )
        young = self._turns.by_lot(community, tier, rhythm.period, rhythm.shift, ahead, limit)
        timed = (
            ((rhythm.turn(turn.aged_from, turn.young, turn.lot), turn) for turn in walk)
            for walk in (aged, young)
        )
        for due, turn in heapq.merge(*timed, key=lambda one: one[0]):
            reason = Reason.TURN if due < tonight else Reason.SHARE
            urgency = (due - self._now) / rhythm.period
            yield Chosen(_RANK[reason], urgency, turn, reason)

    def _in_state(self, tier: str, state: ReplicaState) -> list[Turn]:
        return self._turns.in_state(self._policy.community, tier, state)

    @staticmethod
    def _because(reason: Reason, turns: Iterable[Turn]) -> Iterator[Chosen]:
        return (Chosen(_RANK[reason], 0.0, turn, reason) for turn in turns)


def rhythms(policy: Policy) -> dict[str, Rhythm]:
    """The rhythm of each tier, the tiers standing apart from each other."""
    gap, tiers = gap_of(policy), sorted(policy.audit.tiers)
    return {
        tier: Rhythm.of(policy.audit.tiers[tier], gap, place, len(tiers))
        for place, tier in enumerate(tiers)
    }


def gap_of(policy: Policy) -> timedelta:
    """The time between two runs of the schedule, on average."""
    return _YEAR / runs_in_a_year(policy.audit.schedule)
