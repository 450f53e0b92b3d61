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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from preservation.catalogue.checked import LeasedCheck
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Arrival, Catalogue
from preservation.errors import NotNowError
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.ingest.claiming import lacking
from preservation.ingest.described import undescribed
from preservation.ingest.disposed import is_refused_for_it
from preservation.ingest.draft import Rejected
from preservation.ingest.fenced import Changed
from preservation.ingest.inbox import Candidate, candidate, is_complete, look, rest
from preservation.ingest.inspect import Tools
from preservation.ingest.making import Task, VersionMaker
from preservation.ingest.reading_back import Beside, FirstReplica
from preservation.ingest.result import DepositResult, MadeReplica, earlier
from preservation.ingest.source import Opened, open_source
from preservation.ingest.verdicts import Verdicts, is_settled
from preservation.model.deferred import dataclass
from preservation.model.event import EventMaker
from preservation.model.finding import Finding, is_fatal
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.policy.policy import Policy
from preservation.storage.tier import Tier

ATTEMPTS = 2  # at a deposit that changes while it is read


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of the home that ingest uses."""

    home: Path
    scratch: Path
    receipts: Path


def _unsaid(task: Task, opened: Opened) -> Iterator[Finding]:
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
        check: LeasedCheck,
        places: Places,
        workers: int = 2,
    ) -> None:
        self._catalogue = catalogue
        self._events = events
        self._places = places
        self._verdicts = Verdicts(catalogue, events, places.receipts)
        self._first = FirstReplica(catalogue, events, check)
        self._maker = VersionMaker(
            catalogue, tiers, events, tools, self._first, self._verdicts, workers
        )

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
        self,
        policy: Policy,
        arrival: Arrival,
        progress: Progress,
        *,
        by_hand: bool = False,
        beside: Beside | None = None,
    ) -> DepositResult:
        """Take one deposit. Safe to run again after any crash, and twice at once.

        Args:
            by_hand: a person named this very deposit; content that was disposed of before comes
                back in no other way.
            beside: may make other replicas while it reads the first one back.

        Raises:
            NotNowError: it vanished, the tier is away or full: nothing was settled.
        """
        with hold(self._catalogue, f"deposit:{arrival.id}", self._events.clock) as lease:
            if lease is None:
                return DepositResult("busy", arrival.name, arrival.id)
            for attempt in range(1, ATTEMPTS + 1):
                with self._scratch(arrival) as scratch:
                    current, found = self._current(policy, arrival, scratch)
                    task = Task(policy, current, found, scratch, lease, progress, by_hand, beside)
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

    def _current(
        self, policy: Policy, arrival: Arrival, scratch: Path
    ) -> tuple[Arrival, Candidate]:
        """Look at the deposit as it is now."""
        path = Path(os.fsdecode(bytes.fromhex(arrival.path)))
        found = candidate(path, policy.intake.limits)
        if rest(found, scratch):
            found = candidate(path, policy.intake.limits)
        return self._arrive(policy, found), found

    def _taken(self, task: Task) -> DepositResult:
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
                task.expect_unchanged()
                raise Rejected(*findings)
            return self._maker.make(task, opened)
        except Rejected as verdict:
            return self._reject(task, verdict.findings)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Changed from error

    def _reject(self, task: Task, findings: Iterable[Finding]) -> DepositResult:
        return self._verdicts.rejected(task.policy, task.arrival, findings, task.lease)

    def _settle(self, task: Task, result: DepositResult) -> DepositResult:
        return self._verdicts.settle(task.policy, task.arrival, result)

    def _settled_before(self, task: Task) -> DepositResult:
        """An unchanged deposit is not read again: its receipt says what became of it."""
        arrival, tier = task.arrival, task.policy.replicas[0].tier
        replicas: tuple[MadeReplica, ...] = ()
        if arrival.state != "rejected" and arrival.version:
            key = VersionKey(arrival.community, arrival.aip, arrival.version)
            if self._catalogue.replica(key, tier) is not None:
                made = self._first.read_back(task.policy, key, tier, task.progress, task.beside)
                replicas = (made,)
        return earlier(arrival, replicas)
