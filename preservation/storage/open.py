"""From what a policy declares to a tier that can be used."""

from __future__ import annotations

from pathlib import Path

from preservation.errors import UsageError
from preservation.policy.policy import TierSpec
from preservation.storage.local import LocalTier
from preservation.storage.tier import Tier


def tier_root(spec: TierSpec, home: Path) -> Path:
    """Where a local tier lies; a relative path counts from the home."""
    return home / spec.path


def open_tier(spec: TierSpec, home: Path) -> Tier:
    """The tier of a declaration. Nothing is read yet: a tier that isn't there says so when
    it is used, so that work on the others goes on.

    Raises:
        UsageError: a kind of tier that this version doesn't know.
    """
    if spec.kind == "local":
        return LocalTier(tier_root(spec, home), spec.id)
    raise UsageError(
        f"tier {spec.id}: unknown kind {spec.kind!r}",
        hint="this version knows: local",
        code="TIER-KIND",
    )
