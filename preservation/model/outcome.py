"""Outcomes of a fixity check, and how strong the evidence behind one is.

Source: ``docs/explanation/evidence.md``; NDSA Levels of Preservation v2, "Integrity".
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Outcome(Enum):
    """What one comparison of observed with recorded digests found; worst first."""

    ALTERED = "altered"  # bytes differ, or a file is there that the manifest does not list
    MISSING = "missing"  # absence confirmed by listing a tier that carries its marker
    UNREADABLE = "unreadable"  # the medium failed, after retries
    UNCHECKED = "unchecked"  # permission, network, time-out, no marker: we know nothing
    INTACT = "intact"  # every file was read and compared

    # Members are one of a kind. Enum's own hash is Python code, and every event looks them up.
    __hash__ = object.__hash__

    @property
    def is_damage(self) -> bool:
        """True where a repair is called for. ``unchecked`` is neither damage nor health."""
        return self in (Outcome.ALTERED, Outcome.MISSING, Outcome.UNREADABLE)


_SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """A replica's outcome is the worst of its files'. Of nothing at all: ``unchecked``."""
    return min(outcomes, key=_SEVERITY.__getitem__, default=Outcome.UNCHECKED)


class Level(Enum):
    """How a check came to know; the value is its stored spelling. Higher is stronger."""

    E0 = "E0"
    E1 = "E1"
    E2 = "E2"
    E3 = "E3"
    E4 = "E4"

    # As of outcomes.
    __hash__ = object.__hash__

    @property
    def words(self) -> str:
        """How people read the level."""
        return _WORDS[self]

    def reaches(self, wanted: Level) -> bool:
        """True if evidence of this level satisfies a promise of ``wanted``."""
        return self.value >= wanted.value


_WORDS = {
    Level.E0: "listed",
    Level.E1: "the server said so",
    Level.E2: "the holder computed it",
    Level.E3: "we read it",
    Level.E4: "we read it after recall",
}
