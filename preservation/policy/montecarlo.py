"""How often an AIP is lost: events drawn at random, to hold against the closed form.

Faults are drawn, not AIPs: of a billion of them a few million suffer a fault in ten years, and
only those with one on every replica are looked at. Losses of groups are drawn with their times,
so that a second one during a rebuild is met as it would be. The same seed gives the same figures.

Imported only where something is simulated: numpy is heavy.

Source: Samarkand's notes on integrity, simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from preservation.model.deferred import dataclass
from preservation.policy.loss import Copy, Group, Model

# Beyond these, fewer AIPs are drawn and the result is scaled.
MOST_FAULTS = 20_000_000  # of one replica
MOST_LOOKED_AT = 100_000  # AIPs with a fault on every replica


@dataclass(frozen=True, slots=True)
class Spread:
    """AIPs lost over some years, over many trials.

    Attributes:
        mean: of all trials.
        any_loss: the share of trials in which anything was lost.
        median, most_of: half of the trials lost at most so many; 95 % of them at most so many.
        worst: the most that one trial lost.
        latent: lost by silent faults in the one trial in which each fault was drawn.
    """

    trials: int
    mean: float
    any_loss: float
    median: int
    most_of: int
    worst: int
    latent: float


def simulate(model: Model, aips: int, years: float, seed: int, trials: int = 10_000) -> Spread:
    """Draw what happens to so many AIPs, over and over."""
    draw = np.random.default_rng(seed)
    latent = latent_losses(model.copies, aips, years, draw)
    lost = draw.poisson(aips * model.latent * years, trials).astype(np.int64)
    lost += _grouped(model, aips, years, trials, draw)
    lost += aips * (draw.poisson(model.common * years, trials) > 0)
    lost = np.minimum(lost, aips)
    return Spread(
        trials=trials,
        mean=float(lost.mean()),
        any_loss=float((lost > 0).mean()),
        median=int(np.quantile(lost, 0.5)),
        most_of=int(np.quantile(lost, 0.95)),
        worst=int(lost.max()),
        latent=latent,
    )


def latent_losses(
    copies: Sequence[Copy], aips: int, years: float, draw: np.random.Generator
) -> float:
    """AIPs of which every replica is silently bad at once, fault by fault."""
    drawn = _drawn(copies, aips, years)
    faults = [_faults(copy, drawn, years, draw) for copy in copies]
    hit = faults[0][0]
    for of_copy, _, _ in faults[1:]:
        hit = np.intersect1d(hit, of_copy)
    hit = np.unique(hit)
    lost = sum(1 for aip in hit if _overlap([_of(one, int(aip)) for one in faults]))
    return lost * aips / drawn


def _drawn(copies: Sequence[Copy], aips: int, years: float) -> int:
    """How many AIPs are drawn: all, unless there would be too many faults to keep or look at."""
    faults = max(copy.rate for copy in copies) * years
    hit_everywhere = math.prod(-math.expm1(-copy.rate * years) for copy in copies)
    share = min(
        MOST_FAULTS / max(faults * aips, 1.0), MOST_LOOKED_AT / max(hit_everywhere * aips, 1.0)
    )
    return max(1, min(aips, int(aips * share)))


_Faults = tuple[np.ndarray, np.ndarray, np.ndarray]  # AIPs in order, beginnings, ends


def _faults(copy: Copy, aips: int, years: float, draw: np.random.Generator) -> _Faults:
    """A replica's faults: each begins at any time and ends with the repair after the next check."""
    count = int(draw.poisson(aips * copy.rate * years))
    which = draw.integers(0, aips, count)
    order = np.argsort(which, kind="stable")
    begin = draw.uniform(0, years, count)
    end = begin + draw.uniform(0, copy.age, count) + copy.repair
    return which[order], begin[order], end[order]


def _of(faults: _Faults, aip: int) -> list[tuple[float, float]]:
    which, begin, end = faults
    first, last = np.searchsorted(which, [aip, aip + 1])
    return list(zip(begin[first:last].tolist(), end[first:last].tolist(), strict=True))


def _overlap(faults: Sequence[Sequence[tuple[float, float]]]) -> bool:
    """Whether any choice of one fault from each replica has a moment in common."""
    return any(
        max(begin for begin, _ in chosen) < min(end for _, end in chosen)
        for chosen in product(*faults)
    )


def _grouped(
    model: Model, aips: int, years: float, trials: int, draw: np.random.Generator
) -> np.ndarray:
    """AIPs lost with groups, trial by trial, each loss at its time."""
    lost = np.zeros(trials, dtype=np.int64)
    if not model.groups:
        return lost
    rates = np.array([group.rate for group in model.groups])
    counts = draw.poisson(rates * years, (trials, len(rates)))
    for trial in np.flatnonzero(counts.sum(axis=1)):
        happened = [
            (float(at), group)
            for group, count in zip(model.groups, counts[trial], strict=True)
            for at in draw.uniform(0, years, count)
        ]
        lost[trial] = _one_trial(model, sorted(happened, key=lambda one: one[0]), aips, draw)
    return lost


def _one_trial(
    model: Model, happened: Sequence[tuple[float, Group]], aips: int, draw: np.random.Generator
) -> int:
    lost = 0
    for place, (at, group) in enumerate(happened):
        earlier = [one for when, one in happened[:place] if at - when < one.rebuild]
        down = frozenset().union(group.tiers, *(one.tiers for one in earlier))
        rebuild = max((group.rebuild, *(one.rebuild for one in earlier)))
        lost += int(draw.binomial(aips, model.fatal(down, rebuild)))
    return min(lost, aips)
