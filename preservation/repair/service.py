"""Repair: a damaged replica is replaced by bytes just verified under the seal.

The steps, and what a crash after each leaves:

1. the copy is written aside, verified member by member        nothing visible
2. it is settled and read back whole                           nothing visible
3. an event says that the exchange begins, and where to        the finding says "being repaired"
4. copy and damaged bytes change places in one atomic step     the next run finds it intact,
   (file by file: one step for each)                           or mends what is left
5. events: quarantine, recovery                                the next run writes them
6. the replica is read back where it lies; the finding closes

Nothing is overwritten: the damaged bytes stay in quarantine on their tier, with a map of
where they differ. Of a folder only the damaged files are fetched and exchanged, one by one
(:mod:`preservation.repair.mending`). Else the replica is replaced; of a tar in parts only those
that differ (``storage/s3/same.py``). Where no other one is intact, each file is taken from
whichever has it intact (:mod:`preservation.repair.salvage`): if all are had, that is the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

from preservation.catalogue.brake import brake
from preservation.catalogue.checked import Check
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, FindingRow, ReplicaRow
from preservation.errors import SamarkandError, UsageError
from preservation.fixity.engine import EngineSettings
from preservation.ledger.protocol import Journal
from preservation.model.event import EventMaker
from preservation.model.finding import DAMAGE, NO_INTACT_REPLICA
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.policy import Policy, RepairRule
from preservation.repair.exchanging import Exchange, under_way
from preservation.repair.mending import Mending
from preservation.repair.replacing import Replacing, Write
from preservation.repair.result import RepairResult
from preservation.repair.salvage import Salvage
from preservation.repair.sources import Sources
from preservation.repair.task import Task
from preservation.storage.tier import Tier

_PATIENCE = timedelta(days=1)  # until what was hopeless is tried again by itself
_NO_SEAL = "nobody has said which seal holds: run `preserve catalogue rebuild`, which asks again"

# Why a person has to be asked before this replica is replaced; empty if nobody has to.
Objection = Callable[[Policy, ReplicaRow], str]


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
        self._tiers = tiers
        self._events = events
        self._check = check
        self._objections = objections
        sources = Sources(catalogue, holders, events.clock, check)
        self._exchange = Exchange(catalogue, journal, events, engine, check)
        self._mending = Mending(sources, self._exchange)
        self._replacing = Replacing(catalogue, events, sources, self._exchange, write, salvage)

    def plan(
        self,
        policy: Policy,
        *,
        tier: str | None = None,
        aip: str | None = None,
        again: bool = True,
    ) -> Iterator[FindingRow]:
        """The open findings that a repair can close, oldest first, without what localises them:
        there may be many. Which they are is known before the first is repaired.

        Args:
            again: also what was hopeless less than a day ago; trying reads every replica whole.
        """
        catalogue, community = self._catalogue, policy.community
        found = catalogue.each_finding(community, "open", aip, tier, brief=True)
        hopeless = set[tuple[str, int]]()
        if not again:
            said = catalogue.each_finding(
                community, "open", aip, code=NO_INTACT_REPLICA, brief=True
            )
            hopeless = {(row.aip, row.version) for row in said}
        return (
            row for row in found if row.code in DAMAGE and not self._tried_lately(row, hopeless)
        )

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
                Task(policy, finding, row, version, tier, lease, progress, approved_by)
            )

    def _held(self, task: Task) -> RepairResult:
        row, begun = task.row, task.finding.detail.get("repair")
        if task.finding.state != "open":
            return task.result("intact")
        unrecorded = under_way(task.finding.detail) if row.state is ReplicaState.DAMAGED else None
        if unrecorded is not None and self._exchange.was_done(task):
            self._exchange.complete(task, unrecorded)
        elif reason := self._not_allowed(task):
            return task.result("waiting", reason)
        now = self._check(task.policy, row, task.progress, lease=task.lease)
        if now.outcome is Outcome.INTACT:
            source = str((begun or {}).get("source", ""))
            return task.result("repaired" if begun else "intact", source=source)
        if now.outcome is Outcome.UNCHECKED:
            return task.result("unfinished", now.reason)
        return self._mending.mend(task, now.damaged) or self._replacing.replace(task)

    def _not_allowed(self, task: Task) -> str:
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
