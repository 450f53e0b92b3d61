"""One run over one shard: replica by replica under its lease, several of them read at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from preservation.audit.brake import Brake
from preservation.audit.check import Checker, Looked
from preservation.audit.parted import PartedChecks
from preservation.audit.readers import Readers
from preservation.bags.parted import Part
from preservation.catalogue.holding import hold_all
from preservation.catalogue.protocol import Lease, ReplicaRow
from preservation.catalogue.sql import SqlCatalogue
from preservation.errors import BusyError
from preservation.fixity.rate import RateLimit
from preservation.model.check import CheckResult
from preservation.model.clock import Clock, parse_stamp
from preservation.model.digest import Algorithm
from preservation.model.finding import Finding
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.model.shard import Shard
from preservation.policy.policy import Policy

LONG = 1024**3  # octets; while so much is read, a limit may come that was not there before
SMALL = 16 * 1024**2  # octets of a replica, on average, below which leases are taken together
TOGETHER = 100


class _Lot:
    """Leases that were taken together; they are given back when the last check under them ended."""

    def __init__(self, catalogue: SqlCatalogue, names: list[str], clock: Clock) -> None:
        self._ending = ExitStack()
        self.leases: dict[str, Lease] = self._ending.enter_context(
            hold_all(catalogue, names, clock)
        )
        self._left = len(names)

    def ended(self) -> None:
        """One check fewer."""
        self._left -= 1
        if not self._left:
            self.close()

    def close(self) -> None:
        """Give them back, if they are not yet."""
        self._ending.close()


class _Begun(NamedTuple):
    """A replica that is being read, and which of the shard's it is."""

    place: int
    row: ReplicaRow
    lot: _Lot
    lease: Lease | None


class ShardRun:
    """Checks a shard; for one thread, which alone asks and tells the catalogue.

    Attributes:
        octets: that were read.
        left: replicas that were not begun, since the hours were over.
        found: what was found beside the checks.
    """

    def __init__(
        self,
        catalogue: SqlCatalogue,
        checker: Checker,
        parted: PartedChecks,
        brake: Brake,
        clock: Clock,
        *,
        policy: Policy,
        shard: Shard,
        progress: Progress,
        limit: RateLimit,
    ) -> None:
        self._catalogue, self._checker, self._parted = catalogue, checker, parted
        self._brake, self._clock = brake, clock
        self._policy, self._shard, self._progress = policy, shard, progress
        self._limit = limit
        self._checks: dict[int, CheckResult] = {}
        self._reading: dict[int, _Begun] = {}
        self.octets = self.left = 0
        self.found: list[Finding] = []

    def go(self, at_once: int) -> list[CheckResult]:
        """Check what is to be checked; the results in the order of the shard.

        Args:
            at_once: replicas that are read at the same time.
        """
        with ExitStack() as lots, Readers[Looked](at_once) as readers:
            for place, (key, lot, lease) in enumerate(self._leased(lots)):
                row = self._due(key, lease)
                if row is None or self._shard.parts:
                    self._part(place, row)
                    lot.ended()
                    continue
                wanted = self._checker.digests(self._policy, row)
                number = readers.begin(partial(self._look, row, wanted, readers.is_stopped))
                self._reading[number] = _Begun(place, row, lot, lease)
                while readers.is_full:  # no lease is taken for what would wait for others
                    self._end(readers)
            while not readers.is_empty:
                self._end(readers)
        return [check for _, check in sorted(self._checks.items())]

    def _leased(self, lots: ExitStack) -> Iterator[tuple[VersionKey, _Lot, Lease | None]]:
        """The replicas, each under its lease, None where another run holds it. Leases of small
        ones are taken several at once.
        """
        keys, shard = self._shard.keys, self._shard
        several = TOGETHER if shard.octets < SMALL * len(keys) else 1
        part = f":part {shard.part}" if shard.parts else ""
        for first in range(0, len(keys), several):
            some = keys[first : first + several]
            names = {f"replica:{key}:{shard.tier}{part}": key for key in some}
            lot = _Lot(self._catalogue, list(names), self._clock)
            lots.callback(lot.close)
            for name, key in names.items():
                yield key, lot, lot.leases.get(name)

    def _due(self, key: VersionKey, lease: Lease | None) -> ReplicaRow | None:
        """The replica, if it is to be read now."""
        shard, progress = self._shard, self._progress
        planned, now = parse_stamp(shard.planned), self._clock.now()
        hours = self._policy.audit.hours
        if hours and now >= planned + hours:
            self.left += not shard.parts  # of parts it is counted where the run is settled
            return None
        if lease is None:
            progress.say(f"{key} on {shard.tier}: another run is at it")
            return None
        row = self._catalogue.replica(key, shard.tier)
        # Not by a clock that has gone back since: nobody knows how old that check is.
        if row is None or row.checked_at is None or not planned < row.checked_at <= now:
            return row
        progress.say(f"{key} on {shard.tier}: checked since the plan was made")
        progress.skip(row.octets)
        return None

    def _rate(self, row: ReplicaRow) -> RateLimit | None:
        return self._limit if self._limit.is_set or row.octets >= LONG else None

    def _look(
        self, row: ReplicaRow, wanted: tuple[Algorithm, ...], stopped: Callable[[], bool]
    ) -> Looked:
        return self._checker.look(
            row, self._progress, algorithms=wanted, rate=self._rate(row), cancelled=stopped
        )

    def _end(self, readers: Readers[Looked]) -> None:
        """Record whatever was read to its end next, unless another run took it over meanwhile."""
        number, looked = readers.wait()
        place, row, lot, lease = self._reading.pop(number)
        drawn = self._shard.drawn
        try:
            check = self._checker.weigh_up(self._policy, row, looked, self._progress, drawn, lease)
        except BusyError as error:
            self._progress.say(f"{row.key} on {row.tier}: not recorded: {error.message}")
        else:
            self._keep(place, check.octets, check)
        lot.ended()

    def _part(self, place: int, row: ReplicaRow | None) -> None:
        """Check a part of a very large replica: it records by itself what it reads."""
        if row is None:
            return
        shard, rate = self._shard, self._rate(row)
        octets, check = self._parted.check(
            self._policy,
            row,
            Part(shard.part, shard.parts),
            self._progress,
            rate,
            shard.drawn,
        )
        self._keep(place, octets, check)

    def _keep(self, place: int, octets: int, check: CheckResult | None) -> None:
        self.octets += octets
        if check is None:
            return
        self._checks[place] = check
        if check.outcome.is_damage:
            self._too_much()

    def _too_much(self) -> None:
        """Put the brake on repair where this cannot be chance."""
        planned = parse_stamp(self._shard.planned)
        finding = self._brake.put_on(self._policy, self._shard.tier, planned)
        if finding is not None:
            self._progress.say(f"{finding.subject}: {finding.message}")
            self.found.append(finding)
