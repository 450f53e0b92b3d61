"""Fixity checks of replicas, wherever they lie."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.app.places import Holders
from preservation.audit.check import Checker
from preservation.fixity.engine import EngineSettings
from preservation.repair.localising import Localiser

ENGINE = EngineSettings(workers=2, drop_cache=True)


def holders_of(parts: Parts) -> Holders:
    """The tiers as sources, also those that only earlier policies named."""
    return Holders(parts.tiers, parts.every_tier)


def make(parts: Parts) -> Checker:
    """What reads a replica back, compares it, and records what it finds."""
    holders = holders_of(parts)
    localise = Localiser(parts.catalogue, holders).localise
    return Checker(parts.catalogue, parts.journal, holders, parts.events, ENGINE, localise)
