"""Replication: make the replicas that a policy promises and the catalogue does not know.

A replica counts only after it was read back and compared. Everything here may be killed at
any write and run again: what a killed run left invisible is cleared away, what it made
visible is recorded, read back, and counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from preservation.bags import sealed
from preservation.bags.members import members
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, Lease, ReplicaRow, VersionRow
from preservation.errors import (
    MalformedError,
    SamarkandError,
    SourceDamagedError,
    TierUnavailableError,
)
from preservation.files.held import Held
from preservation.fixity.multihash import MultiHash
from preservation.model.check import CheckResult
from preservation.model.clock import stamp
from preservation.model.digest import Algorithm
from preservation.model.event import EventMaker, EventType
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import (
    Packaging,
    ReplicaState,
    Sidecar,
    TarFacts,
    VersionKey,
)
from preservation.model.shard import Shard, into_shards
from preservation.policy.policy import Policy, ReplicaRule
from preservation.storage.tier import Incoming, Tier

Check = Callable[[Policy, ReplicaRow, Progress], CheckResult]


@dataclass(frozen=True, slots=True)
class ReplicaResult:
    """What became of one replica that was due."""

    key: VersionKey
    tier: str
    packaging: Packaging
    state: str  # "verified", "written" (not read back yet), "damaged", "busy", "not made"
    source: str  # the tier it was copied from; empty when it was there already
    octets: int
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.replicate/1``."""
        return {
            "aip": self.key.aip,
            "version": self.key.version,
            "community": self.key.community,
            "tier": self.tier,
            "packaging": self.packaging.value,
            "state": self.state,
            "source": self.source,
            "bytes": self.octets,
            "reason": self.reason,
        }


class DisputeError(SamarkandError):
    """What lies on a tier, and what is on record about it, cannot both be true."""

    default_code = "REP-DISPUTE"


