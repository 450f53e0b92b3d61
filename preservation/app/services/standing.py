"""Standings of the communities of an open home."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.app.standings import StandingService


def make(parts: Parts) -> StandingService:
    """Whether what was promised is true, as it is observed now."""
    return StandingService(parts.catalogue, parts.store, parts.clock, parts.observed)
