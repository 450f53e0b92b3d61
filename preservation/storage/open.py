"""From what a policy declares to a tier that can be used.

S3 is imported when a tier in a bucket is first used: no other work pays for boto3 (0.3 CPU-s).
"""

from __future__ import annotations

import importlib
import os
from functools import cached_property
from pathlib import Path
from typing import Any, cast

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
    _expect_known(spec)
    if spec.kind == "local":
        return LocalTier(tier_root(spec, home), spec.id)
    return cast(Tier, _Later(spec))


def make_tier(spec: TierSpec, home: Path) -> None:
    """Make what a declaration names a tier, or see that it is that one already.

    Raises:
        UsageError: the place is another tier, or holds other things.
        TierUnavailableError: it can't be reached, or can't keep the protocol.
    """
    _expect_known(spec)
    if spec.kind == "local":
        create_tier(tier_root(spec, home), spec.id)
    else:
        _s3().make_s3_tier(spec, os.environ)


class _Later:
    """A tier in a bucket that becomes one when it is first used: most commands use none."""

    def __init__(self, spec: TierSpec) -> None:
        self.id = spec.id
        self._spec = spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tier, name)

    @cached_property
    def _tier(self) -> Any:
        return _s3().open_s3_tier(self._spec, os.environ)


def _expect_known(spec: TierSpec) -> None:
    if spec.kind not in ("local", "s3"):
        raise UsageError(
            f"tier {spec.id}: unknown kind {spec.kind!r}",
            hint="this version knows: local, s3",
            code="TIER-KIND",
        )


def _s3() -> Any:
    return importlib.import_module("preservation.storage.s3.tier")
