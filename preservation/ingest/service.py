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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from preservation.bags.write import BagWriter
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Arrival, Catalogue, Lease, ReplicaRow, VersionRow
from preservation.errors import BusyError, NotNowError, SamarkandError, UsageError
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.ingest import records
from preservation.ingest.adopt import Adopted, adopt, came_along, reserved_for
from preservation.ingest.claiming import claimed, lacking
from preservation.ingest.described import undescribed
from preservation.ingest.disposed import disposed_before, is_refused_for_it
from preservation.ingest.draft import Draft, Rejected, draft, finish, lineage_of
from preservation.ingest.fenced import Changed
from preservation.ingest.inbox import Candidate, candidate, is_complete, look, rest
from preservation.ingest.inspect import Inspector, Tools
from preservation.ingest.package import Packaged, package
from preservation.ingest.result import DepositResult, MadeReplica, earlier
from preservation.ingest.source import Opened, open_source
from preservation.ingest.verdicts import Verdicts, is_settled
from preservation.model.check import CheckResult
from preservation.model.clock import stamp
from preservation.model.event import EventMaker
from preservation.model.finding import Finding, is_fatal
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, ReplicaState, Sidecar, VersionKey
from preservation.policy.policy import Policy
from preservation.storage.pace import paced
from preservation.storage.steps import tier_errors
from preservation.storage.tier import Incoming, Tier

ATTEMPTS = 2  # at a deposit that changes while it is read

