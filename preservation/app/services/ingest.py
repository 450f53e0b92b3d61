"""Taking in deposits."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.ingest.service import IngestService, Places


def make(parts: Parts) -> IngestService:
    """Deposits in, AIP versions out."""
    home = parts.home
    places = Places(home.path, home.scratch, home.receipts)
    return IngestService(
        parts.catalogue, parts.tiers, parts.events, parts.tools, parts.check, places
    )