class ReplicationService:
    """Plans and makes replicas for one community at a time."""

    def __init__(
        self, catalogue: Catalogue, tiers: Mapping[str, Tier], events: EventMaker, check: Check
    ) -> None:
        self._catalogue = catalogue
        self._tiers = tiers
        self._events = events
        self._check = check

    def plan(
        self, policy: Policy, *, tier: str | None = None, aip: str | None = None
    ) -> list[Shard]:
        """The replicas that are promised and not yet verified, tier by tier."""
        planned = stamp(self._events.clock.now())
        shards: list[Shard] = []
        for rule in policy.replicas:
            if tier is None or rule.tier == tier:
                due = self._due(policy.community, rule, aip)
                cut = into_shards(policy.community, rule.tier, policy.ref, planned, due)
                shards.extend(cut)
        return shards

    def _due(
        self, community: str, rule: ReplicaRule, aip: str | None
    ) -> Iterator[tuple[VersionKey, int]]:
        """Merge two sequences that are in the same order; memory stays flat."""
        replicas = self._catalogue.replicas(community, tier=rule.tier, aip=aip)
        there = next(replicas, None)
        for version in self._catalogue.versions(community, aip=aip):
            while there is not None and there.key < version.key:
                there = next(replicas, None)
            known = there is not None and there.key == version.key
            if not known or (there is not None and there.state is ReplicaState.WRITTEN):
                yield version.key, version.octets

    def run(self, policy: Policy, shard: Shard, progress: Progress) -> list[ReplicaResult]:
        """Make and verify a shard's replicas, each recorded before the next begins.

        One that cannot be made (no source verifies, the catalogue is at odds with the tier) is
        told as ``not made``, and the others are made all the same.

        Raises:
            TierUnavailableError, NoSpaceError: the shard's tier is in the way, for all of them.
        """
        progress.begin(f"replicate {shard.label}", shard.octets)
        rule = next((rule for rule in policy.replicas if rule.tier == shard.tier), None)
        if rule is None:
            return []
        return [self._told(policy, rule, key, progress) for key in shard.keys]

    def _told(
        self, policy: Policy, rule: ReplicaRule, key: VersionKey, progress: Progress
    ) -> ReplicaResult:
        try:
            return self._one(policy, rule, key, progress)
        except (SourceDamagedError, DisputeError, MalformedError) as error:
            progress.say(f"{key} on {rule.tier}: {error.message}")
            reason = f"[{error.code}] {error.message}"
            return ReplicaResult(key, rule.tier, rule.packaging, "not made", "", 0, reason)

    def _one(
        self, policy: Policy, rule: ReplicaRule, key: VersionKey, progress: Progress
    ) -> ReplicaResult:
        with hold(self._catalogue, f"replica:{key}:{rule.tier}", self._events.clock) as lease:
            if lease is None:
                return ReplicaResult(key, rule.tier, rule.packaging, "busy", "", 0)
            row, source = self._written(policy, rule, key, lease, progress)
            if row.state is not ReplicaState.WRITTEN:
                return _result(row, row.state.value, source, "")
            checked = self._check(policy, row, progress)
            state = {
                Outcome.INTACT: ReplicaState.VERIFIED.value,
                Outcome.UNCHECKED: ReplicaState.WRITTEN.value,
            }.get(checked.outcome, ReplicaState.DAMAGED.value)
            return _result(row, state, source, checked.reason)

    def _written(
        self, policy: Policy, rule: ReplicaRule, key: VersionKey, lease: Lease, progress: Progress
    ) -> tuple[ReplicaRow, str]:
        known = self._catalogue.replica(key, rule.tier)
        if known is not None:
            return known, ""
        version = self._catalogue.version(key)
        if version is None:
            raise SamarkandError(f"no such AIP version: {key}", code="CAT-NO-VERSION")
        tier = _tier(self._tiers, rule.tier)
        tier.check()
        sidecar = tier.sidecar(key)
        source = ""
        if sidecar is None:
            sidecar, source = self._copy(policy, rule, version, tier, progress)
        elif sidecar.seal != version.seal:
            raise DisputeError(
                f"{key} on {rule.tier}: the sidecar there carries another seal",
                hint=f"look at {key.sidecar} on that tier; nothing was changed",
                code="REP-OTHER-SEAL",
            )
        self._record(policy, version, rule.tier, sidecar, source, lease)
        row = self._catalogue.replica(key, rule.tier)
        if row is None:
            raise SamarkandError(f"{key} on {rule.tier}: recorded, yet not in the catalogue")
        return row, source

    def _copy(
        self,
        policy: Policy,
        rule: ReplicaRule,
        version: VersionRow,
        tier: Tier,
        progress: Progress,
    ) -> tuple[Sidecar, str]:
        """Write the replica from the first source that verifies while it is read."""
        tried: list[str] = []
        made = self._known_tar(version.key)
        tier.clear_unfinished(version.key)
        for source in self._sources(version.key, rule.tier):
            try:
                there = _tier(self._tiers, source.tier)
                if not there.exists(source.key, source.packaging):
                    tried.append(f"{source.tier}: the replica is not there")
                    self._check_source(policy, source, progress)
                    continue
                held = there.held(source.key, source.packaging)
            except TierUnavailableError as error:
                tried.append(f"{source.tier}: {error.message}")
                continue
            incoming = tier.incoming(version.key, rule.packaging, version.octets)
            try:
                sidecar = write_replica(
                    version, rule.packaging, held, source, incoming, progress, made
                )
                incoming.commit(sidecar)
            except SourceDamagedError as error:
                tried.append(f"{source.tier}: {error.message}")
                self._check_source(policy, source, progress)
            else:
                return sidecar, source.tier
            finally:
                incoming.discard()
        raise SourceDamagedError(
            f"{version.key}: no intact source to copy from ({'; '.join(tried) or 'none known'})",
            hint="run `preserve audit`, then `preserve repair`, for this AIP",
            code="REP-NO-SOURCE",
        )

    def _sources(self, key: VersionKey, target: str) -> list[ReplicaRow]:
        """Replicas to copy from: verified ones first, then those not read back yet."""
        rows = [
            row
            for row in self._catalogue.replicas(key.community, aip=key.aip)
            if row.key == key and row.tier != target and row.state is not ReplicaState.DAMAGED
        ]
        return sorted(rows, key=_promise)

    def _known_tar(self, key: VersionKey) -> TarFacts | None:
        """What every tar of this version is, if one was made before."""
        rows = self._catalogue.replicas(key.community, aip=key.aip)
        return next((row.tar for row in rows if row.key == key and row.tar), None)

    def _check_source(self, policy: Policy, source: ReplicaRow, progress: Progress) -> None:
        """Record what is wrong with a source, unless another run is at it."""
        name = f"replica:{source.key}:{source.tier}"
        with hold(self._catalogue, name, self._events.clock) as lease:
            if lease is not None:
                self._check(policy, source, progress)

    def _record(
        self,
        policy: Policy,
        version: VersionRow,
        tier: str,
        sidecar: Sidecar,
        source: str,
        lease: Lease,
    ) -> None:
        tar = sidecar.to_json()["tar"]
        event = self._events.about(
            version.key,
            EventType.REPLICATION,
            "success",
            {
                "packaging": sidecar.packaging.value,
                "seal": str(sidecar.seal),
                "tar": tar,
                "bytes": version.octets,
                "source": source,
            },
            tier=tier,
            policy=policy.ref,
        )
        self._catalogue.record([event], lease)


