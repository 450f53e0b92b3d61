"""Copying a version to the tiers where it is due, from the first source that verifies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from preservation.bags import sealed
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, ReplicaRow, VersionRow
from preservation.errors import (
    BusyError,
    ColdError,
    MalformedError,
    NotNowError,
    SourceDamagedError,
    TierUnavailableError,
)
from preservation.files.held import HeldFolder
from preservation.files.tar_index import Index
from preservation.model.check import CheckResult
from preservation.model.clock import Clock
from preservation.model.progress import Progress, Silence
from preservation.model.replica import Packaging, ReplicaState, Sidecar, TarFacts, VersionKey
from preservation.policy.policy import Policy
from preservation.replication.due import Due, tier_of
from preservation.replication.reading_back import Checks
from preservation.replication.tee import LeftBehindError
from preservation.replication.writing import DisputeError, Target, write_replica, write_replicas
from preservation.storage.pace import paced
from preservation.storage.steps import tier_errors
from preservation.storage.tier import WITHOUT_END, Incoming, LargerError, Tier

# Records what a copy's read of its source came to; the moment is when that began.
Weigh = Callable[[Policy, ReplicaRow, sealed.Verification, datetime, Progress], CheckResult]


class Copier:
    """Writes the replicas of one version at a time.

    Args:
        holders: where replicas are read, by id.
        checks: find out, and record, what is wrong with a source.
    """

    def __init__(
        self, catalogue: Catalogue, holders: Mapping[str, Tier], clock: Clock, checks: Checks
    ) -> None:
        self._catalogue, self._holders = catalogue, holders
        self._clock, self._checks = clock, checks

    def copy_new(
        self,
        policy: Policy,
        version: VersionRow,
        source: ReplicaRow,
        one: Due,
        progress: Progress,
        weigh: Weigh,
    ) -> None:
        """Write a folder from one that was not read back yet, so that the same read does that.

        Args:
            weigh: records the read, before the copy becomes visible.

        Raises:
            SourceDamagedError: the source does not verify: nothing was recorded.
            NotNowError: its tier is in the way.
        """
        began = self._clock.now()
        there = tier_of(self._holders, source.tier)

        def weighed(verified: sealed.Verification) -> None:
            weigh(policy, source, verified, began, progress)

        _Copy(version, source, there, None, progress, weighed).write([one])

    def copy(self, policy: Policy, version: VersionRow, due: list[Due], progress: Progress) -> None:
        """Write replicas from the first source that verifies while it is read."""
        tried: list[str] = []
        cold: list[ReplicaRow] = []
        made = self._known_tar(version.key) if due else None
        for source in self._sources(version.key) if due else ():
            try:
                there = tier_of(self._holders, source.tier)
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
        with hold(self._catalogue, name, self._clock) as lease:
            if lease is not None:
                with suppress(BusyError):  # another run took it over, and will say it
                    self._checks.check(policy, source, progress, lease=lease)


class _Copy:
    """One source being copied to the tiers where its version is due."""

    def __init__(
        self,
        version: VersionRow,
        source: ReplicaRow,
        there: Tier,
        made: TarFacts | None,
        progress: Progress,
        weighed: Callable[[sealed.Verification], None] | None = None,
    ) -> None:
        self._version, self._source, self._made = version, source, made
        self._weighed = weighed
        self._held = there.held(source.key, source.packaging)
        self._there, self._progress = there, progress

    def write(self, due: Sequence[Due]) -> None:
        """Write all of them from one read; one that could not keep up is then tried alone.

        Raises:
            SourceDamagedError: the source does not verify.
        """
        if len(due) > 1:
            due = self._together(due)
        for one in due:
            self._alone(one)

    def _together(self, due: Sequence[Due]) -> list[Due]:
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

    def _alone(self, one: Due) -> None:
        target = self._opened(one)
        if target is None:
            return
        try:
            index = Index(self._version.key.top)
            sidecar = self._written(target, index)
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

    def _written(self, target: Target, index: Index) -> Sidecar:
        pace = paced(target.progress, self._there)
        if self._weighed is not None and isinstance(self._held, HeldFolder):
            with tier_errors(target.tier):
                verified = sealed.copy_and_check(
                    self._held, self._version.seal, target.incoming.folder, pace
                )
            self._weighed(verified)
            return self._version.sidecar(target.packaging)
        with tier_errors(target.tier):
            return write_replica(
                self._version,
                target.packaging,
                self._held,
                self._source,
                target.incoming,
                pace,
                self._made,
                index,
            )

    def _opened(self, one: Due) -> Target | None:
        """A place to write in; None if there is none, and then it is said why."""
        key, packaging = self._version.key, one.rule.packaging
        try:
            incoming = one.tier.incoming(key, packaging, self._octets(one))
        except NotNowError as error:
            one.error = error
            return None
        return Target(one.rule.tier, packaging, incoming, paced(self._progress, one.tier))

    def _octets(self, one: Due) -> int:
        """About how much will be written."""
        if one.is_larger:
            return WITHOUT_END
        if one.rule.packaging is Packaging.TAR and self._made is not None:
            return self._made.octets
        return self._version.octets

    def _commit(self, one: Due, incoming: Incoming, sidecar: Sidecar, index: Index) -> None:
        try:
            if sidecar.tar is not None:
                one.tier.keep_index(sidecar.key, index)
            incoming.commit(sidecar)
        except NotNowError as error:
            one.error = error
            return
        one.sidecar, one.source = sidecar, self._source.tier


def _promise(row: ReplicaRow) -> tuple[bool, bool]:
    return row.state is not ReplicaState.VERIFIED, row.packaging is not Packaging.FOLDER
