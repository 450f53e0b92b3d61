"""Repair: a damaged replica is replaced by bytes just verified under the seal.

The steps, and what a crash after each leaves:

1. the copy is written aside, verified member by member        nothing visible
2. it is settled and read back whole                           nothing visible
3. an event says that the exchange begins, and where to        the finding says "being repaired"
4. copy and damaged bytes change places in one atomic step     the next run finds it intact
5. events: quarantine, recovery                                the next run writes them
6. the replica is read back where it lies; the finding closes

Nothing is overwritten: the damaged bytes stay in quarantine on their tier, with a map of
where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from preservation.bags import sealed
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, FindingRow, Lease, ReplicaRow, VersionRow
from preservation.errors import (
    SamarkandError,
    SourceDamagedError,
    TierUnavailableError,
    UsageError,
)
from preservation.files.held import Held
from preservation.fixity.engine import EngineSettings
from preservation.ledger.protocol import Journal
from preservation.model.check import CheckResult
from preservation.model.clock import stamp
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import Finding, Severity
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, ReplicaState, Sidecar, TarFacts, VersionKey
from preservation.policy.policy import Policy
from preservation.repair.difference import difference_map
from preservation.storage.tier import Incoming, Tier

REPAIRABLE = frozenset({"FIX-ALTERED", "FIX-MISSING", "FIX-UNREADABLE"})
HOPELESS = "FIX-NO-INTACT-REPLICA"

Check = Callable[[Policy, ReplicaRow, Progress], CheckResult]
Write = Callable[
    [VersionRow, Packaging, Held, ReplicaRow, Incoming, Progress, TarFacts | None], Sidecar
]


@dataclass(frozen=True, slots=True)
class RepairResult:
    """What became of one finding.

    Attributes:
        state: ``repaired``, ``intact`` (nothing was wrong any more), ``waiting`` (for an
            approval), ``hopeless`` (no intact replica), ``busy``, ``unfinished``.
        source: the tier that the intact bytes came from.
        quarantine: where the damaged bytes lie, relative to the damaged tier's root.
        difference: the digest of the difference map among the result documents.
    """

    finding: str
    key: VersionKey
    tier: str
    state: str
    source: str = ""
    quarantine: str = ""
    difference: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.repair/1``."""
        return {
            "finding": self.finding,
            "aip": self.key.aip,
            "version": self.key.version,
            "community": self.key.community,
            "tier": self.tier,
            "state": self.state,
            "source": self.source,
            "quarantine": self.quarantine,
            "difference": self.difference,
            "reason": self.reason,
        }


