"""A tier in a bucket whose objects have to be recalled before they can be read.

Only the tars are cold: sidecars, marker and kept documents are read at any time, so that
listing, reconciling and rebuilding cost no recall.

Source: ``docs/formats/tier.md``, "In a bucket"; ``docs/how-to/keep-replicas-in-cold-storage.md``.
"""

from __future__ import annotations

from collections.abc import Iterator

from preservation.fixity.rate import RateLimit
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.proof import Proof
from preservation.storage.recall import Recall
from preservation.storage.s3.cold import RecallRules, cold_error, is_cold, is_recalled, recall
from preservation.storage.s3.listing import Object
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.proving_cold import prove_cold
from preservation.storage.s3.tier import S3Tier
from preservation.storage.tier import Incoming


class S3ArchiveTier(S3Tier):
    """Implements ``storage.tier.Tier`` for cold objects."""

    def __init__(self, place: S3Place, rules: RecallRules, rate: RateLimit | None = None) -> None:
        super().__init__(place, rate)
        self._rules = rules

    def prove(self) -> Iterator[Proof]:
        yield from super().prove()
        yield from prove_cold(self._place, self._rules)

    def incoming(
        self, key: VersionKey, packaging: Packaging, octets: int = 0, *, replacing: bool = False
    ) -> Incoming:
        """A replacement is kept in the service's default class: nothing may be replaced before
        what replaces it was read back. A rule of the bucket's own may make it cold later.
        """
        if replacing:
            return S3Tier(self._place.in_class("")).incoming(key, packaging, octets)
        return super().incoming(key, packaging, octets)

    def recall(self, key: VersionKey) -> Recall | None:
        self._ensure()
        found = [self._place.head(name) for name in self._names(key)]
        cold = [one for one in found if one is not None and self._is_cold(one)]
        asked = [recall(self._place, one, self._rules) for one in cold]
        # One of several that was asked for now makes the whole be ready no sooner.
        return next((one for one in asked if one.asked), asked[0] if asked else None)

    def _expect_readable(self, what: Object) -> bool:
        if self._is_cold(what):
            raise cold_error(self.id, what)
        return is_recalled(what)

    def _is_cold(self, what: Object) -> bool:
        return is_cold(what, self._place.address.storage_class)
