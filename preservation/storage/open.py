"""From what a policy declares to a tier that can be used.

S3 is imported when a tier in a bucket is first used, and Archivematica when one is named: no other
work pays for boto3 (0.3 CPU-s) or an HTTP server.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from preservation.errors import UsageError
from preservation.fixity.rate import RateLimit
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.policy.policy import TierSpec
from preservation.storage.credentials import Afresh, CredentialSource
from preservation.storage.local import LocalTier, create_tier
from preservation.storage.source import Source
from preservation.storage.tier import Tier

BUCKETS = ("s3", "s3-archive")


def _no_credentials(_: TierSpec) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What tiers are opened with, beyond what is declared of each.

    Attributes:
        credentials: gives a tier its own.
        proven: by tier, what a check saw that its place does.
    """

    credentials: CredentialSource = _no_credentials
    clock: Clock | None = None
    proven: Callable[[str], Collection[str]] = lambda _: ()


def tier_root(spec: TierSpec, home: Path) -> Path:
    """Where a local tier lies; a relative path counts from the home."""
    return home / spec.path


def open_tier(spec: TierSpec, home: Path, around: Surroundings | None = None) -> Tier:
    """The tier of a declaration. Nothing is read yet: a tier that isn't there says so when
    it is used, so that work on the others goes on.

    Raises:
        UsageError: a kind of tier that this version doesn't know.
    """
    _expect_known(spec)
    if spec.kind == "local":
        return LocalTier(
            tier_root(spec, home),
            spec.id,
            _rate(spec),
            immutable=spec.immutable,
            sharing=spec.sharing,
        )
    return cast(Tier, _Later(spec, around or Surroundings()))


def open_source(spec: TierSpec, environment: Mapping[str, str], fixity: str) -> Source:
    """Another holder's tier.

    Args:
        environment: carries its account and API key, and no other tier's.
        fixity: the folder of the environment that the program ``fixity`` is installed in.
    """
    source = importlib.import_module("preservation.storage.archivematica.source")
    return cast(Source, source.ArchivematicaSource(spec, environment, fixity))


def make_tier(spec: TierSpec, home: Path, credentials: CredentialSource) -> None:
    """Make what a declaration names a tier, or see that it is that one already.

    Raises:
        UsageError: the place is another tier, or holds other things.
        TierUnavailableError: it can't be reached, or can't keep the protocol.
    """
    _expect_known(spec)
    if spec.kind == "local":
        create_tier(tier_root(spec, home), spec.id)
    else:
        _s3("tier").make_s3_tier(spec, credentials(spec))


class _Later:
    """A tier in a bucket that becomes one when it is first used: most commands use none."""

    def __init__(self, spec: TierSpec, around: Surroundings) -> None:
        self.id = spec.id
        self._spec = spec
        self._around = around

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tier, name)

    @cached_property
    def _tier(self) -> Any:
        spec, around = self._spec, self._around
        return _s3("opening").open_s3_tier(
            spec,
            Afresh(lambda: around.credentials(spec)),
            clock=around.clock,
            proven=around.proven(spec.id),
            rate=_rate(spec),
        )


def _rate(spec: TierSpec) -> RateLimit | None:
    return RateLimit(spec.bandwidth) if spec.bandwidth else None


def _expect_known(spec: TierSpec) -> None:
    if spec.kind not in ("local", *BUCKETS):
        raise UsageError(
            f"tier {spec.id}: unknown kind {spec.kind!r}",
            hint=f"this version keeps replicas on: local, {', '.join(BUCKETS)}",
            code="TIER-KIND",
        )


def _s3(module: str) -> Any:
    return importlib.import_module(f"preservation.storage.s3.{module}")
