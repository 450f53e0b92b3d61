"""Replication: make the replicas that a policy promises and the catalogue does not know.

A replica counts only after it was read back and compared. Everything here may be killed at
any write and run again: what a killed run left invisible is cleared away, what it made
visible is recorded, read back, and counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, Lease, ReplicaRow, VersionRow
from preservation.errors import (
    BusyError,
    CatalogueUnavailableError,
    ColdError,
    MalformedError,
    NoSpaceError,
    NotNowError,
    SamarkandError,
    SourceDamagedError,
    TierUnavailableError,
)
from preservation.files.tar_index import Index
from preservation.model.check import CheckResult
from preservation.model.clock import stamp
from preservation.model.event import EventMaker, EventType
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress, Silence
from preservation.model.replica import Packaging, ReplicaState, Sidecar, TarFacts, VersionKey
from preservation.model.shard import MAX_SHARDS, SHARD_ITEMS, Shard, into_shards
from preservation.policy.policy import Policy, ReplicaRule
from preservation.replication.tee import LeftBehindError
from preservation.replication.writing import DisputeError, Target, write_replica, write_replicas
from preservation.storage.pace import paced
from preservation.storage.steps import tier_errors
from preservation.storage.tier import WITHOUT_END, Incoming, LargerError, Tier

_PLANNED = MAX_SHARDS * SHARD_ITEMS  # versions: what one plan can hold

Check = Callable[[Policy, ReplicaRow, Progress], CheckResult]


@dataclass(frozen=True, slots=True)
class ReplicaResult:
    """What became of one replica that was due."""

    key: VersionKey
    tier: str
    packaging: Packaging
    # "verified", "written" (not read back yet), "recalled" (written, and read back by a later
    # run), "damaged", "busy", "not made", "not now"
    state: str
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


@dataclass(slots=True)
class _Due:
    """One replica that is due, on its way.

    Attributes:
        row: once the catalogue knows it.
        sidecar: once its bytes are visible.
        error: what stands in the way, if anything does.
        is_larger: whether it turned out to be larger than anybody knew.
    """

    rule: ReplicaRule
    version: VersionRow
    tier: Tier
    lease: Lease
    row: ReplicaRow | None = None
    sidecar: Sidecar | None = None
    source: str = ""
    error: SamarkandError | None = None
    is_larger: bool = False

    @property
    def is_to_be_copied(self) -> bool:
        """Whether its bytes have to be written."""
        return self.row is None and self.sidecar is None and self.error is None


class ReplicationService:
    """Plans and makes replicas for one community at a time.

    Args:
        tiers: where replicas are made.
        holders: where they are read, by id; also tiers where no replica is promised any more.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        tiers: Mapping[str, Tier],
        events: EventMaker,
        check: Check,
        holders: Mapping[str, Tier],
    ) -> None:
        self._catalogue = catalogue
        self._tiers = tiers
        self._holders = holders
        self._events = events
        self._check = check

    def plan(
        self,
        policy: Policy,
        *,
        tier: str | None = None,
        aip: str | None = None,
        together: bool = True,
    ) -> list[Shard]:
        """The replicas that are promised and not yet verified.

        Args:
            together: versions that are due on several tiers are planned once for all of these,
                in the name of the first one, so that one read serves them; else tier by tier.
        """
        planned = stamp(self._events.clock.now())
        rules = [rule for rule in policy.replicas if tier in (None, rule.tier)]
        shards: list[Shard] = []
        for some in [rules] if together else [[rule] for rule in rules]:
            due: dict[tuple[str, ...], list[tuple[VersionKey, int]]] = {}
            for key, octets, tiers in self._due(policy.community, some, aip):
                listed = due.setdefault(tiers, [])
                if len(listed) < _PLANNED:
                    listed.append((key, octets))
            for (first, *also), sized in due.items():
                shards.extend(
                    into_shards(policy.community, first, policy.ref, planned, sized, (*also,))
                )
        return shards

    def _due(
        self, community: str, rules: Sequence[ReplicaRule], aip: str | None
    ) -> Iterator[tuple[VersionKey, int, tuple[str, ...]]]:
        """Each version with the tiers that it is due on. Sequences in one order are merged;
        memory stays flat.
        """
        now = self._events.clock.now()
        there = {rule.tier: _Rows(self._catalogue, community, rule.tier, aip) for rule in rules}
        for version in self._catalogue.versions(community, aip=aip):
            due = tuple(name for name, rows in there.items() if rows.is_due(version.key, now))
            if due:
                yield version.key, version.octets, due

    def run(self, policy: Policy, shard: Shard, progress: Progress) -> list[ReplicaResult]:
        """Make and verify a shard's replicas, those of one version from one read, each recorded
        before the next version begins.

        One that cannot be made (no source verifies, the catalogue is at odds with the tier) is
        told as ``not made``, and the others are made all the same. A tier that is in the way is
        left out from there on, ``not now``.

        Raises:
            TierUnavailableError, NoSpaceError: all of the shard's tiers are in the way.
        """
        rules = [rule for rule in policy.replicas if rule.tier in shard.tiers]
        progress.begin(f"replicate {shard.label}", shard.octets * 2 * len(rules))
        down: dict[str, SamarkandError] = {}
        results: list[ReplicaResult] = []
        for key in shard.keys:
            if rules and len(down) == len(rules):
                raise down[rules[-1].tier]
            results.extend(_not_now(key, rule, down) for rule in rules if rule.tier in down)
            up = [rule for rule in rules if rule.tier not in down]
            results.extend(self._one(policy, up, key, progress, down))
        if rules and len(down) == len(rules):
            raise down[rules[-1].tier]
        return results

    def _one(
        self,
        policy: Policy,
        rules: Sequence[ReplicaRule],
        key: VersionKey,
        progress: Progress,
        down: dict[str, SamarkandError],
    ) -> list[ReplicaResult]:
        """Make one version's replicas.

        Args:
            down: gets the tiers that turn out to be in the way.
        """
        version = self._catalogue.version(key)
        if version is None:
            progress.say(f"{key}: disposed of since the plan was made")
            return []
        results: list[ReplicaResult] = []
        with ExitStack() as leases:
            due: list[_Due] = []
            for rule in rules:
                name = f"replica:{key}:{rule.tier}"
                lease = leases.enter_context(hold(self._catalogue, name, self._events.clock))
                if lease is None:
                    results.append(ReplicaResult(key, rule.tier, rule.packaging, "busy", "", 0))
                    continue
                try:
                    due.append(_Due(rule, version, _tier(self._tiers, rule.tier), lease))
                except TierUnavailableError as error:
                    down[rule.tier] = error
                    results.append(_not_now(key, rule, down))
            for one in due:
                self._each(one, self._look)
            self._copy(policy, version, [one for one in due if one.is_to_be_copied], progress)
            for one in due:
                self._each(one, lambda one: self._record(policy, one))
            results.extend(self._told(policy, one, progress, down) for one in due)
        return results

    @staticmethod
    def _each(one: _Due, act: Callable[[_Due], None]) -> None:
        """Go on with one replica, unless something was in its way before."""
        if one.error is None:
            try:
                act(one)
            except CatalogueUnavailableError:
                raise
            except (NotNowError, DisputeError, MalformedError) as error:
                one.error = error

    def _told(
        self, policy: Policy, one: _Due, progress: Progress, down: dict[str, SamarkandError]
    ) -> ReplicaResult:
        """Read a replica back; what became of it."""
        key, rule, error = one.version.key, one.rule, one.error
        if isinstance(error, TierUnavailableError | NoSpaceError):
            down[rule.tier] = error
            return _not_now(key, rule, down)
        if error is not None:
            if not isinstance(error, NotNowError | DisputeError | MalformedError):
                raise error
            progress.say(f"{key} on {rule.tier}: {error.message}")
            state = "busy" if isinstance(error, BusyError) else "not made"
            reason = f"[{error.code}] {error.message}"
            return ReplicaResult(key, rule.tier, rule.packaging, state, "", 0, reason)
        row = one.row
        if row is None:
            raise SamarkandError(f"{key} on {rule.tier}: recorded, yet not in the catalogue")
        if row.state is not ReplicaState.WRITTEN:
            return _result(row, row.state.value, one.source, "")
        checked = self._check(policy, row, progress)
        state = {
            Outcome.INTACT: ReplicaState.VERIFIED.value,
            Outcome.UNCHECKED: ReplicaState.WRITTEN.value,
        }.get(checked.outcome, ReplicaState.DAMAGED.value)
        if checked.ready_by is not None:
            state = "recalled"
        return _result(row, state, one.source, checked.reason)

    def _look(self, one: _Due) -> None:
        """What is known of a replica, in the catalogue or on its tier."""
        key = one.version.key
        one.row = self._catalogue.replica(key, one.rule.tier)
        if one.row is not None:
            return
        one.tier.check()
        one.sidecar = one.tier.sidecar(key)
        if one.sidecar is None:
            one.tier.clear_unfinished(key)
        elif one.sidecar.seal != one.version.seal:
            raise DisputeError(
                f"{key} on {one.rule.tier}: the sidecar there carries another seal",
                hint=f"look at {key.sidecar} on that tier; nothing was changed",
                code="REP-OTHER-SEAL",
            )

    def _copy(
        self, policy: Policy, version: VersionRow, due: list[_Due], progress: Progress
    ) -> None:
        """Write replicas from the first source that verifies while it is read."""
        tried: list[str] = []
        cold: list[ReplicaRow] = []
        made = self._known_tar(version.key) if due else None
        for source in self._sources(version.key) if due else ():
            try:
                there = _tier(self._holders, source.tier)
                if not there.exists(source.key, source.packaging):
                    tried.append(f"{source.tier}: the replica is not there")
                    self._check_source(policy, source, progress)
                    continue
                copy = _Copy(version, source, there, made, progress)
                copy.write(due)
            except TierUnavailableError as error:
                tried.append(f"{source.tier}: {error.message}")
                if isinstance(error, ColdError):
                    cold.append(source)
            except SourceDamagedError as error:
                tried.append(f"{source.tier}: {error.message}")
                self._check_source(policy, source, progress)
            due = [one for one in due if one.is_to_be_copied]
            if not due:
                return
        for source in cold if due else ():  # no other gives the bytes: a check recalls these
            self._check_source(policy, source, progress)
        for one in due:
            one.error = SourceDamagedError(
                f"{version.key}: no intact source to copy from "
                f"({'; '.join(tried) or 'none known'})",
                hint="run `preserve audit`, then `preserve repair`, for this AIP",
                code="REP-NO-SOURCE",
            )

    def _sources(self, key: VersionKey) -> list[ReplicaRow]:
        """Replicas to copy from: verified ones first, then those not read back yet."""
        rows = [
            row
            for row in self._catalogue.replicas(key.community, aip=key.aip)
            if row.key == key and row.state is not ReplicaState.DAMAGED
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

    def _record(self, policy: Policy, one: _Due) -> None:
        """Put a replica that became visible on record."""
        version, sidecar = one.version, one.sidecar
        if sidecar is None:
            return
        event = self._events.about(
            version.key,
            EventType.REPLICATION,
            "success",
            {
                "packaging": sidecar.packaging.value,
                "seal": str(sidecar.seal),
                "tar": sidecar.to_json()["tar"],
                "bytes": version.octets,
                "source": one.source,
            },
            tier=one.rule.tier,
            policy=policy.ref,
        )
        self._catalogue.record([event], one.lease)
        one.row = self._catalogue.replica(version.key, one.rule.tier)


class _Copy:
    """One source being copied to the tiers where its version is due."""

    def __init__(
        self,
        version: VersionRow,
        source: ReplicaRow,
        there: Tier,
        made: TarFacts | None,
        progress: Progress,
    ) -> None:
        self._version, self._source, self._made = version, source, made
        self._held = there.held(source.key, source.packaging)
        self._there, self._progress = there, progress

    def write(self, due: Sequence[_Due]) -> None:
        """Write all of them from one read; one that could not keep up is then tried alone.

        Raises:
            SourceDamagedError: the source does not verify.
        """
        if len(due) > 1:
            due = self._together(due)
        for one in due:
            self._alone(one)

    def _together(self, due: Sequence[_Due]) -> list[_Due]:
        """Returns those that are worth another try."""
        targets = {id(one): target for one in due if (target := self._opened(one)) is not None}
        writing = [one for one in due if id(one) in targets]
        try:
            sidecars = write_replicas(
                self._version,
                self._held,
                self._source,
                [targets[id(one)] for one in writing],
                paced(Silence(), self._there),
                self._made,
                index := Index(self._version.key.top),
            )
            for one, sidecar in zip(writing, sidecars, strict=True):
                one.error = targets[id(one)].error
                if sidecar is not None:
                    self._commit(one, targets[id(one)].incoming, sidecar, index)
        finally:
            for target in targets.values():
                if not target.hangs:
                    target.incoming.discard()
        again = [one for one in writing if isinstance(one.error, LeftBehindError | LargerError)]
        again = [one for one in again if not targets[id(one)].hangs]
        for one in again:
            one.is_larger = isinstance(one.error, LargerError)
            one.error = None
        return again

    def _alone(self, one: _Due) -> None:
        target = self._opened(one)
        if target is None:
            return
        try:
            index = Index(self._version.key.top)
            with tier_errors(target.tier):
                sidecar = write_replica(
                    self._version,
                    target.packaging,
                    self._held,
                    self._source,
                    target.incoming,
                    paced(target.progress, self._there),
                    self._made,
                    index,
                )
            self._commit(one, target.incoming, sidecar, index)
        except SourceDamagedError:
            raise
        except (NotNowError, DisputeError, MalformedError) as error:
            one.error = error
        finally:
            target.incoming.discard()
        if isinstance(one.error, LargerError) and not one.is_larger:
            one.is_larger, one.error = True, None
            self._alone(one)

    def _opened(self, one: _Due) -> Target | None:
        """A place to write in; None if there is none, and then it is said why."""
        key, packaging = self._version.key, one.rule.packaging
        try:
            incoming = one.tier.incoming(key, packaging, self._octets(one))
        except NotNowError as error:
            one.error = error
            return None
        return Target(one.rule.tier, packaging, incoming, paced(self._progress, one.tier))

    def _octets(self, one: _Due) -> int:
        """About how much will be written."""
        if one.is_larger:
            return WITHOUT_END
        if one.rule.packaging is Packaging.TAR and self._made is not None:
            return self._made.octets
        return self._version.octets

    def _commit(self, one: _Due, incoming: Incoming, sidecar: Sidecar, index: Index) -> None:
        try:
            if sidecar.tar is not None:
                one.tier.keep_index(sidecar.key, index)
            incoming.commit(sidecar)
        except NotNowError as error:
            one.error = error
            return
        one.sidecar, one.source = sidecar, self._source.tier


class _Rows:
    """The replicas on one tier, beside the versions that they are of."""

    def __init__(self, catalogue: Catalogue, community: str, tier: str, aip: str | None) -> None:
        self._rows = catalogue.replicas(community, tier=tier, aip=aip)
        self._next = next(self._rows, None)

    def is_due(self, key: VersionKey, now: datetime) -> bool:
        """Whether a version's replica is unknown, or was not read back yet and can be by now."""
        while self._next is not None and self._next.key < key:
            self._next = next(self._rows, None)
        row = self._next
        if row is None or row.key != key:
            return True
        is_cold = row.ready_by is not None and row.ready_by > now
        return row.state is ReplicaState.WRITTEN and not is_cold


def _promise(row: ReplicaRow) -> tuple[bool, bool]:
    return row.state is not ReplicaState.VERIFIED, row.packaging is not Packaging.FOLDER


def _tier(tiers: Mapping[str, Tier], name: str) -> Tier:
    if name not in tiers:
        raise TierUnavailableError(
            f"there is no tier {name!r} in this home",
            hint="declare it in policies/tiers.yaml and run `preserve policy apply`",
        )
    return tiers[name]


def _result(row: ReplicaRow, state: str, source: str, reason: str) -> ReplicaResult:
    return ReplicaResult(row.key, row.tier, row.packaging, state, source, row.octets, reason)


def _not_now(
    key: VersionKey, rule: ReplicaRule, down: Mapping[str, SamarkandError]
) -> ReplicaResult:
    error = down[rule.tier]
    reason = f"[{error.code}] {error.message}"
    return ReplicaResult(key, rule.tier, rule.packaging, "not now", "", 0, reason)
