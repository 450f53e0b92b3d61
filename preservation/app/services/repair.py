"""Healing damaged replicas."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.app.services.checking import ENGINE, holders_of
from preservation.repair.salvage import Salvage
from preservation.repair.service import RepairService
from preservation.repair.settling import disputed
from preservation.replication.writing import write_replica


def make(parts: Parts) -> RepairService:
    """From verified replicas, never over what is not replaced yet."""
    return RepairService(
        parts.catalogue,
        parts.journal,
        parts.tiers,
        parts.events,
        ENGINE,
        parts.check,
        write_replica,
        Salvage(parts.catalogue, parts.journal, parts.tiers, parts.clock, parts.home.path),
        (disputed(parts.catalogue),),
        holders_of(parts),
    )
