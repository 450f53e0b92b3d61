"""How often an AIP is lost under a policy: the closed form.

Replica i suffers silent faults at the rate λᵢ a year; one stays unknown for wᵢ = Tᵢ/2 + Rᵢ on
average (T the age that a check may have, R the time of a repair). Groups of replicas are lost as
a whole: a device, array or service, or a site, at a rate r, and are rebuilt within D. Then, per
AIP and year:

    latent   Σᵢ λᵢ · Πⱼ≠ᵢ λⱼwⱼ                     every replica silently bad at once
    groups   Σₛ f(S) · Πⱼ∉ₛ λⱼ(wⱼ + D/2)           the groups of a set S lost together, the rest bad
             f(S) = Σₐ∈ₛ rₐ · Πᵦ∈ₛ﹨ₐ rᵦDᵦ            how often a comes while all others are rebuilt
    common   γ                                    one mistake, or one thief, takes all

S is one group, or up to four (two, where there are more than twenty groups) of which none lies
in what the others take. With three sites, that all three are lost within one rebuild is likelier
than two of them and a bad replica at the third.
Phases of the checks are independent of each other, as the audit planner's are. A second loss
during a rebuild is taken to undo it: on the safe side.

Source: Samarkand's notes on integrity, audit planning; Baker et al., A Fresh Look at the
Reliability of Long-term Digital Storage, EuroSys 2006 (the faults that matter are silent ones).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from preservation.model.deferred import dataclass

_NEVER = 1e-30  # a probability below which nothing can be told apart
# Groups lost together that are reckoned with: more at once are far rarer than one common cause.
_AT_ONCE, _AT_ONCE_OF_MANY, _MANY = 4, 2, 20


@dataclass(frozen=True, slots=True)
class Copy:
    """One replica's part in the model.

    Attributes:
        rate: silent faults a year.
        age: years that a check may be old.
        repair: years from finding a fault to its repair.
    """

    tier: str
    rate: float
    age: float
    repair: float

    @property
    def window(self) -> float:
        """Years that a fault stays, on average."""
        return self.age / 2 + self.repair

    def bad(self, more: float = 0.0) -> float:
        """The probability that it is bad at a moment, or becomes so within ``more`` years."""
        return -math.expm1(-self.rate * (self.window + more))


@dataclass(frozen=True, slots=True)
class Group:
    """Replicas that are lost together.

    Attributes:
        name: for people: ``site Tashkent``.
        rate: losses a year.
        rebuild: years.
    """

    name: str
    tiers: frozenset[str]
    rate: float
    rebuild: float


@dataclass(frozen=True, slots=True)
class Model:
    """One policy, as far as losses are concerned.

    Attributes:
        common: losses of all replicas by one cause, per AIP and year.
    """

    copies: tuple[Copy, ...]
    groups: tuple[Group, ...]
    common: float

    @property
    def latent(self) -> float:
        """By silent faults alone, per AIP and year."""
        return sum(
            one.rate * math.prod(other.bad() for other in self.copies if other is not one)
            for one in self.copies
        )

    @property
    def grouped(self) -> float:
        """By the loss of whole groups, per AIP and year."""
        return sum(rate * self.fatal(down, rebuild) for _, rate, down, rebuild in self.accidents())

    @property
    def yearly(self) -> float:
        """The modelled probability of losing an AIP in a year."""
        return -math.expm1(-(self.latent + self.grouped + self.common))

    def fatal(self, down: frozenset[str], rebuild: float) -> float:
        """The probability that an AIP is lost, given which tiers are down for a rebuild."""
        left = (copy for copy in self.copies if copy.tier not in down)
        return math.prod(copy.bad(rebuild / 2) for copy in left)

    def accidents(self) -> Iterator[tuple[str, float, frozenset[str], float]]:
        """Losses of a group while up to three others are rebuilt: what they are called, how often
        they come in a year, the tiers that are down, and for how long.
        """
        most = _AT_ONCE if len(self.groups) <= _MANY else _AT_ONCE_OF_MANY
        for many in range(1, min(most, len(self.groups)) + 1):
            for lost in combinations(self.groups, many):
                if not _idle(lost):
                    yield (
                        " and ".join(group.name for group in lost),
                        _together(lost),
                        frozenset().union(*(group.tiers for group in lost)),
                        max(group.rebuild for group in lost),
                    )

    def without(self, tier: str) -> Model:
        """The same, with one replica less."""
        return replace(
            self,
            copies=tuple(copy for copy in self.copies if copy.tier != tier),
            groups=tuple(
                replace(group, tiers=group.tiers - {tier})
                for group in self.groups
                if group.tiers != {tier}
            ),
        )

    def checked(self, factor: float) -> Model:
        """The same, with ages of checks multiplied."""
        return replace(
            self, copies=tuple(replace(copy, age=copy.age * factor) for copy in self.copies)
        )

    def elsewhere(self, site: float, rebuild: float) -> Model:
        """The same with one more replica, like the best there is, at a site of its own."""
        best = min(self.copies, key=lambda copy: copy.bad())
        name = "another site"
        more = Group(name, frozenset({name}), site, rebuild)
        return replace(
            self,
            copies=(*self.copies, replace(best, tier=name)),
            groups=(*self.groups, more),
        )


def _idle(lost: Sequence[Group]) -> bool:
    """Whether one of them takes nothing that the others do not take: it is reckoned without."""
    return len(lost) > 1 and any(
        group.tiers.issubset(frozenset().union(*(one.tiers for one in lost if one is not group)))
        for group in lost
    )


def _together(lost: Sequence[Group]) -> float:
    """How often in a year the last of them is lost while all others are being rebuilt."""
    return sum(
        last.rate * math.prod(one.rate * one.rebuild for one in lost if one is not last)
        for last in lost
    )


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one promise contributes.

    Attributes:
        what: the change, for people.
        yearly: the modelled probability with it.
        factor: how many times less often an AIP is lost with it; below 1: more often.
    """

    what: str
    yearly: float
    factor: float


def contributions(
    model: Model, site: float, rebuild: float, apart: float, names: Mapping[str, str]
) -> list[Contribution]:
    """What each promise contributes, the most helpful first.

    Args:
        site, rebuild: of a further site: losses a year, years of rebuilding.
        apart: the common rate where several operators keep the replicas.
        names: tier -> what people call it.
    """
    variants = [
        ("one more replica at a site of its own", model.elsewhere(site, rebuild)),
        ("checks twice as often", model.checked(0.5)),
        ("checks ten times as often", model.checked(0.1)),
        ("checks half as often", model.checked(2)),
    ]
    if apart < model.common:
        variants.append(("replicas kept by several operators", replace(model, common=apart)))
    if len(model.copies) > 1:
        variants += [
            (f"without the replica on {names.get(copy.tier, copy.tier)}", model.without(copy.tier))
            for copy in model.copies
        ]
    found = [
        Contribution(what, variant.yearly, ratio(model, variant)) for what, variant in variants
    ]
    return sorted(found, key=lambda one: -one.factor)


def ratio(first: Model, second: Model) -> float:
    """How many times more often the first loses an AIP than the second, as far as that can be
    reckoned: rates that are all zero lose nothing, as often as each other.
    """
    return max(first.yearly, _NEVER) / max(second.yearly, _NEVER)


def told(factor: float) -> str:
    """A factor of :class:`Contribution` in words: ``4.0 times less often``."""
    if 0.95 < factor < 1.05:
        return "about as often"
    times = max(factor, 1 / factor)
    digits = f"{times:,.0f}" if times >= 10 else f"{times:.1f}"
    return f"{digits} times {'less' if factor > 1 else 'more'} often"
