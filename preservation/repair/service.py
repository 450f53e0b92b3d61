"""Repair: a damaged replica is replaced by bytes just verified under the seal.

The steps, and what a crash after each leaves:

1. the copy is written aside, verified member by member        nothing visible
2. it is settled and read back whole                           nothing visible
3. an event says that the exchange begins, and where to        the finding says "being repaired"
4. copy and damaged bytes change places in one atomic step     the next run finds it intact
5. events: quarantine, recovery                                the next run writes them
6. the replica is read back where it lies; the finding closes

Nothing is overwritten: the damaged bytes stay in quarantine on their tier, with a map of
where they differ. Where no replica is intact, each file is taken from whichever has it intact
(:mod:`preservation.repair.salvage`): if all are had, that is the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from preservation.bags import sealed
from preservation.catalogue.brake import brake
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, FindingRow, Lease, ReplicaRow, VersionRow
from preservation.errors import (
    ColdError,
    MalformedError,
    SamarkandError,
    SourceDamagedError,
    TierUnavailableError,
    UsageError,
)
from preservation.files.held import Held
from preservation.files.tar_index import Index
from preservation.fixity.engine import EngineSettings
from preservation.ledger.protocol import Journal
from preservation.model.check import CheckResult
from preservation.model.clock import stamp
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import DAMAGE, NO_INTACT_REPLICA, Finding, Severity
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, ReplicaState, Sidecar, TarFacts, VersionKey
from preservation.policy.policy import Policy, RepairRule
from preservation.repair.difference import difference_map
from preservation.repair.gathering import Source
from preservation.repair.result import RepairResult
from preservation.repair.salvage import Salvage, Salvaged
from preservation.storage.pace import paced
from preservation.storage.steps import tier_errors
from preservation.storage.tier import Incoming, Tier

_PATIENCE = timedelta(days=1)  # until what was hopeless is tried again by itself
_NO_SEAL = "nobody has said which seal holds: run `preserve catalogue rebuild`, which asks again"
_NAMED = 10  # files that a sentence names

Check = Callable[[Policy, ReplicaRow, Progress], CheckResult]
Write = Callable[
    [VersionRow, Packaging, Held, ReplicaRow, Incoming, Progress, TarFacts | None, Index], Sidecar
]
# Why a person has to be asked before this replica is replaced; empty if nobody has to.
Objection = Callable[[Policy, ReplicaRow], str]


@dataclass(frozen=True, slots=True)
class _Task:
    """One replica being repaired, under its lease."""

    policy: Policy
    finding: FindingRow
    row: ReplicaRow
    version: VersionRow
    tier: Tier
    lease: Lease
    progress: Progress
    approved_by: str

    def result(self, state: str, reason: str = "", source: str = "") -> RepairResult:
        """What became of the finding."""
        row = self.row
        return RepairResult(self.finding.id, row.key, row.tier, state, source=source, reason=reason)


def _not_allowed(rule: RepairRule, approved_by: str) -> str:
    """Why the policy does not let the repair begin; empty if it does."""
    if rule.automatic:
        return ""
    account = approved_by.partition(":")[0].strip()
    if account in rule.approvers:
        return ""
    asked = f"the policy asks for an approval by {' or '.join(rule.approvers)}"
    return f"{asked}, not by {account}" if account else asked


class RepairService:
    """Heals the damaged replicas of one community.

    Args:
        tiers: where replicas are healed.
        holders: where others of them are read, by id; also tiers where none is promised any more.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        journal: Journal,
        tiers: Mapping[str, Tier],
        events: EventMaker,
        engine: EngineSettings,
        check: Check,
        write: Write,
        salvage: Salvage,
        objections: Sequence[Objection],
        holders: Mapping[str, Tier],
    ) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._tiers = tiers
        self._events = events
        self._engine = engine
        self._check = check
        self._write = write
        self._salvage = salvage
        self._objections = objections
        self._holders = holders

    def plan(
        self,
        policy: Policy,
        *,
        tier: str | None = None,
        aip: str | None = None,
        again: bool = True,
    ) -> list[FindingRow]:
        """The open findings that a repair can close, oldest first.

        Args:
            again: also what was hopeless less than a day ago; trying reads every replica whole.
        """
        rows = self._catalogue.findings(policy.community, state="open", aip=aip, tier=tier)
        found = [row for row in rows if row.code in DAMAGE]
        if not again:
            hopeless = {(row.aip, row.version) for row in rows if row.code == NO_INTACT_REPLICA}
            found = [row for row in found if not self._tried_lately(row, hopeless)]
        return sorted(found, key=lambda row: row.opened_at)

    def _tried_lately(self, row: FindingRow, hopeless: AbstractSet[tuple[str, int]]) -> bool:
        """Whether a repair looked at a replica within a day, and nobody had all of it."""
        if (row.aip, row.version) not in hopeless:
            return False
        key = VersionKey(row.community, row.aip, row.version)
        replica = self._catalogue.replica(key, row.tier)
        if replica is None or replica.checked_at is None:
            return False
        return self._events.clock.now() - _PATIENCE < replica.checked_at

    def repair(
        self, policy: Policy, finding_id: str, progress: Progress, approved_by: str = ""
    ) -> RepairResult:
        """Repair what one finding names. Safe to run again after any crash.

        Args:
            policy: the plan's.
            finding_id: of :meth:`plan`.
            progress: hears of it.
            approved_by: an account, or ``account: statement``; only the accounts that the
                policy names can allow what it wants approved.

        Raises:
            UsageError: no such finding (``FND-UNKNOWN``).
        """
        finding = self._catalogue.finding(finding_id)
        if finding is None or finding.code not in DAMAGE:
            raise UsageError(
                f"no repairable finding {finding_id!r}",
                hint="`preserve finding list` shows them",
                code="FND-UNKNOWN",
            )
        key = VersionKey(finding.community, finding.aip, finding.version)
        with hold(self._catalogue, f"replica:{key}:{finding.tier}", self._events.clock) as lease:
            if lease is None:
                return RepairResult(finding_id, key, finding.tier, "busy")
            row, version = self._catalogue.replica(key, finding.tier), self._catalogue.version(key)
            if row is not None and version is None:
                reason = self._objection(policy, row) or _NO_SEAL
                return RepairResult(finding_id, key, row.tier, "waiting", reason=reason)
            if row is None or version is None:
                raise SamarkandError(f"{key} on {finding.tier}: a finding without a replica")
            # Again, under the lease: another run may have closed it meanwhile.
            finding = self._catalogue.finding(finding_id) or finding
            tier = self._tiers.get(row.tier)
            if tier is None:
                reason = f"there is no tier {row.tier!r} in this home"
                return RepairResult(finding_id, key, row.tier, "unfinished", reason=reason)
            return self._held(
                _Task(policy, finding, row, version, tier, lease, progress, approved_by)
            )

    def _held(self, task: _Task) -> RepairResult:
        row, begun = task.row, task.finding.detail.get("repair")
        if task.finding.state != "open":
            return task.result("intact")
        unrecorded = row.state is ReplicaState.DAMAGED
        if begun is not None and unrecorded and self._was_exchanged(task):
            self._complete(task, begun)
        elif reason := self._not_allowed(task):
            return task.result("waiting", reason)
        now = self._check(task.policy, row, task.progress)
        if now.outcome is Outcome.INTACT:
            source = str((begun or {}).get("source", ""))
            return task.result("repaired" if begun else "intact", source=source)
        if now.outcome is Outcome.UNCHECKED:
            return task.result("unfinished", now.reason)
        return self._replace(task)

    def _not_allowed(self, task: _Task) -> str:
        """Why the repair may not begin now; empty if it may."""
        objection = self._objection(task.policy, task.row)
        if not objection and not task.approved_by:
            objection = self._braked(task.row)
        return objection or _not_allowed(task.policy.repair, task.approved_by)

    def _braked(self, row: ReplicaRow) -> str:
        """More damage than chance allows: nobody replaces a whole tier because of one mistake."""
        found = brake(self._catalogue, row.key.community, row.tier)
        if found is None:
            return ""
        return f"{found.code} {found.id[:8]}: {found.message}. Next: {found.hint}"

    def _objection(self, policy: Policy, row: ReplicaRow) -> str:
        """What speaks against it, whatever the policy allows."""
        asked = (objects(policy, row) for objects in self._objections)
        return next(filter(None, asked), "")

    def _was_exchanged(self, task: _Task) -> bool:
        """Whether an exchange that a killed run announced did happen."""
        row, tier = task.row, task.tier
        try:
            sidecar = tier.sidecar(row.key)
        except MalformedError:
            return False
        labelled = sidecar is not None and sidecar.seal == row.seal
        if not (labelled and tier.exists(row.key, row.packaging)):
            return False
        try:
            held = tier.held(row.key, row.packaging)
        except ColdError:  # what an exchange puts there can be read; the check recalls this
            return False
        return self._verify(row, held, row.tar, task.progress) is Outcome.INTACT

    def _verify(
        self, row: ReplicaRow, held: Held, tar: TarFacts | None, progress: Progress
    ) -> Outcome:
        pace = paced(progress, self._tiers[row.tier])
        verified = sealed.verify(held, row.seal, tar=tar, settings=self._engine, progress=pace)
        return verified.outcome

    def _replace(self, task: _Task) -> RepairResult:
        """Replace the bytes from the first of the other replicas that verifies."""
        row, tried, unknown = task.row, [], False
        left: list[Source] = []
        cold: list[ReplicaRow] = []
        for source in self._others(row):
            try:
                held = self._held_by(source)
            except TierUnavailableError as error:
                tried.append(f"{source.tier}: {error.message}")
                unknown = True
                if isinstance(error, ColdError):
                    cold.append(source)
                continue
            if held is None:
                tried.append(f"{source.tier}: the replica is not there")
                unknown |= not self._is_damaged(task, source)
                continue
            try:
                return self._replace_from(task, source, held)
            except SourceDamagedError as error:
                tried.append(f"{source.tier}: {error.message}")
                unknown |= not self._is_damaged(task, source)
                left.append(Source(source.tier, held))
        for source in cold:  # only now that no other gives the bytes: recalls cost
            self._is_damaged(task, source)
        reason = "; ".join(tried) or "there is no other replica"
        return self._put_together(task, left, reason, unknown=unknown)

    def _replace_from(self, task: _Task, source: ReplicaRow, held: Held) -> RepairResult:
        row = task.row
        octets = row.octets if row.tar is None else row.tar.octets
        incoming = task.tier.incoming(row.key, row.packaging, octets, replacing=True)
        try:
            sidecar = self._copied_aside(task, source, held, incoming)
            return self._exchange(task, source, sidecar, incoming)
        finally:
            incoming.discard()

    def _put_together(
        self, task: _Task, left: Sequence[Source], reason: str, *, unknown: bool
    ) -> RepairResult:
        """No replica is intact, but each file may be so somewhere, the damaged one included."""
        row = task.row
        if unknown and not left:  # the damaged replica alone is not a whole
            return task.result("unfinished", reason)
        sources = [*left, *self._own(task)]
        pace = paced(task.progress, *(self._holders[one.tier] for one in sources))
        with self._salvage.gathered(row, sources, pace) as (held, gathered):
            if gathered.whole:
                given = "+".join(sorted(gathered.taken))
                source = replace(row, tier=given, packaging=Packaging.FOLDER, tar=None)
                return self._replace_from(task, source, held)
            if unknown:
                return task.result("unfinished", reason)
            return self._hopeless(
                task, reason, lambda: self._salvage.keep(row, held, gathered, task.progress)
            )

    def _own(self, task: _Task) -> list[Source]:
        """The damaged bytes themselves: most of their files may be what they should be."""
        try:
            held = self._held_by(task.row)
        except TierUnavailableError:
            return []
        return [] if held is None else [Source(task.row.tier, held)]

    def _held_by(self, source: ReplicaRow) -> Held | None:
        """A source's bytes; None if they are not there.

        Raises:
            TierUnavailableError: nothing can be said about them now.
        """
        tier = self._holders.get(source.tier)
        if tier is None:
            raise TierUnavailableError("there is no such tier in this home")
        there = tier.exists(source.key, source.packaging)
        return tier.held(source.key, source.packaging) if there else None

    def _others(self, row: ReplicaRow) -> list[ReplicaRow]:
        """The other replicas, those last found intact first, folders before tars."""
        others = [
            other
            for other in self._catalogue.replicas(row.key.community, aip=row.key.aip)
            if other.key == row.key and other.tier != row.tier
        ]
        return sorted(others, key=_promise)

    def _copied_aside(
        self, task: _Task, source: ReplicaRow, held: Held, incoming: Incoming
    ) -> Sidecar:
        """Nothing is replaced before its replacement was read back under the seal."""
        row, expected = task.row, task.row.tar or source.tar
        read = [self._holders[source.tier]] if source.tier in self._holders else []
        pace = paced(task.progress, *read, task.tier)  # none, where it was put together at home
        index = Index(row.key.top)
        with tier_errors(row.tier):
            sidecar = self._write(
                task.version, row.packaging, held, source, incoming, pace, expected, index
            )
        incoming.settle()
        outcome = self._verify(row, incoming.held(), sidecar.tar, task.progress)
        if outcome is not Outcome.INTACT:
            raise TierUnavailableError(
                f"tier {row.tier}: what was written for {row.key} reads back {outcome.value}",
                hint="the medium does not keep what it is given: replace it; nothing was changed",
                code="REP-NOT-KEPT",
            )
        if sidecar.tar is not None:
            task.tier.keep_index(row.key, index)
        return sidecar

    def _is_damaged(self, task: _Task, source: ReplicaRow) -> bool:
        """Check a source that failed; False if nothing could be found out about it."""
        name = f"replica:{source.key}:{source.tier}"
        with hold(self._catalogue, name, self._events.clock) as lease:
            if lease is None:
                return False
            outcome = self._check(task.policy, source, task.progress).outcome
        return outcome not in (Outcome.UNCHECKED, Outcome.INTACT)

    def _exchange(
        self, task: _Task, source: ReplicaRow, sidecar: Sidecar, incoming: Incoming
    ) -> RepairResult:
        row, finding = task.row, task.finding
        when = stamp(self._events.clock.now()).replace(":", "").replace("-", "")
        begun: dict[str, Any] = {
            "finding": finding.id,
            "source": source.tier,
            "stamp": f"{when}-{self._events.new_id()[:8]}",
            "packaging": row.packaging.value,
            "tar": sidecar.to_json()["tar"],
            "approved_by": task.approved_by,
        }
        self._catalogue.record([self._about(task, EventType.REPAIR_BEGUN, begun)], task.lease)
        incoming.swap(sidecar, begun["stamp"])
        quarantine, mapped = self._complete(task, begun)
        checked = self._check(task.policy, row, task.progress)
        state = "repaired" if checked.outcome is Outcome.INTACT else "unfinished"
        return RepairResult(
            finding.id, row.key, row.tier, state, source.tier, quarantine, mapped, checked.reason
        )

    def _complete(self, task: _Task, begun: Mapping[str, Any]) -> tuple[str, str]:
        """Put into the record what the exchange came to."""
        row, finding = task.row, task.finding
        place = task.tier.quarantined(row.key, row.packaging, begun["stamp"])
        mapped = ""
        events: list[Event] = []
        if place:
            with suppress(ColdError):  # the damaged octets have become cold again
                mapped = self._map(task, begun)
            detail = {"place": place, "finding": finding.id, "difference": mapped}
            events.append(self._about(task, EventType.QUARANTINE, detail))
        detail = {**begun, "quarantine": place, "difference": mapped}
        events.append(self._about(task, EventType.RECOVERY, detail))
        self._catalogue.record(events, task.lease)
        task.progress.say(f"{row.key} on {row.tier}: healed from {begun['source']}")
        return place, mapped

    def _map(self, task: _Task, begun: Mapping[str, Any]) -> str:
        row, tier, finding = task.row, task.tier, task.finding
        document = difference_map(
            tier.held_in_quarantine(row.key, row.packaging, begun["stamp"]),
            tier.held(row.key, row.packaging),
            [bytes.fromhex(found["path_hex"]) for found in finding.detail.get("files", [])],
            row.key,
        )
        return str(self._journal.put_result({"finding": finding.id, **document}))

    def _about(self, task: _Task, type_: EventType, detail: Mapping[str, Any]) -> Event:
        row, ref = task.row, task.policy.ref
        return self._events.about(row.key, type_, "success", detail, tier=row.tier, policy=ref)

    def _hopeless(self, task: _Task, reason: str, keep: Callable[[], Salvaged]) -> RepairResult:
        """Every replica was looked at, and the whole is nowhere: the worst that can be said."""
        kept = ""
        with hold(self._catalogue, f"finding:{task.row.key}", self._events.clock) as lease:
            if lease is not None:  # otherwise another replica's repair says it now
                kept = self._say_hopeless(task, reason, keep)
        return replace(task.result("hopeless", reason), salvage=kept)

    def _say_hopeless(self, task: _Task, reason: str, keep: Callable[[], Salvaged]) -> str:
        """Say it once, with what could be recovered. Returns where that lies."""
        row = task.row
        known = [
            one
            for one in self._catalogue.findings(row.key.community, state="open", aip=row.key.aip)
            if one.code == NO_INTACT_REPLICA and one.version == row.key.version
        ]
        if known:
            salvage = known[0].detail.get("salvage", {})
            return f"{salvage.get('tier', '')}:{salvage.get('place', '')}"
        kept = keep()
        lost = kept.gathered.unknown or (
            f"{kept.gathered.lost_files} files are intact nowhere: "
            f"{', '.join(kept.gathered.lost[:_NAMED])}"
        )
        where = f"; {kept.gathered.files} are kept at {kept.place} on {kept.tier}"
        critical = Finding(
            NO_INTACT_REPLICA,
            str(row.key),
            f"no intact replica is left to repair {row.tier} from: {lost}"
            f"{where if kept.place else ''} ({reason})",
            "look for a copy elsewhere before anything else is done; nothing was removed",
            Severity.CRITICAL,
        )
        localised = {"salvage": kept.to_json()}
        detail = {"finding": self._events.new_id(), **critical.to_json(), "localised": localised}
        event = self._events.about(
            row.key, EventType.FINDING_OPENED, "fail", detail, policy=task.policy.ref
        )
        self._catalogue.record([event], task.lease)
        return f"{kept.tier}:{kept.place}"


def _promise(row: ReplicaRow) -> tuple[bool, bool]:
    return row.outcome is not Outcome.INTACT, row.packaging is not Packaging.FOLDER