def write_replica(
    version: VersionRow,
    packaging: Packaging,
    held: Held,
    source: ReplicaRow,
    incoming: Incoming,
    progress: Progress,
    expected: TarFacts | None,
) -> Sidecar:
    """Write one replica's bytes from another one's, verifying every member on the way.

    Args:
        source: the replica that ``held`` are the bytes of.
        expected: what every samarkand-tar-1 of this version is known to be, if one was made.

    Raises:
        SourceDamagedError: the source does not verify; ``incoming`` is to be discarded.
    """
    sidecar = Sidecar(
        key=version.key,
        seal=version.seal,
        previous_seal=version.previous_seal,
        oxum=f"{version.octets}.{version.files}",
        packaging=packaging,
        tar=None,
    )
    if packaging is Packaging.FOLDER:
        sealed.copy(held, version.seal, incoming.folder, progress, tar=source.tar)
        return sidecar
    source_members = members(held, version.seal, source.tar)
    hashed = MultiHash([Algorithm.SHA256])
    incoming.write(_hashing(sealed.tar_chunks(source_members, version.key, progress), hashed))
    facts = TarFacts(hashed.digests()[Algorithm.SHA256], hashed.octets)
    if expected is not None and expected != facts:
        raise DisputeError(
            f"{version.key}: the tar made now ({facts.digest}) differs from the one on record",
            hint="every samarkand-tar-1 of a version has one digest: please report this",
            code="REP-TAR-DIFFERS",
        )
    return replace(sidecar, tar=facts)


def _promise(row: ReplicaRow) -> tuple[bool, bool]:
    return row.state is not ReplicaState.VERIFIED, row.packaging is not Packaging.FOLDER


def _hashing(chunks: Iterator[bytes], hashed: MultiHash) -> Iterator[bytes]:
    for chunk in chunks:
        hashed.update(chunk)
        yield chunk


def _tier(tiers: Mapping[str, Tier], name: str) -> Tier:
    if name not in tiers:
        raise TierUnavailableError(
            f"there is no tier {name!r} in this home",
            hint="declare it in policies/tiers.yaml and run `preserve policy apply`",
        )
    return tiers[name]


def _result(row: ReplicaRow, state: str, source: str, reason: str) -> ReplicaResult:
    return ReplicaResult(row.key, row.tier, row.packaging, state, source, row.octets, reason)
