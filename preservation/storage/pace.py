"""Bandwidth: work on a tier goes no faster than its declaration allows.

Long work tells of every octet that it deals with; so the one who hears of it can hold it back.
The limit is one for each tier and process: several workers have one each.
"""

from __future__ import annotations

from collections.abc import Callable

from preservation.fixity.rate import RateLimit
from preservation.model.progress import Progress
from preservation.storage.tier import Tier


def _never() -> bool:
    return False


def paced(progress: Progress, *tiers: Tier, give_up: Callable[[], bool] = _never) -> Progress:
    """Progress that lets work on these tiers go on no faster than each of them allows.

    Args:
        give_up: ends a wait; asked from any thread.
    """
    rates = [tier.rate for tier in tiers if tier.rate is not None]
    return _Paced(progress, rates, give_up) if rates else progress


class _Paced:
    """Implements ``model.progress.Progress``."""

    def __init__(
        self, progress: Progress, rates: list[RateLimit], give_up: Callable[[], bool]
    ) -> None:
        self._progress = progress
        self._rates, self._give_up = rates, give_up

    def begin(self, what: str, total_bytes: int | None) -> None:
        self._progress.begin(what, total_bytes)

    def advance(self, read_bytes: int) -> None:
        for rate in self._rates:
            rate.take(read_bytes, self._give_up)
        self._progress.advance(read_bytes)

    def skip(self, done_bytes: int) -> None:
        self._progress.skip(done_bytes)

    def say(self, sentence: str) -> None:
        self._progress.say(sentence)
