"""From what a policy declares to a tier that can be used.

S3 is imported when a tier in a bucket is opened: nobody who has none pays for boto3.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from preservation.errors import UsageError
from preservation.policy.policy import TierSpec
from preservation.storage.local import LocalTier, create_tier
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
    tier: Tier = _s3(spec).open_s3_tier(spec, os.environ)
    return tier


def make_tier(spec: TierSpec, home: Path) -> None:
    """Make what a declaration names a tier, or see that it is that one already.

    Raises:
        UsageError: the place is another tier, or holds other things.
        TierUnavailableError: it can't be reached, or can't keep the protocol.
    """
    if spec.kind == "local":
        create_tier(tier_root(spec, home), spec.id)
    else:
        _s3(spec).make_s3_tier(spec, os.environ)


def _s3(spec: TierSpec) -> Any:
    if spec.kind != "s3":
        raise UsageError(
            f"tier {spec.id}: unknown kind {spec.kind!r}",
            hint="this version knows: local, s3",
            code="TIER-KIND",
        )
    return importlib.import_module("preservation.storage.s3.tier")
