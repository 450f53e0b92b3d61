"""Replication: make the replicas that a policy promises and the catalogue does not know.

A replica counts only after it was read back and compared. Everything here may be killed at
any write and run again: what a killed run left invisible is cleared away, what it made
visible is recorded, read back, and counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, ReplicaRow, VersionRow
from preservation.errors import (
    BusyError,
    CatalogueUnavailableError,
    MalformedError,
    NoSpaceError,
    NotNowError,
    SamarkandError,
    SourceDamagedError,
    TierUnavailableError,
    out_of_memory,
)
from preservation.model.allowance import Allowance
from preservation.model.event import EventMaker, EventType
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, ReplicaState, VersionKey
from preservation.model.shard import Shard
from preservation.policy.policy import Policy, ReplicaRule
from preservation.replication.copying import Copier, Weigh
from preservation.replication.due import Due, tier_of
from preservation.replication.planning import plan_replicas
from preservation.replication.reading_back import Checks, look_at_all
from preservation.replication.result import ReplicaResult, not_now, told_of
from preservation.replication.writing import DisputeError
from preservation.storage.tier import Tier


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
        checks: Checks,
        holders: Mapping[str, Tier],
    ) -> None:
        self._catalogue = catalogue
        self._tiers = tiers
        self._events = events
        self._checks = checks
        self._copier = Copier(catalogue, holders, events.clock, checks)

    def plan(
        self,
        policy: Policy,
        *,
        tier: str | None = None,
        aip: str | None = None,
        together: bool = True,
        everything: bool = False,
        budget: Allowance | None = None,
    ) -> list[Shard]:
        """The replicas that are promised and not yet verified: see :func:`plan_replicas`."""
        now = self._events.clock.now()
        return plan_replicas(
            self._catalogue,
            policy,
            now,
            tier=tier,
            aip=aip,
            together=together,
            everything=everything,
            budget=budget,
        )

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
            results.extend(not_now(key, rule, down) for rule in rules if rule.tier in down)
            up = [rule for rule in rules if rule.tier not in down]
            results.extend(self._one(policy, up, key, progress, down))
        if rules and len(down) == len(rules):
            raise down[rules[-1].tier]
        return results

    def read_back(
        self, policy: Policy, row: ReplicaRow, progress: Progress, weigh: Weigh
    ) -> list[ReplicaResult]:
        """Read a folder that was just written back, and make the one other folder that is promised
        of its version from that same read.

        Where more or others are promised, and where anything is in the way, nothing was done, or
        nothing of the folder was recorded: it is to be read back as any other.

        Args:
            row: written; whoever calls has its lease.
            weigh: records what the read came to.
        """
        others = [rule for rule in policy.replicas if rule.tier != row.tier]
        folders = row.packaging is Packaging.FOLDER and all(
            rule.packaging is Packaging.FOLDER for rule in others
        )
        if not folders or len(others) != 1:
            return []

        def copy(version: VersionRow, due: list[Due]) -> None:
            for one in due:
                try:
                    self._copier.copy_new(policy, version, row, one, progress, weigh)
                except (SourceDamagedError, TierUnavailableError) as error:
                    one.error = error

        progress.begin(f"replicate {row.key}", row.octets * 2)
        return self._one(policy, others, row.key, progress, {}, copy)

    def _one(
        self,
        policy: Policy,
        rules: Sequence[ReplicaRule],
        key: VersionKey,
        progress: Progress,
        down: dict[str, SamarkandError],
        copy: Callable[[VersionRow, list[Due]], None] | None = None,
    ) -> list[ReplicaResult]:
        """Make one version's replicas.

        Args:
            down: gets the tiers that turn out to be in the way.
            copy: writes their bytes; from any source that verifies, if it is not given.
        """
        version = self._catalogue.version(key)
        if version is None:
            progress.say(f"{key}: disposed of since the plan was made")
            return []
        results: list[ReplicaResult] = []
        with ExitStack() as leases:
            due: list[Due] = []
            for rule in rules:
                name = f"replica:{key}:{rule.tier}"
                lease = leases.enter_context(hold(self._catalogue, name, self._events.clock))
                if lease is None:
                    results.append(ReplicaResult(key, rule.tier, rule.packaging, "busy", "", 0))
                    continue
                try:
                    due.append(Due(rule, version, tier_of(self._tiers, rule.tier), lease))
                except TierUnavailableError as error:
                    down[rule.tier] = error
                    results.append(not_now(key, rule, down))
            for one in due:
                self._each(one, self._look)
            wanting = [one for one in due if one.is_to_be_copied]
            if copy is None:
                self._copier.copy(policy, version, wanting, progress)
            else:
                copy(version, wanting)
            for one in due:
                self._each(one, lambda one: self._record(policy, one))
            read_back = self._read_back(policy, due, progress)
            for one in due:
                told = read_back.get(one.rule.tier)
                results.append(told or self._told(one, progress, down))
        return results

    @staticmethod
    def _each(one: Due, act: Callable[[Due], None]) -> None:
        """Go on with one replica, unless something was in its way before."""
        if one.error is None:
            try:
                act(one)
            except CatalogueUnavailableError:
                raise
            except (NotNowError, DisputeError, MalformedError) as error:
                one.error = error

    @staticmethod
    def _told(one: Due, progress: Progress, down: dict[str, SamarkandError]) -> ReplicaResult:
        """What became of a replica that was not to be read back."""
        key, rule, error = one.version.key, one.rule, one.error
        if isinstance(error, TierUnavailableError | NoSpaceError):
            down[rule.tier] = error
            return not_now(key, rule, down)
        if error is not None:
            if not isinstance(error, NotNowError | DisputeError | MalformedError):
                raise error
            return _not_made(one, error, progress)
        row = one.row
        if row is None:
            raise SamarkandError(f"{key} on {rule.tier}: recorded, yet not in the catalogue")
        progress.skip(2 * row.octets)
        return told_of(row, row.state.value, one.source, "")

    def _read_back(
        self, policy: Policy, due: Sequence[Due], progress: Progress
    ) -> dict[str, ReplicaResult]:
        """Read back those that are to be, at the same time; record each as soon as that is done.
        What became of them, by tier.

        Raises:
            SamarkandError: one of them could not be recorded; the others are.
        """
        reading = {one.rule.tier: one for one in due if one.is_to_be_read_back}
        rows = [one.row for one in reading.values() if one.row is not None]
        told: dict[str, ReplicaResult] = {}
        unrecorded: list[SamarkandError] = []
        with closing(look_at_all(self._checks, rows, progress)) as read:
            for tier, looked in read:
                try:
                    told[tier] = self._weighed(policy, reading[tier], looked, progress)
                except CatalogueUnavailableError:
                    raise
                except SamarkandError as error:
                    unrecorded.append(error)
        if unrecorded:
            raise unrecorded[0]
        return told

    def _weighed(self, policy: Policy, one: Due, looked: Any, progress: Progress) -> ReplicaResult:
        """Record how a replica read back; what became of it."""
        row = one.row
        if row is None:
            raise SamarkandError(f"{one.version.key} on {one.rule.tier}: read, yet not known")
        if isinstance(looked, Exception):
            return _not_read(row, one.source, looked, progress)
        try:
            checked = self._checks.weigh_up(policy, row, looked, progress, None, one.lease)
        except BusyError as lost:
            return _not_made(one, lost, progress)
        state = {
            Outcome.INTACT: ReplicaState.VERIFIED.value,
            Outcome.UNCHECKED: ReplicaState.WRITTEN.value,
        }.get(checked.outcome, ReplicaState.DAMAGED.value)
        if checked.ready_by is not None:
            state = "recalled"
        return told_of(row, state, one.source, checked.reason)

    def _look(self, one: Due) -> None:
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

    def _record(self, policy: Policy, one: Due) -> None:
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


def _not_read(row: ReplicaRow, source: str, error: Exception, progress: Progress) -> ReplicaResult:
    """One that is written, and that something kept from being read back: due again."""
    known = error if isinstance(error, SamarkandError) else out_of_memory(error)
    if known is not None:
        reason = f"[{known.code}] {known.message}"
    else:
        reason = f"a defect, please report it: {type(error).__name__}: {error}"
    progress.say(f"{row.key} on {row.tier}: not read back: {reason}")
    return told_of(row, row.state.value, source, reason)


def _not_made(one: Due, error: SamarkandError, progress: Progress) -> ReplicaResult:
    key, rule = one.version.key, one.rule
    progress.say(f"{key} on {rule.tier}: {error.message}")
    state = "busy" if isinstance(error, BusyError) else "not made"
    reason = f"[{error.code}] {error.message}"
    return ReplicaResult(key, rule.tier, rule.packaging, state, "", 0, reason)