class RepairService:
    """Heals the damaged replicas of one community."""

    def __init__(
        self,
        catalogue: Catalogue,
        journal: Journal,
        tiers: Mapping[str, Tier],
        events: EventMaker,
        engine: EngineSettings,
        check: Check,
        write: Write,
    ) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._tiers = tiers
        self._events = events
        self._engine = engine
        self._check = check
        self._write = write

    def plan(
        self, policy: Policy, *, tier: str | None = None, aip: str | None = None
    ) -> list[FindingRow]:
        """The open findings that a repair can close, oldest first."""
        rows = self._catalogue.findings(policy.community, state="open", aip=aip, tier=tier)
        return sorted(
            (row for row in rows if row.code in REPAIRABLE), key=lambda row: row.opened_at
        )

    def repair(
        self, policy: Policy, finding_id: str, progress: Progress, approved_by: str = ""
    ) -> RepairResult:
        """Repair what one finding names. Safe to run again after any crash.

        Raises:
            UsageError: no such finding (``FND-UNKNOWN``).
        """
        finding = self._catalogue.finding(finding_id)
        if finding is None or finding.code not in REPAIRABLE:
            raise UsageError(
                f"no repairable finding {finding_id!r}",
                hint="`preserve finding list` shows them",
                code="FND-UNKNOWN",
            )
        key = VersionKey(finding.community, finding.aip, finding.version)
        with hold(self._catalogue, f"replica:{key}:{finding.tier}", self._events.clock) as lease:
            if lease is None:
                return RepairResult(finding_id, key, finding.tier, "busy")
            return self._held(policy, finding, key, lease, progress, approved_by)

    def _held(
        self,
        policy: Policy,
        finding: FindingRow,
        key: VersionKey,
        lease: Lease,
        progress: Progress,
        approved_by: str,
    ) -> RepairResult:
        row = self._catalogue.replica(key, finding.tier)
        version = self._catalogue.version(key)
        if row is None or version is None:
            raise SamarkandError(f"{key} on {finding.tier}: a finding without a replica")
        if finding.state != "open":
            return RepairResult(finding.id, key, finding.tier, "intact")
        if not (policy.repair.automatic or approved_by):
            reason = f"the policy asks for an approval by {', '.join(policy.repair.approvers)}"
            return RepairResult(finding.id, key, finding.tier, "waiting", reason=reason)
        begun = finding.detail.get("repair")
        unrecorded = row.state is ReplicaState.DAMAGED
        if begun is not None and unrecorded and self._is_intact(row, progress):
            self._complete(policy, finding, row, begun, lease, progress)
        now = self._check(policy, row, progress)
        if now.outcome is Outcome.INTACT:
            return _done(finding, row, begun or {}, "repaired" if begun else "intact")
        if now.outcome is Outcome.UNCHECKED:
            return RepairResult(finding.id, key, row.tier, "unfinished", reason=now.reason)
        return self._replace(policy, finding, row, version, lease, progress, approved_by)

    def _is_intact(self, row: ReplicaRow, progress: Progress) -> bool:
        """Whether an exchange that a killed run announced did happen."""
        tier = self._tiers[row.tier]
        tier.check()
        if not tier.exists(row.key, row.packaging):
            return False
        held = tier.held(row.key, row.packaging)
        return self._verify(row, held, row.tar, progress) is Outcome.INTACT

    def _verify(
        self, row: ReplicaRow, held: Held, tar: TarFacts | None, progress: Progress
    ) -> Outcome:
        verified = sealed.verify(held, row.seal, tar=tar, settings=self._engine, progress=progress)
        return verified.outcome

    def _replace(
        self,
        policy: Policy,
        finding: FindingRow,
        row: ReplicaRow,
        version: VersionRow,
        lease: Lease,
        progress: Progress,
        approved_by: str,
    ) -> RepairResult:
        tier, tried = self._tiers[row.tier], []
        for source in self._others(row):
            incoming = tier.incoming(row.key, row.packaging)
            try:
                held = self._tiers[source.tier].held(source.key, source.packaging)
                expected = row.tar or source.tar
                sidecar = self._write(
                    version, row.packaging, held, source, incoming, progress, expected
                )
                self._verify_aside(row, sidecar, incoming, progress)
            except (SourceDamagedError, TierUnavailableError) as error:
                incoming.discard()
                tried.append(f"{source.tier}: {error.message}")
                self._check(policy, source, progress)
                continue
            return self._exchange(
                policy, finding, row, source, sidecar, incoming, lease, progress, approved_by
            )
        return self._hopeless(policy, finding, row, tried)

    def _others(self, row: ReplicaRow) -> list[ReplicaRow]:
        """The other replicas, those last found intact first, folders before tars."""
        others = [
            other
            for other in self._catalogue.replicas(row.key.community, aip=row.key.aip)
            if other.key == row.key and other.tier != row.tier and other.tier in self._tiers
        ]
        return sorted(others, key=_promise)

    def _verify_aside(
        self, row: ReplicaRow, sidecar: Sidecar, incoming: Incoming, progress: Progress
    ) -> None:
        """Nothing is replaced before its replacement was read back under the seal."""
        incoming.settle()
        outcome = self._verify(row, incoming.held(), sidecar.tar, progress)
        if outcome is not Outcome.INTACT:
            raise SourceDamagedError(f"the copy reads back {outcome.value}")

    def _exchange(
        self,
        policy: Policy,
        finding: FindingRow,
        row: ReplicaRow,
        source: ReplicaRow,
        sidecar: Sidecar,
        incoming: Incoming,
        lease: Lease,
        progress: Progress,
        approved_by: str,
    ) -> RepairResult:
        when = stamp(self._events.clock.now()).replace(":", "").replace("-", "")
        begun: dict[str, Any] = {
            "finding": finding.id,
            "source": source.tier,
            "stamp": f"{when}-{finding.id[:8]}",
            "packaging": row.packaging.value,
            "tar": sidecar.to_json()["tar"],
            "approved_by": approved_by,
        }
        self._catalogue.record([self._about(policy, row, EventType.REPAIR_BEGUN, begun)], lease)
        incoming.swap(sidecar, begun["stamp"])
        quarantine, mapped = self._complete(policy, finding, row, begun, lease, progress)
        checked = self._check(policy, row, progress)
        state = "repaired" if checked.outcome is Outcome.INTACT else "unfinished"
        return RepairResult(
            finding.id, row.key, row.tier, state, source.tier, quarantine, mapped, checked.reason
        )

    def _complete(
        self,
        policy: Policy,
        finding: FindingRow,
        row: ReplicaRow,
        begun: Mapping[str, Any],
        lease: Lease,
        progress: Progress,
    ) -> tuple[str, str]:
        """Put into the record what the exchange came to."""
        place = self._tiers[row.tier].quarantined(row.key, row.packaging, begun["stamp"])
        mapped = ""
        events: list[Event] = []
        if place:
            mapped = self._map(finding, row, begun)
            detail = {"place": place, "finding": finding.id, "difference": mapped}
            events.append(self._about(policy, row, EventType.QUARANTINE, detail))
        detail = {**begun, "quarantine": place, "difference": mapped}
        events.append(self._about(policy, row, EventType.RECOVERY, detail))
        self._catalogue.record(events, lease)
        progress.say(f"{row.key} on {row.tier}: healed from {begun['source']}")
        return place, mapped

    def _map(self, finding: FindingRow, row: ReplicaRow, begun: Mapping[str, Any]) -> str:
        tier = self._tiers[row.tier]
        document = difference_map(
            tier.held_in_quarantine(row.key, row.packaging, begun["stamp"]),
            tier.held(row.key, row.packaging),
            [bytes.fromhex(found["path_hex"]) for found in finding.detail.get("files", [])],
            row.key,
        )
        return str(self._journal.put_result({"finding": finding.id, **document}))

    def _about(
        self, policy: Policy, row: ReplicaRow, type_: EventType, detail: Mapping[str, Any]
    ) -> Event:
        return self._events.about(
            row.key, type_, "success", detail, tier=row.tier, policy=policy.ref
        )

    def _hopeless(
        self, policy: Policy, finding: FindingRow, row: ReplicaRow, tried: list[str]
    ) -> RepairResult:
        reason = "; ".join(tried) or "there is no other replica"
        known = self._catalogue.findings(row.key.community, state="open", aip=row.key.aip)
        if not any(k.code == HOPELESS and k.version == row.key.version for k in known):
            critical = Finding(
                HOPELESS,
                str(row.key),
                f"no intact replica is left to repair {row.tier} from: {reason}",
                "look for a copy elsewhere before anything else is done; nothing was removed",
                Severity.CRITICAL,
            )
            detail = {"finding": self._events.new_id(), **critical.to_json(), "localised": {}}
            event = self._events.about(
                row.key, EventType.FINDING_OPENED, "fail", detail, policy=policy.ref
            )
            self._catalogue.record([event])
        return RepairResult(finding.id, row.key, row.tier, "hopeless", reason=reason)


def _promise(row: ReplicaRow) -> tuple[bool, bool]:
    return row.outcome is not Outcome.INTACT, row.packaging is not Packaging.FOLDER


def _done(
    finding: FindingRow, row: ReplicaRow, begun: Mapping[str, Any], state: str
) -> RepairResult:
    return RepairResult(finding.id, row.key, row.tier, state, str(begun.get("source", "")))
