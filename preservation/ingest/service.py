"""Ingest: a deposit becomes an AIP version with its first replica, or is rejected with all of
its findings; either way it stays as it was.

What a crash leaves at each step (``take`` finishes the work when it is run again):

1. arrival noted, AIP UUID reserved            the same UUID is used
2. packaging into the tier's private place      that place is cleared, packaging begins anew
3. the bag is renamed into its place            it is set aside, packaging begins anew
4. the sidecar makes the replica visible        it is recorded as it is
5. events and rows, in one transaction          the replica is read back
6. read back and compared, receipt written      nothing is left to do
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from preservation.bags import sealed
from preservation.bags.write import BagWriter
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Arrival, Catalogue, Lease, ReplicaRow, VersionRow
from preservation.errors import BusyError, SamarkandError, UsageError
from preservation.ingest import records
from preservation.ingest.draft import Draft, Rejected, draft, finish
from preservation.ingest.inbox import Candidate, candidate, is_complete, look
from preservation.ingest.package import Identify, Packaged, package
from preservation.ingest.result import DepositResult, MadeReplica, write_receipt
from preservation.ingest.source import Opened, open_source
from preservation.model.check import CheckResult
from preservation.model.clock import stamp
from preservation.model.event import EventMaker
from preservation.model.finding import Finding, is_fatal
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, ReplicaState, Sidecar, VersionKey
from preservation.policy.policy import Policy
from preservation.storage.tier import Incoming, Tier

Check = Callable[[Policy, ReplicaRow, Progress], CheckResult]


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of the home that ingest uses."""

    home: Path
    scratch: Path
    receipts: Path


class _Changed(Exception):  # noqa: N818 (leads to another try, not to an error)
    """The deposit changed while it was read."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One deposit being taken in, under its lease."""

    policy: Policy
    arrival: Arrival
    found: Candidate
    scratch: Path
    lease: Lease
    progress: Progress


