"""The audit of an open home."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.audit.rate import FILE as RATE_FILE
from preservation.audit.rate import LiveRate
from preservation.audit.service import AuditService


def make(parts: Parts) -> AuditService:
    """What is due, and its checks."""
    rate = LiveRate(parts.home.path / RATE_FILE)
    return AuditService(parts.catalogue, parts.checker, parts.events, rate, parts.tiers)
