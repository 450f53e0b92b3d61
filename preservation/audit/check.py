"""One fixity check of one replica: read it, compare it under its seal, record the evidence.

Used by every service that needs to know whether a replica is good: ingest and replication
read back with it, the audit checks with it, repair asks it before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from preservation.audit.damaged import damaged_paths
from preservation.audit.part_seen import file_json
from preservation.audit.recalling import recalled
from preservation.audit.seen import Seen, nothing, reach, seen_of
from preservation.bags import sealed
from preservation.catalogue.protocol import Catalogue, FindingRow, Lease, ReplicaRow
from preservation.errors import ColdError, NotNowError, SamarkandError
from preservation.fixity.engine import EngineSettings, never
from preservation.fixity.rate import RateLimit
from preservation.ledger.protocol import Journal
from preservation.model.check import CheckResult
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import DAMAGE, NO_INTACT_REPLICA, Finding, Severity
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import ReplicaState
from preservation.model.sampling import Drawing
from preservation.policy.policy import Policy
from preservation.storage.pace import paced
from preservation.storage.tier import Tier

_GONE = "it is no replica of the archive's any more"
LISTED = 20  # files named in a finding; the result document names all

# Where damaged files differ from an intact replica's: ``{"compared_with", "ranges"}``, or nothing.
Localise = Callable[[ReplicaRow, Sequence[sealed.FileFinding]], Mapping[str, Any]]

_CODES = {
    Outcome.ALTERED: "FIX-ALTERED",
    Outcome.MISSING: "FIX-MISSING",
    Outcome.UNREADABLE: "FIX-UNREADABLE",
}
_HINTS = {
    Outcome.ALTERED: "run `preserve repair`; the damaged bytes will be kept in quarantine",
    Outcome.MISSING: "look whether the tier is whole, then run `preserve repair`",
    Outcome.UNREADABLE: "look at the medium's own log, replace it, then run `preserve repair`",
}


class Looked(NamedTuple):
    """What a look at a replica came to, and when it began; None: it has to be recalled before."""

    began: datetime
    seen: Seen | None


class Checker:
    """Checks replicas and records what it finds."""

    def __init__(
        self,
        catalogue: Catalogue,
        journal: Journal,
        tiers: Mapping[str, Tier],
        events: EventMaker,
        engine: EngineSettings,
        localise: Localise = lambda _row, _files: {},
    ) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._tiers = tiers
        self._events = events
        self._engine = engine
        self._localise = localise

    def check(
        self,
        policy: Policy,
        row: ReplicaRow,
        progress: Progress,
        *,
        rate: RateLimit | None = None,
        drawn: Drawing | None = None,
        lease: Lease | None = None,
    ) -> CheckResult:
        """Read a replica back, compare all of it, record the event and what follows from it.

        Damage opens a finding (once per replica); a replica found intact closes it. A tier
        that cannot be asked gives ``unchecked``: nothing is recorded about the replica, since
        nothing is known.

        Args:
            row: which replica; what it is by now is looked up, since it may have been seen before
                the lease was taken.
            rate: how fast to read at most; other readers may share it.
            drawn: how it was drawn by lot, if it was; the event says so.
            lease: on the replica: what was read is old news where another run took it over.

        Raises:
            BusyError: the lease was lost; nothing was recorded.
        """
        now = self._catalogue.replica(row.key, row.tier)
        if now is None:  # retired or disposed of: nobody misses it
            return CheckResult(row.key, row.tier, Outcome.UNCHECKED, 0, _GONE)
        looked = self.look(now, progress, algorithms=self.digests(policy, now), rate=rate)
        return self.weigh_up(policy, now, looked, progress, drawn, lease)

    def digests(
        self, policy: Policy, row: ReplicaRow, ahead: timedelta = timedelta(0)
    ) -> tuple[Algorithm, ...]:
        """The digests that a check of a replica compares, as far as its bag has them: SHA-256,
        which every bag of ours has, or all.

        What was damaged is compared by all, whatever the policy says: a check that compares fewer
        than the one that found the damage could not say that it is gone.

        Args:
            ahead: how much later the check may be recorded.
        """
        rule = policy.audit.tiers.get(row.tier)
        last, now = row.all_digests_at or row.written_at, self._events.clock.now() + ahead
        if (rule is not None and rule.compares_all(last, now)) or self._was_damaged(row):
            return tuple(Algorithm)
        return (Algorithm.SHA256,)

    def _was_damaged(self, row: ReplicaRow) -> bool:
        """Whether nobody has found it intact since damage was found."""
        if row.state is not ReplicaState.WRITTEN:
            return row.state is ReplicaState.DAMAGED
        return any(found.code in DAMAGE for found in _open_findings(self._catalogue, row))

    def look(
        self,
        row: ReplicaRow,
        progress: Progress,
        *,
        algorithms: tuple[Algorithm, ...] = (Algorithm.SHA256,),
        rate: RateLimit | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Looked:
        """The first half of :meth:`check`: read a replica and compare it; nothing is recorded, and
        the catalogue is not asked. From any thread.

        Args:
            algorithms: those that are compared, as far as its bag has them.
            cancelled: ends the reading, what it came to being of no use then; from any thread.
        """
        began = self._events.clock.now()
        try:
            engine = self.engine(rate)
            return Looked(began, self._look(row, algorithms, engine, progress, cancelled))
        except ColdError:
            return Looked(began, None)

    def weigh_up(
        self,
        policy: Policy,
        row: ReplicaRow,
        looked: Looked,
        progress: Progress,
        drawn: Drawing | None,
        lease: Lease | None = None,
    ) -> CheckResult:
        """The second half of :meth:`check`: record what a look came to.

        Raises:
            BusyError: as :meth:`check`.
        """
        if looked.seen is None:
            tier = self._tiers[row.tier]
            return recalled(policy, row, tier, self._catalogue, self._events)
        return self.record(policy, row, looked.seen, looked.began, progress, drawn, lease)

    def engine(self, rate: RateLimit | None) -> EngineSettings:
        """How hard to work, and how fast to read at most."""
        return self._engine if rate is None else replace(self._engine, rate=rate)

    def weigh(
        self,
        policy: Policy,
        row: ReplicaRow,
        verified: sealed.Verification,
        began: datetime,
        progress: Progress,
        *,
        lease: Lease,
    ) -> CheckResult:
        """Record a reading that somebody else did, past the page cache and of all of a replica,
        as :meth:`check` records its own.

        Raises:
            BusyError: as :meth:`check`.
        """
        there = reach(self._tiers, row)
        seen = there if isinstance(there, Seen) else seen_of(verified, there)
        return self.record(policy, row, seen, began, progress, lease=lease)

    def record(
        self,
        policy: Policy,
        row: ReplicaRow,
        seen: Seen,
        began: datetime,
        progress: Progress,
        drawn: Drawing | None = None,
        lease: Lease | None = None,
    ) -> CheckResult:
        """Record what a reading of a replica came to, and what follows from it.

        Raises:
            BusyError: as :meth:`check`.
        """
        if seen.outcome is Outcome.UNCHECKED:
            return self._unchecked(row, seen)
        event = self._event(policy, row, seen, began, drawn)
        follow, finding, findings = self._follow(policy, row, seen, event)
        self._catalogue.record([event, *follow], lease)
        if seen.outcome is Outcome.INTACT and row.state is not ReplicaState.VERIFIED:
            self._hold(row, progress)
        return CheckResult(
            row.key,
            row.tier,
            seen.outcome,
            seen.octets,
            seen.reason,
            finding,
            event.id,
            findings,
            algorithms=seen.algorithms,
            damaged=damaged_paths(row, seen.level, seen.files, seen.more),
        )

    def _hold(self, row: ReplicaRow, progress: Progress) -> None:
        """What was written while a hold is open gets the place's own hold, too; where that can't
        be done now, the next retention run does it, and the journal's hold stands in any case.
        """
        try:
            if self._catalogue.is_held(row.key):
                self._tiers[row.tier].hold(row.key, on=True)
        except SamarkandError as error:
            progress.say(f"{row.key} on {row.tier}: no hold of the storage's own: {error.message}")

    def _look(
        self,
        row: ReplicaRow,
        wanted: tuple[Algorithm, ...],
        engine: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> Seen:
        try:
            seen = self._seen(row, wanted, engine, progress, cancelled)
            if seen.outcome.is_damage:  # as which a tier looks that vanished meanwhile
                self._tiers[row.tier].check()
        except ColdError:
            raise
        except NotNowError as error:
            return nothing(Outcome.UNCHECKED, error.message)
        return seen

    def _seen(
        self,
        row: ReplicaRow,
        wanted: tuple[Algorithm, ...],
        engine: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> Seen:
        there = reach(self._tiers, row)
        if isinstance(there, Seen):
            return there
        verified = sealed.verify(
            there.held,
            row.seal,
            tar=row.tar,
            algorithms=wanted,
            settings=engine,
            progress=paced(progress, there.tier, give_up=cancelled),
            cancelled=cancelled,
        )
        return seen_of(verified, there)

    def _unchecked(self, row: ReplicaRow, seen: Seen) -> CheckResult:
        finding = Finding(
            "FIX-UNCHECKED",
            f"{row.key} on {row.tier}",
            f"not checked: {seen.reason}",
            "mend what is in the way (`preserve tier list` looks at the tiers), then audit again",
            Severity.WARNING,
        )
        return CheckResult(
            row.key, row.tier, seen.outcome, seen.octets, seen.reason, findings=(finding,)
        )

    def _event(
        self, policy: Policy, row: ReplicaRow, seen: Seen, began: datetime, drawn: Drawing | None
    ) -> Event:
        took = self._events.clock.now() - began
        result = "" if seen.outcome is Outcome.INTACT else str(self._result(row, seen))
        return self._events.about(
            row.key,
            EventType.FIXITY_CHECK,
            seen.outcome.value,
            {
                "level": seen.level.value,
                "algorithms": list(seen.algorithms),
                **({"all_digests": True} if seen.all_digests else {}),
                "bytes_read": seen.octets,
                "files": {outcome.value: count for outcome, count in seen.counts.items()},
                "cache_bypassed": seen.cache_bypassed,
                "server_cache": seen.server_cache,
                "milliseconds": int(took.total_seconds() * 1000),
                "result": result,
                **(drawn.to_json() if drawn else {}),
                **({"parts": seen.parts} if seen.parts else {}),
            },
            tier=row.tier,
            policy=policy.ref,
        )

    def _result(self, row: ReplicaRow, seen: Seen) -> Digest:
        """Keep the file detail beside the journal; the event carries its digest."""
        return self._journal.put_result(
            {
                "schema": "samarkand.check/1",
                "aip": row.key.aip,
                "version": row.key.version,
                "tier": row.tier,
                "outcome": seen.outcome.value,
                "reason": seen.reason,
                "files": [file_json(finding) for finding in seen.files],
                "more": seen.more,
            }
        )

    def _follow(
        self, policy: Policy, row: ReplicaRow, seen: Seen, event: Event
    ) -> tuple[list[Event], str, tuple[Finding, ...]]:
        standing = _open_findings(self._catalogue, row)
        if seen.outcome is Outcome.INTACT:
            return [self._resolved(policy, row, found, event) for found in standing], "", ()
        standing = [found for found in standing if found.code in DAMAGE]
        finding = Finding(
            _CODES[seen.outcome],
            f"{row.key} on {row.tier}",
            seen.reason,
            _HINTS[seen.outcome],
        )
        if standing:
            return [], standing[0].id, (finding,)
        before = _accepted(self._catalogue, row)
        if before is not None and before.detail.get("result") == event.detail["result"]:
            return [], before.id, ()
        opened = self._opened(policy, row, finding, seen, event, before)
        return [opened], opened.detail["finding"], (finding,)

    def _opened(
        self,
        policy: Policy,
        row: ReplicaRow,
        finding: Finding,
        seen: Seen,
        event: Event,
        before: FindingRow | None,
    ) -> Event:
        detail: dict[str, Any] = {"finding": self._events.new_id(), **finding.to_json()}
        if before is not None:  # a person let other damage stand, not this
            detail["reopens"] = before.id
        where = self._localise(row, seen.files)
        ranges = where.get("ranges", {})
        detail["localised"] = {
            "check": event.id,
            "result": event.detail["result"],
            "compared_with": where.get("compared_with", ""),
            "files": [
                file_json(found) | {"ranges": ranges.get(found.path.hex(), [])}
                for found in seen.files[:LISTED]
            ],
            "more": seen.more + max(0, len(seen.files) - LISTED),
        }
        return self._events.about(
            row.key, EventType.FINDING_OPENED, "fail", detail, tier=row.tier, policy=policy.ref
        )

    def _resolved(self, policy: Policy, row: ReplicaRow, found: FindingRow, event: Event) -> Event:
        return self._events.about(
            row.key,
            EventType.FINDING_RESOLVED,
            "success",
            {
                "finding": found.id,
                "by": self._events.agent,
                "reason": "the replica was read back intact",
                "event": event.id,
            },
            tier=found.tier,
            policy=policy.ref,
        )


def _open_findings(catalogue: Catalogue, row: ReplicaRow) -> list[FindingRow]:
    """The open findings that say that this replica is damaged, or that none is intact."""
    return [
        found
        for found in catalogue.findings(row.key.community, state="open", aip=row.key.aip)
        if found.version == row.key.version
        and ((found.code in DAMAGE and found.tier == row.tier) or found.code == NO_INTACT_REPLICA)
    ]


def _accepted(catalogue: Catalogue, row: ReplicaRow) -> FindingRow | None:
    """The damage of this replica that a person let stand last, if it was there ever since."""
    if row.state is not ReplicaState.DAMAGED:
        return None
    found = catalogue.findings(row.key.community, state="accepted", aip=row.key.aip, tier=row.tier)
    of_it = [one for one in found if one.version == row.key.version and one.code in DAMAGE]
    return max(of_it, key=lambda one: one.closed_at or one.opened_at, default=None)
