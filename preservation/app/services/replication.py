"""Making the replicas that are promised."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.app.services.checking import holders_of
from preservation.replication.service import ReplicationService


def make(parts: Parts) -> ReplicationService:
    """Copies, read back."""
    return ReplicationService(
        parts.catalogue, parts.tiers, parts.events, parts.checker, holders_of(parts)
    )