Check = Callable[[Policy, ReplicaRow, Progress], CheckResult]


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of the home that ingest uses."""

    home: Path
    scratch: Path
    receipts: Path


@dataclass(frozen=True, slots=True)
class _Task:
    """One deposit being taken in, under its lease."""

    policy: Policy
    arrival: Arrival
    found: Candidate
    scratch: Path
    lease: Lease
    progress: Progress
    by_hand: bool


def _unsaid(task: _Task, opened: Opened) -> Iterator[Finding]:
    rules = task.policy.intake.metadata
    return undescribed(rules, opened.described, opened.bag_info)


class IngestService:
    """Takes deposits of one community at a time."""

    def __init__(
        self,
        catalogue: Catalogue,
        tiers: Mapping[str, Tier],
        events: EventMaker,
        tools: Tools,
        check: Check,
        places: Places,
        workers: int = 2,
    ) -> None:
        self._catalogue = catalogue
        self._tiers = tiers
        self._events = events
        self._tools = tools
        self._check = check
        self._places = places
        self._workers = workers
        self._verdicts = Verdicts(catalogue, events, places.receipts)

    def inbox(self, policy: Policy) -> Path:
        """Where this community's deposits arrive."""
        return self._places.home / policy.intake.inbox

    def scan(self, policy: Policy) -> list[Arrival]:
        """Note what lies in the inbox; returns the deposits that are complete and waiting.

        Raises:
            NotNowError: there is no inbox (``DEP-NO-INBOX``).
        """
        waiting = []
        for path in look(self.inbox(policy), policy.intake.marker):
            try:
                found = candidate(path, policy.intake.limits)
            except NotNowError:
                continue  # taken away since the inbox was listed; the others needn't wait for it
            arrival = self._arrive(policy, found)
            complete = is_complete(found, policy.intake, self._events.clock.now())
            if complete and not is_settled(arrival, policy):
                waiting.append(arrival)
        return waiting

    def arrive(self, policy: Policy, path: Path) -> Arrival:
        """Note one deposit, wherever it lies. What became of it and was disposed of since is
        deposited anew by this; lying unchanged in an inbox does not do that.

        Raises:
            NotNowError: it is not there (``DEP-GONE``).
        """
        found = candidate(path, policy.intake.limits)
        arrival = self._arrive(policy, found)
        if self._was_disposed(policy, arrival):
            self._arrive(policy, found, signature="deposited again")
            arrival = self._arrive(policy, found)
        return arrival

    def _was_disposed(self, policy: Policy, arrival: Arrival) -> bool:
        """Whether what became of a deposit is no more, or was refused for that."""
        if not arrival.version:
            return is_refused_for_it(arrival.receipt)
        key = VersionKey(policy.community, arrival.aip, arrival.version)
        return self._catalogue.version(key) is None

    def _arrive(self, policy: Policy, found: Candidate, signature: str = "") -> Arrival:
        return self._catalogue.arrive(
            policy.community,
            found.name,
            os.fsencode(found.path).hex(),
            signature or found.examined.signature,
            self._events.new_id(),
            self._events.clock.now(),
        )

    def take(
        self, policy: Policy, arrival: Arrival, progress: Progress, *, by_hand: bool = False
    ) -> DepositResult:
        """Take one deposit. Safe to run again after any crash, and twice at once.

        Args:
            by_hand: a person named this very deposit; content that was disposed of before comes
                back in no other way.

        Raises:
            NotNowError: it vanished, the tier is away or full: nothing was settled.
        """
        with hold(self._catalogue, f"deposit:{arrival.id}", self._events.clock) as lease:
            if lease is None:
                return DepositResult("busy", arrival.name, arrival.id)
            for attempt in range(1, ATTEMPTS + 1):
                with self._scratch(arrival) as scratch:
                    task = self._task(policy, arrival, scratch, lease, progress, by_hand=by_hand)
                    if is_settled(task.arrival, policy):
                        return self._settled_before(task)
                    try:
                        return self._settle(task, self._taken(task))
                    except Changed:
                        progress.say(f"{arrival.name}: changed while it was read (try {attempt})")
            message = f"something in it changed while it was read, {ATTEMPTS} times"
            hint = "wait until nobody writes to it, then deposit it again"
            changed = Finding("DEP-CHANGED", arrival.name, message, hint)
            return self._settle(task, self._reject(task, [changed]))

    @contextmanager
    def _scratch(self, arrival: Arrival) -> Iterator[Path]:
        """A private folder; what a killed run left in it is cleared away."""
        scratch = self._places.scratch / arrival.id
        with durable.plain_errors(scratch):
            remove_tree(scratch)
            scratch.mkdir(parents=True, mode=0o700)
        try:
            yield scratch
        finally:
            remove_tree(scratch)

    def _task(
        self,
        policy: Policy,
        arrival: Arrival,
        scratch: Path,
        lease: Lease,
        progress: Progress,
        *,
        by_hand: bool,
    ) -> _Task:
        """Look at the deposit as it is now."""
        path = Path(os.fsdecode(bytes.fromhex(arrival.path)))
        found = candidate(path, policy.intake.limits)
        if rest(found, scratch):
            found = candidate(path, policy.intake.limits)
        current = self._arrive(policy, found)
        return _Task(policy, current, found, scratch, lease, progress, by_hand)

    def _taken(self, task: _Task) -> DepositResult:
        """Give the verdict on a deposit: all that forbids it, or a version.

        Raises:
            Changed: it is not any more what it was.
        """
        task.progress.begin(f"ingest {task.arrival.name}", task.found.examined.octets)
        examined = task.found.examined
        try:
            opened = None
            if examined.openable:
                opened = open_source(task.found, task.policy.intake, task.scratch)
            findings = (*examined.findings, *(opened.findings if opened else ()))
            if opened is not None:
                findings += (*lacking(task.policy, opened.identifiers), *_unsaid(task, opened))
            if opened is None or is_fatal(findings):
                self._expect_unchanged(task)
                raise Rejected(*findings)
            return self._packaged(task, opened)
        except Rejected as verdict:
            return self._reject(task, verdict.findings)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Changed from error

    def _expect_unchanged(self, task: _Task) -> None:
        """Raise ``Changed`` if anything in the deposit is not as it was before it was read."""
        again = candidate(task.found.path, task.policy.intake.limits)
        if again.examined.signature != task.found.examined.signature:
            raise Changed

    def _packaged(self, task: _Task, opened: Opened) -> DepositResult:
        """Under a lease: one data set, or one reserved AIP, grows by one version at a time."""
        lineage = lineage_of(task.policy, opened)
        about = f"{task.policy.community}:{lineage}" if lineage else task.arrival.aip
        with hold(self._catalogue, f"lineage:{about}", self._events.clock) as lease:
            if lease is None:
                raise BusyError(f"{task.arrival.name}: another run adds to the same data set")
            tier = self._first_tier(task.policy)
            while True:
                plan = draft(self._catalogue, task.policy, task.arrival, opened, lineage)
                left = self._left_behind(task, plan, tier)
                if left is None:
                    return self._attempt(task, plan, tier)
                if left.reserved == task.arrival.aip:
                    return self._accepted(task, left, tier)

    def _left_behind(self, task: _Task, plan: Draft, tier: Tier) -> Adopted | None:
        """The version that a killed run made of this deposit, or in the place that it would have.

        One that was visible and not recorded is recorded, whichever deposit it was made from.
        """
        previous = plan.previous
        if previous is not None and reserved_for(tier, previous.key) == task.arrival.aip:
            sidecar = tier.sidecar(previous.key)
        else:
            sidecar = tier.sidecar(plan.key)
        if sidecar is None:
            return None
        left = adopt(tier, sidecar)
        if self._catalogue.version(left.version.key) is None:
            arrival = task.arrival
            if left.reserved != arrival.aip:
                arrival = replace(arrival, id="", name=left.version.title)
            self._record(task, arrival, left, tier)
        return left

    def _attempt(self, task: _Task, plan: Draft, tier: Tier) -> DepositResult:
        tier.clear_unfinished(plan.key)
        octets = task.found.examined.octets
        incoming = tier.incoming(plan.key, Packaging.FOLDER, octets)
        try:
            # What the deposit did to fail was told before: the rest is the tier's.
            with (
                self._inspector(task.policy) as inspector,
                tier_errors(tier.id),
                closing(BagWriter(incoming.folder, task.policy.intake.algorithms)) as writer,
            ):
                packaged = package(
                    plan.opened.source,
                    writer,
                    incoming.folder,
                    inspector,
                    task.policy.intake.formats,
                    task.scratch,
                    self._workers,
                    paced(task.progress, tier),
                )
                self._expect_unchanged(task)
                findings = (
                    *task.found.examined.findings,
                    *plan.opened.findings,
                    *packaged.findings,
                )
                if is_fatal(findings):
                    raise Rejected(*findings)
                return self._commit(task, plan, writer, packaged, tier, incoming, findings)
        finally:
            incoming.discard()

    def _inspector(self, policy: Policy) -> Inspector:
        """For one deposit.

        Raises:
            NotNowError: a virus scan is demanded and cannot be had.
        """
        intake = policy.intake
        return Inspector(self._tools, check=intake.formats.check, demand=intake.virus_scan)

    def _commit(
        self,
        task: _Task,
        plan: Draft,
        writer: BagWriter,
        packaged: Packaged,
        tier: Tier,
        incoming: Incoming,
        findings: Iterable[Finding],
    ) -> DepositResult:
        facts = writer.payload()
        content = f"content:{plan.key.community}:{facts.content_digest}"
        with hold(self._catalogue, content, self._events.clock) as lease:
            if lease is None:
                raise BusyError(f"{task.arrival.name}: another run takes in the same content")
            held = self._catalogue.held_content(plan.key.community, facts.content_digest)
            if held is not None:
                return self._verdicts.held_already(task.policy, task.arrival, held, task.lease)
            again = disposed_before(self._catalogue, plan.key, facts, by_hand=task.by_hand)
            findings = (*findings, *again)
            if is_fatal(findings):
                raise Rejected(*findings)
            named = plan.opened.identifiers
            with claimed(self._catalogue, self._events.clock, plan.key, named) as objections:
                if objections:
                    raise Rejected(*findings, *objections)
                made = self._finished(task, plan, writer, packaged, incoming, findings)
                self._record(task, task.arrival, made, tier)
        return self._accepted(task, made, tier)

    def _finished(
        self,
        task: _Task,
        plan: Draft,
        writer: BagWriter,
        packaged: Packaged,
        incoming: Incoming,
        findings: Iterable[Finding],
    ) -> Adopted:
        """Close the bag, and make it visible on its tier."""
        facts = writer.payload()
        seal = finish(plan, writer, packaged, self._tools.identifier.toolchain, self._events)
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
            identifiers=plan.opened.identifiers,
        )
        came = {**came_along(plan.opened.facts), **packaged.inspection.to_json()}
        return Adopted(version, task.arrival.aip, packaged.supplied, tuple(findings), came)

    def _record(self, task: _Task, arrival: Arrival, made: Adopted, tier: Tier) -> None:
        events = records.ingested(
            self._events,
            task.policy,
            made.version,
            arrival,
            made.supplied,
            self._tools.identifier.toolchain,
            tier.id,
            made.findings,
            made.came,
        )
        self._catalogue.record(events, task.lease)

    def _accepted(self, task: _Task, made: Adopted, tier: Tier) -> DepositResult:
        version = made.version
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
            identifiers=tuple(one.shown for one in version.identifiers),
            findings=made.findings,
            supplied=made.supplied,
            came=made.came,
        )

    def _verified(
        self, policy: Policy, key: VersionKey, tier: str, progress: Progress
    ) -> MadeReplica:
        """Read the first replica back, unless that was done before, or another run is at it."""
        with hold(self._catalogue, f"replica:{key}:{tier}", self._events.clock) as lease:
            row = self._catalogue.replica(key, tier)
            if row is None:
                raise SamarkandError(f"{key} on {tier}: recorded, yet not in the catalogue")
            if lease is not None and row.state is ReplicaState.WRITTEN:
                self._check(policy, row, progress)
                row = self._catalogue.replica(key, tier) or row
        at = "" if row.verified_at is None else stamp(row.verified_at)
        place = key.place(row.packaging)
        return MadeReplica(tier, place, row.packaging.value, row.state.value, at)

    def _reject(self, task: _Task, findings: Iterable[Finding]) -> DepositResult:
        return self._verdicts.rejected(task.policy, task.arrival, findings, task.lease)

    def _settle(self, task: _Task, result: DepositResult) -> DepositResult:
        return self._verdicts.settle(task.policy, task.arrival, result)

    def _settled_before(self, task: _Task) -> DepositResult:
        """An unchanged deposit is not read again: its receipt says what became of it."""
        arrival, tier = task.arrival, task.policy.replicas[0].tier
        replicas: tuple[MadeReplica, ...] = ()
        if arrival.state != "rejected" and arrival.version:
            key = VersionKey(arrival.community, arrival.aip, arrival.version)
            if self._catalogue.replica(key, tier) is not None:
                replicas = (self._verified(task.policy, key, tier, task.progress),)
        return earlier(arrival, replicas)

    def _first_tier(self, policy: Policy) -> Tier:
        name = policy.replicas[0].tier
        if name not in self._tiers:
            raise UsageError(f"there is no tier {name!r} in this home", code="TIER-UNKNOWN")
        tier = self._tiers[name]
        tier.check()
        return tier
