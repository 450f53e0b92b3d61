"""Letting deposits go that were taken in."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.ingest.release import ReleaseService


def make(parts: Parts) -> ReleaseService:
    """Releases, as policies allow them."""
    return ReleaseService(
        parts.catalogue, parts.events, parts.observed, parts.drain, parts.home.path
    )
