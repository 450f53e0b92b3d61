"""Fixity checks of replicas, wherever they lie."""

from __future__ import annotations

from dataclasses import replace

from preservation.app.parts import Parts
from preservation.app.places import Holders
from preservation.audit.check import Checker
from preservation.fixity.crew import LARGE_FOR_HELPERS
from preservation.fixity.engine import EngineSettings
from preservation.fixity.kept import Kept
from preservation.repair.localising import Localiser

ENGINE = EngineSettings(workers=2, drop_cache=True)


def holders_of(parts: Parts) -> Holders:
    """The tiers as sources, also those that only earlier policies named."""
    return Holders(parts.tiers, parts.every_tier)


def make(parts: Parts) -> Checker:
    """What reads a replica back, compares it, and records what it finds; its helper processes
    stay until the home is closed.
    """
    kept = Kept(LARGE_FOR_HELPERS, drop_cache=ENGINE.drop_cache)
    engine = replace(ENGINE, kept=parts.ends.enter_context(kept))
    holders = holders_of(parts)
    localise = Localiser(parts.catalogue, holders).localise
    return Checker(parts.catalogue, parts.journal, holders, parts.events, engine, localise)
