"""What other holders state about their packages."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.audit.statements import StatementService


def make(parts: Parts) -> StatementService:
    """Asked for, and recorded as theirs."""
    return StatementService(parts.catalogue, parts.catalogue.statements, parts.events)
