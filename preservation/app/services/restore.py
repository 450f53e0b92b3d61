"""Giving AIP versions out again."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.app.services.checking import holders_of
from preservation.replication.restore import RestoreService


def make(parts: Parts) -> RestoreService:
    """From whatever replicas verify."""
    return RestoreService(parts.catalogue, holders_of(parts))
