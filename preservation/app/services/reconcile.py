"""A tier's listing held against the catalogue."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.replication.reconcile import ReconcileService


def make(parts: Parts) -> ReconcileService:
    """Both ways: what is lost, and what is strange."""
    return ReconcileService(parts.catalogue, parts.events, parts.check)
