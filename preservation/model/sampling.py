"""What a sample of replicas says about all of them, exactly.

Of N replicas n are drawn without replacement, each as likely as any other, and d of them are
found damaged. If D of the N were damaged, the number found would be hypergeometric. The bound is
the smallest D for which finding as few as d would be rarer than 1 - confidence: so "with 99 %
confidence fewer than D of N are damaged". (For d = 0 and n much smaller than N this is the rule
of three and its kin: 1 - (1 - confidence)^(1/n).)

A sample finds damage that befell many soon, and a single rotten file hardly ever: it is read
between full passes, never instead of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, lgamma, log, log1p
from typing import Any

from preservation.model.deferred import dataclass
from preservation.model.units import counted

CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing by lot on a tier.

    Attributes:
        of: how many replicas were drawn from.
        lot: which drawing it is, of those that somebody aims; empty for what a policy draws.
    """

    of: int
    lot: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the events of its checks say it."""
        return {"drawn_from": self.of} | ({"lot": self.lot} if self.lot else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Drawing | None:
        """Read what :meth:`to_json` gave, or what else an event says; None: not by lot."""
        of = 0 if data is None else data.get("drawn_from")
        if data is None or not isinstance(of, int) or of < 1:
            return None
        return cls(of, str(data.get("lot", "")))


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn on one tier, and what was found.

    Attributes:
        population: replicas that it was drawn from.
        checked: how many of those drawn were compared; ``unchecked`` ones say nothing.
        damaged: of these.
    """

    tier: str
    population: int
    checked: int
    damaged: int

    @property
    def fewer_than(self) -> int:
        """The number of damaged replicas that is ruled out, with ``CONFIDENCE``, and all above."""
        return ruled_out(self.population, self.checked, self.damaged)

    def __str__(self) -> str:
        bound, percent = self.fewer_than, f"{100 * CONFIDENCE:g} %"
        read = (
            f"{self.tier}: {self.checked:,} of {self.population:,} replicas drawn by lot were read"
        )
        found = f"{self.damaged:,} damaged" if self.damaged else "none damaged"
        if 0 < self.checked == self.population:
            return f"{self.tier}: all replicas were read ({self.checked:,}), {found}"
        if bound > self.population:
            return f"{read}, {found}: this rules nothing out"
        if bound == self.population:
            return f"{read}, {found}: with {percent} confidence not all replicas there are damaged"
        part = 100 * bound / self.population
        return (
            f"{read}, {found}: with {percent} confidence fewer than {part:.3g} % of all "
            f"({counted(bound, 'replica')}) are damaged"
        )

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "tier": self.tier,
            "population": self.population,
            "checked": self.checked,
            "damaged": self.damaged,
            "confidence": CONFIDENCE,
            "fewer_than": self.fewer_than,
            "statement": str(self),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Sample:
        """Read what :meth:`to_json` gave."""
        return cls(data["tier"], data["population"], data["checked"], data["damaged"])


def together(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Shards of one drawing as one sample, tier by tier."""
    found: dict[str, Sample] = {}
    for one in samples:
        before = found.get(one.tier, Sample(one.tier, one.population, 0, 0))
        found[one.tier] = Sample(
            one.tier,
            max(before.population, one.population),
            before.checked + one.checked,
            before.damaged + one.damaged,
        )
    return tuple(found[tier] for tier in sorted(found))


def ruled_out(population: int, drawn: int, damaged: int, confidence: float = CONFIDENCE) -> int:
    """The smallest number of damaged replicas that the sample makes too unlikely.

    Returns:
        More than ``population`` if even all of them could be damaged.
    """
    low, high = damaged, population + 1  # ``low`` is possible; what is sought is above it
    while high - low > 1:
        middle = (low + high) // 2
        if chance(population, middle, drawn, damaged) <= 1 - confidence:
            high = middle
        else:
            low = middle
    return high


def chance(population: int, ill: int, drawn: int, most: int) -> float:
    """How likely it is to find at most so many ill ones, if ``ill`` of all are."""
    least = max(0, drawn - (population - ill))
    return min(1.0, sum(_exactly(population, ill, drawn, k) for k in range(least, most + 1)))


def _exactly(population: int, ill: int, drawn: int, found: int) -> float:
    if found > min(ill, drawn) or drawn - found > population - ill:
        return 0.0
    return exp(
        _choose(ill, found) + _choose(population - ill, drawn - found) - _choose(population, drawn)
    )


def _choose(of: int, some: int) -> float:
    """The logarithm of the binomial coefficient."""
    return lgamma(of + 1) - lgamma(some + 1) - lgamma(of - some + 1)


def beyond_chance(tried: int, failed: int, rate: float) -> float:
    """How likely so many failures or more are among so many tries, at a rate of failures.

    An upper bound of it where it is likely: 1 where no more failed than was to be expected.
    """
    if failed <= tried * rate:
        return 1.0
    total = 0.0
    for k in range(failed, tried + 1):  # terms fall from here on
        term = exp(_choose(tried, k) + k * log(rate) + (tried - k) * log1p(-rate))
        total += term
        if term < total * 1e-12:
            break
    return min(1.0, total)
