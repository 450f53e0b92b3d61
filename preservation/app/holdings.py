"""The central inventory and the format watch of an open home; apart from the other parts, since
Parquet is heavy to import.
"""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.audit.format_review import FormatReview
from preservation.audit.inventory import InventoryService, InventorySources


def inventory_of(parts: Parts) -> InventoryService:
    """The central inventory of a home."""
    sources = InventorySources(
        parts.catalogue,
        parts.journal,
        parts.tiers,
        parts.clock,
        parts.home.path / "inventory",
        parts.home.scratch,
        parts.pending_events,
    )
    return InventoryService(sources)


def review_of(parts: Parts) -> FormatReview:
    """The format watch of a home."""
    return FormatReview(
        parts.catalogue,
        parts.journal,
        parts.tiers,
        parts.events,
        parts.identifier,
        inventory_of(parts),
        parts.restore.restore,
        parts.home.scratch,
    )
