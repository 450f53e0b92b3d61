"""From a declaration to a tier in a bucket; nothing is asked of the service yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from preservation.errors import SamarkandError
from preservation.fixity.rate import RateLimit
from preservation.model.clock import Clock
from preservation.policy.policy import TierSpec
from preservation.storage.s3.address import Address
from preservation.storage.s3.archive_tier import S3ArchiveTier
from preservation.storage.s3.cold import CLASS, RecallRules
from preservation.storage.s3.locking import Lock
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.tier import S3Tier


def open_s3_tier(
    spec: TierSpec,
    environment: Mapping[str, str],
    *,
    clock: Clock | None = None,
    proven: Collection[str] = (),
    rate: RateLimit | None = None,
) -> S3Tier:
    """The tier of a declaration.

    Args:
        environment: carries the tier's keys; no other tier's need be in it.
        clock: of a tier that locks or recalls; others need none.
        proven: what a check of the tier saw that the service does.
    """
    address = Address.of(spec)
    lock = Lock(spec.lock_mode, spec.lock_for, _needed(clock)) if spec.lock_for else None
    if spec.kind != "s3-archive":
        return S3Tier(S3Place(spec.id, address, environment, lock, proven), rate)
    address = replace(address, storage_class=address.storage_class or CLASS)
    rules = RecallRules(spec.retrieval, spec.recall_keep, spec.recall_speed, _needed(clock))
    return S3ArchiveTier(S3Place(spec.id, address, environment, lock, proven), rules, rate)


def _needed(clock: Clock | None) -> Clock:
    if clock is None:
        raise SamarkandError("a tier that locks or recalls was opened without a clock")
    return clock
