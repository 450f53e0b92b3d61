"""Makes an AIP version of an opened deposit: packaged, committed, recorded, read back.

See ``service.py`` for what a crash leaves at each of these steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from preservation.bags.write import BagWriter
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Arrival, Catalogue, Lease, VersionRow
from preservation.errors import BusyError, UsageError
from preservation.ingest import records
from preservation.ingest.adopt import Adopted, adopt, came_along, reserved_for
from preservation.ingest.claiming import RUNNING, claimed
from preservation.ingest.disposed import disposed_before
from preservation.ingest.draft import Draft, Rejected, draft, finish, lineage_of
from preservation.ingest.fenced import Changed
from preservation.ingest.inbox import Candidate, candidate
from preservation.ingest.inspect import Inspector, Tools
from preservation.ingest.package import Packaged, package
from preservation.ingest.reading_back import Beside, FirstReplica
from preservation.ingest.result import DepositResult
from preservation.ingest.source import Opened
from preservation.ingest.verdicts import Verdicts
from preservation.model.deferred import dataclass
from preservation.model.event import EventMaker
from preservation.model.finding import Finding, is_fatal
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, Sidecar
from preservation.policy.policy import Policy
from preservation.storage.pace import paced
from preservation.storage.steps import tier_errors
from preservation.storage.tier import Incoming, Tier


@dataclass(frozen=True, slots=True)
class Task:
    """One deposit being taken in, under its lease."""

    policy: Policy
    arrival: Arrival
    found: Candidate
    scratch: Path
    lease: Lease
    progress: Progress
    by_hand: bool
    beside: Beside | None

    def expect_unchanged(self) -> None:
        """Raise ``Changed`` if anything in the deposit is not as it was before it was read."""
        again = candidate(self.found.path, self.policy.intake.limits)
        if again.examined.signature != self.found.examined.signature:
            raise Changed


class VersionMaker:
    """Makes versions for the service; one deposit at a time.

    Args:
        workers: how many files to copy at a time.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        tiers: Mapping[str, Tier],
        events: EventMaker,
        tools: Tools,
        first: FirstReplica,
        verdicts: Verdicts,
        workers: int,
    ) -> None:
        self._catalogue = catalogue
        self._tiers = tiers
        self._events = events
        self._tools = tools
        self._first = first
        self._verdicts = verdicts
        self._workers = workers

    def make(self, task: Task, opened: Opened) -> DepositResult:
        """Make the version that a deposit is, unless its content is held already.

        Under a lease: one data set, or one reserved AIP, grows by one version at a time.

        Raises:
            Rejected: the deposit, with everything that is against it.
            Changed: it is not any more what it was.
            NotNowError: the tier is away or full, or another run is at the same.
        """
        lineage = lineage_of(task.policy, opened)
        about = f"{task.policy.community}:{lineage}" if lineage else task.arrival.aip
        with hold(self._catalogue, f"lineage:{about}", self._events.clock) as lease:
            if lease is None:
                raise BusyError(
                    f"{task.arrival.name}: another run adds to the same data set", hint=RUNNING
                )
            tier = self._first_tier(task.policy)
            while True:
                plan = draft(self._catalogue, task.policy, task.arrival, opened, lineage)
                left = self._left_behind(task, plan, tier)
                if left is None:
                    return self._attempt(task, plan, tier)
                if left.reserved == task.arrival.aip:
                    return self._accepted(task, left, tier)

    def _left_behind(self, task: Task, plan: Draft, tier: Tier) -> Adopted | None:
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

    def _attempt(self, task: Task, plan: Draft, tier: Tier) -> DepositResult:
        tier.clear_unfinished(plan.key)
        octets = task.found.examined.octets
        incoming = tier.incoming(plan.key, Packaging.FOLDER, octets)
        try:
            # What the deposit did to fail was told before: the rest is the tier's.
            with (
                self._inspector(task.policy) as inspector,
                tier_errors(tier.id),
                closing(
                    BagWriter(incoming.folder, task.policy.intake.algorithms, read_soon=True)
                ) as writer,
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
                task.expect_unchanged()
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
        task: Task,
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
                raise BusyError(
                    f"{task.arrival.name}: another run takes in the same content", hint=RUNNING
                )
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
        task: Task,
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

    def _record(self, task: Task, arrival: Arrival, made: Adopted, tier: Tier) -> None:
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

    def _accepted(self, task: Task, made: Adopted, tier: Tier) -> DepositResult:
        version = made.version
        replica = self._first.read_back(
            task.policy, version.key, tier.id, task.progress, task.beside
        )
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

    def _first_tier(self, policy: Policy) -> Tier:
        name = policy.replicas[0].tier
        if name not in self._tiers:
            raise UsageError(f"there is no tier {name!r} in this home", code="TIER-UNKNOWN")
        tier = self._tiers[name]
        tier.check()
        return tier