class IngestService:
    """Takes deposits of one community at a time."""

    def __init__(
        self,
        catalogue: Catalogue,
        tiers: Mapping[str, Tier],
        events: EventMaker,
        identifier: Identify,
        check: Check,
        places: Places,
        workers: int = 2,
    ) -> None:
        self._catalogue = catalogue
        self._tiers = tiers
        self._events = events
        self._identifier = identifier
        self._check = check
        self._places = places
        self._workers = workers

    def inbox(self, policy: Policy) -> Path:
        """Where this community's deposits arrive."""
        return self._places.home / policy.intake.inbox

    def scan(self, policy: Policy) -> list[Arrival]:
        """Note what lies in the inbox; returns the deposits that are complete and waiting."""
        waiting = []
        for path in look(self.inbox(policy), policy.intake.marker):
            found = candidate(path, policy.intake.limits)
            arrival = self._arrive(policy, found)
            complete = is_complete(found, policy.intake, self._events.clock.now())
            if arrival.state == "waiting" and complete:
                waiting.append(arrival)
        return waiting

    def arrive(self, policy: Policy, path: Path) -> Arrival:
        """Note one deposit, wherever it lies."""
        return self._arrive(policy, candidate(path, policy.intake.limits))

    def _arrive(self, policy: Policy, found: Candidate) -> Arrival:
        return self._catalogue.arrive(
            policy.community,
            found.name,
            os.fsencode(found.path).hex(),
            found.examined.signature,
            self._events.new_id(),
            self._events.clock.now(),
        )

    def take(self, policy: Policy, arrival: Arrival, progress: Progress) -> DepositResult:
        """Take one deposit. Safe to run again after any crash, and twice at once.

        Raises:
            NotNowError: it vanished, the tier is away or full: nothing was settled.
        """
        with hold(self._catalogue, f"deposit:{arrival.id}", self._events.clock) as lease:
            if lease is None:
                return DepositResult("busy", arrival.name, arrival.id)
            path = Path(os.fsdecode(bytes.fromhex(arrival.path)))
            found = candidate(path, policy.intake.limits)
            current = self._arrive(policy, found)
            if current.state != "waiting":
                return self._settled_before(policy, current, progress)
            progress.begin(f"ingest {current.name}", found.examined.octets)
            scratch = self._places.scratch / arrival.id
            return self._taken(_Task(policy, current, found, scratch, lease, progress))

    def _taken(self, task: _Task) -> DepositResult:
        shutil.rmtree(task.scratch, ignore_errors=True)
        task.scratch.mkdir(parents=True, mode=0o700)
        examined = task.found.examined.findings
        try:
            if is_fatal(examined):
                raise Rejected(*examined)
            opened = open_source(task.found, task.policy.intake, task.scratch)
            if is_fatal(opened.findings):
                raise Rejected(*examined, *opened.findings)
            result = self._packaged(task, opened)
        except Rejected as verdict:
            result = self._reject(task, verdict.findings)
        finally:
            shutil.rmtree(task.scratch, ignore_errors=True)
        return self._settle(task.arrival, result)

    def _packaged(self, task: _Task, opened: Opened) -> DepositResult:
        plan = draft(self._catalogue, task.policy, task.arrival, opened)
        with hold(self._catalogue, f"aip:{plan.key.aip}", self._events.clock) as lease:
            if lease is None:
                raise BusyError(f"AIP {plan.key.aip} is being added to by another run")
            tier = self._first_tier(task.policy)
            if (sidecar := tier.sidecar(plan.key)) is not None:
                return self._adopt(task, plan, sidecar, tier)
            for attempt in (1, 2):
                try:
                    return self._attempt(task, plan, tier)
                except _Changed:
                    name = task.arrival.name
                    task.progress.say(f"{name}: changed while it was read (try {attempt})")
        message = "files changed while the deposit was read, twice"
        hint = "wait until nobody writes to it, then deposit it again"
        raise Rejected(Finding("DEP-CHANGED", task.arrival.name, message, hint))

    def _attempt(self, task: _Task, plan: Draft, tier: Tier) -> DepositResult:
        tier.clear_unfinished(plan.key)
        incoming = tier.incoming(plan.key, Packaging.FOLDER)
        try:
            writer = BagWriter(incoming.folder, task.policy.intake.algorithms)
            with closing(writer):
                packaged = package(
                    plan.opened.source,
                    writer,
                    incoming.folder,
                    self._identifier,
                    task.policy.intake.formats,
                    task.scratch,
                    self._workers,
                    task.progress,
                )
                if self._changed(task):
                    raise _Changed
                if is_fatal(packaged.findings):
                    raise Rejected(*plan.opened.findings, *packaged.findings)
                return self._commit(task, plan, writer, packaged, tier, incoming)
        finally:
            incoming.discard()

    def _changed(self, task: _Task) -> bool:
        """Whether anything in the deposit is not as it was before it was read."""
        again = candidate(task.found.path, task.policy.intake.limits)
        return again.examined.signature != task.found.examined.signature

    def _commit(
        self,
        task: _Task,
        plan: Draft,
        writer: BagWriter,
        packaged: Packaged,
        tier: Tier,
        incoming: Incoming,
    ) -> DepositResult:
        facts = writer.payload()
        content = f"content:{plan.key.community}:{facts.content_digest}"
        with hold(self._catalogue, content, self._events.clock) as lease:
            if lease is None:
                raise BusyError(f"{task.arrival.name}: another run takes in the same content")
            held = self._catalogue.held_content(plan.key.community, facts.content_digest)
            if held is not None:
                return self._held_already(task, held)
            toolchain = self._identifier.toolchain
            seal = finish(plan, writer, packaged, toolchain, self._events)
            previous = None if plan.previous is None else plan.previous.seal
            incoming.commit(Sidecar(plan.key, seal, previous, facts.oxum, Packaging.FOLDER, None))
            version = VersionRow(
                key=plan.key,
                title=task.arrival.name,
                seal=seal,
                previous_seal=previous,
                content_digest=facts.content_digest,
                lineage=plan.lineage,
                files=facts.files,
                octets=facts.octets,
                ingested_at=self._events.clock.now(),
                policy=task.policy.ref,
                formats=packaged.counts,
            )
            self._record(task, version, packaged.supplied, tier)
        findings = (*task.found.examined.findings, *plan.opened.findings, *packaged.findings)
        return self._accepted(task, version, tier, packaged.supplied, findings)

    def _adopt(self, task: _Task, plan: Draft, sidecar: Sidecar, tier: Tier) -> DepositResult:
        """A killed run made the replica visible; it may not have got to record it."""
        version = self._catalogue.version(plan.key)
        if version is None:
            facts = sealed.facts(tier.held(plan.key, Packaging.FOLDER), sidecar.seal)
            version = VersionRow(
                key=plan.key,
                title=task.arrival.name,
                seal=sidecar.seal,
                previous_seal=sidecar.previous_seal,
                content_digest=facts.content_digest,
                lineage=plan.lineage,
                files=facts.files,
                octets=facts.octets,
                ingested_at=self._events.clock.now(),
                policy=task.policy.ref,
                formats=(),
            )
            self._record(task, version, {}, tier)
        return self._accepted(task, version, tier, {}, plan.opened.findings)

    def _record(
        self, task: _Task, version: VersionRow, supplied: Mapping[str, int], tier: Tier
    ) -> None:
        toolchain = self._identifier.toolchain
        events = records.ingested(
            self._events, task.policy, version, task.arrival, supplied, toolchain, tier.id
        )
        self._catalogue.record(events, task.lease)

    def _accepted(
        self,
        task: _Task,
        version: VersionRow,
        tier: Tier,
        supplied: Mapping[str, int],
        findings: Iterable[Finding],
    ) -> DepositResult:
        replica = self._verified(task.policy, version.key, tier.id, task.progress)
        return DepositResult(
            outcome="accepted",
            deposit=task.arrival.name,
            arrival=task.arrival.id,
            aip=version.key.aip,
            version=version.key.version,
            seal=str(version.seal),
            files=version.files,
            octets=version.octets,
            replicas=(replica,),
            findings=tuple(findings),
            supplied=supplied,
        )

    def _verified(
        self, policy: Policy, key: VersionKey, tier: str, progress: Progress
    ) -> MadeReplica:
        """Read the first replica back, unless that was done before."""
        row = self._catalogue.replica(key, tier)
        if row is None:
            raise SamarkandError(f"{key} on {tier}: recorded, yet not in the catalogue")
        if row.state is ReplicaState.WRITTEN:
            self._check(policy, row, progress)
            row = self._catalogue.replica(key, tier) or row
        at = "" if row.verified_at is None else stamp(row.verified_at)
        place = key.place(row.packaging)
        return MadeReplica(tier, place, row.packaging.value, row.state.value, at)

    def _held_already(self, task: _Task, held: VersionRow) -> DepositResult:
        event = records.held_already(self._events, task.policy, held.key, task.arrival)
        self._catalogue.record([event], task.lease)
        return DepositResult(
            "held already",
            task.arrival.name,
            task.arrival.id,
            held.key.aip,
            held.key.version,
            str(held.seal),
            held.files,
            held.octets,
        )

    def _reject(self, task: _Task, findings: Iterable[Finding]) -> DepositResult:
        found = tuple(findings)
        event = records.rejected(self._events, task.policy, task.arrival, found)
        self._catalogue.record([event], task.lease)
        return DepositResult("rejected", task.arrival.name, task.arrival.id, findings=found)

    def _settle(self, arrival: Arrival, result: DepositResult) -> DepositResult:
        """Write the receipt, then note the outcome: a crash between writes it again."""
        now = self._events.clock.now()
        folder = self._places.receipts / arrival.community
        receipt = write_receipt(folder, arrival.id, result, now)
        state = {"accepted": "accepted", "held already": "held"}.get(result.outcome, "rejected")
        aip = result.aip or arrival.aip
        self._catalogue.settle_arrival(arrival.id, state, result.version, aip, receipt, now)
        return result

    def _settled_before(
        self, policy: Policy, arrival: Arrival, progress: Progress
    ) -> DepositResult:
        """An unchanged deposit is not read again: its receipt says what became of it."""
        receipt = arrival.receipt
        outcome = {"accepted": "held already", "held": "held already"}.get(
            arrival.state, "rejected"
        )
        replicas: tuple[MadeReplica, ...] = ()
        if arrival.aip and arrival.version and arrival.state != "rejected":
            key = VersionKey(arrival.community, arrival.aip, arrival.version)
            if self._catalogue.replica(key, policy.replicas[0].tier) is not None:
                replicas = (self._verified(policy, key, policy.replicas[0].tier, progress),)
        return DepositResult(
            outcome,
            arrival.name,
            arrival.id,
            arrival.aip if arrival.version else "",
            arrival.version,
            str(receipt.get("seal", "")),
            int(receipt.get("files", 0)),
            int(receipt.get("bytes", 0)),
            replicas,
            tuple(Finding.from_json(found) for found in receipt.get("findings", ())),
        )

    def _first_tier(self, policy: Policy) -> Tier:
        name = policy.replicas[0].tier
        if name not in self._tiers:
            raise UsageError(f"there is no tier {name!r} in this home", code="TIER-UNKNOWN")
        tier = self._tiers[name]
        tier.check()
        return tier
