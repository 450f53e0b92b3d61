"""The parts of an open home, put together: the only place where the rooms meet."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

from preservation import __version__
from preservation.app.freshness import out_of_date
from preservation.app.home import Home, SystemClock, find_home
from preservation.app.places import Holders, remember, sources_of, specs_of, tiers_of
from preservation.app.policies import record_applied
from preservation.audit.check import Checker
from preservation.audit.rate import FILE as RATE_FILE
from preservation.audit.rate import LiveRate
from preservation.audit.service import AuditService
from preservation.audit.statements import StatementService
from preservation.catalogue.promises import Standing
from preservation.catalogue.sql import SqlCatalogue, open_catalogue
from preservation.catalogue.standing import standing
from preservation.errors import NotNowError, SamarkandError
from preservation.fixity.engine import EngineSettings
from preservation.formats.checks.checker import FormatChecker
from preservation.formats.identifier import FormatIdentifier
from preservation.formats.protocol import Identifier
from preservation.ingest.inspect import Tools
from preservation.ingest.release import ReleaseResult, ReleaseService
from preservation.ingest.service import IngestService, Places
from preservation.ingest.virus import VirusScanner
from preservation.ledger.drain import Drained, drain, replicate_documents
from preservation.ledger.journal import FileJournal
from preservation.ledger.policies import PolicyFiles
from preservation.model.clock import Clock
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.progress import Progress
from preservation.policy.policy import Policy
from preservation.repair.localising import Localiser
from preservation.repair.salvage import Salvage
from preservation.repair.service import RepairService
from preservation.repair.settling import disputed
from preservation.replication.reconcile import ReconcileService
from preservation.replication.restore import RestoreService
from preservation.replication.service import ReplicationService
from preservation.replication.writing import write_replica
from preservation.retention.books import Check
from preservation.storage.credentials import CredentialSource
from preservation.storage.proof import Proof
from preservation.storage.source import Source
from preservation.storage.tier import Tier

PENDING = 100_000  # undrained events that a report looks at; drain before a report
COPIES = 2  # tiers that the journal and the policies are copied to
# Most of what taking in a deposit costs is to say what its files are; one worker would let the
# other cores wait. More than two would be in the way of copying, and each holds up to 250 MB.
_IDENTIFYING = min(2, len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Parts:
    """An open home: what the front doors work with."""

    home: Home
    clock: Clock
    events: EventMaker
    catalogue: SqlCatalogue
    journal: FileJournal
    store: PolicyFiles
    tiers: Mapping[str, Tier]
    identifier: Identifier
    ingest: IngestService
    replication: ReplicationService
    reconcile: ReconcileService
    restore: RestoreService
    audit: AuditService
    repair: RepairService
    statements: StatementService
    credentials: CredentialSource | None
    check: Check
    every_tier: Callable[[], Mapping[str, Tier]]  # those too that only earlier policies named

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Others' tiers that policies in force ask for statements."""
        return sources_of(self.home, self.store, self.credentials)

    def drain(self) -> Drained:
        """Move events from the outbox into the journal, journal and policies onto tiers.

        Raises:
            CatalogueUnavailableError: ``CAT-BEHIND-JOURNAL``: what its outbox holds is old.
        """
        self.expect_today()
        copies = [self.tiers[name] for name in sorted(self.tiers)][:COPIES]
        drained = drain(self.catalogue, self.journal, copies, self.clock)
        replicate_documents(_policy_documents(self.home.policies), copies)
        return drained

    def expect_today(self) -> None:
        """Before anything acts on the catalogue.

        Raises:
            CatalogueUnavailableError: it is older than the journal (``CAT-BEHIND-JOURNAL``).
        """
        if error := out_of_date(self.catalogue, self.journal):
            raise error

    def proven(self, tier: str, proofs: Sequence[Proof]) -> None:
        """Put on record what was tried out about a tier."""
        if spec := specs_of(self.store).get(tier):
            remember(self.home, spec, proofs)
        broken = any(one.needed and one.holds is False for one in proofs)
        detail = {"tier": tier, "proofs": [one.to_json() for one in proofs]}
        outcome = "fail" if broken else "success"
        self.catalogue.record([self.events.of("", EventType.TIER_CHECK, outcome, detail)])

    def release(self, policy: Policy, progress: Progress) -> list[ReleaseResult]:
        """Let deposits go that were taken in, as the policy says."""
        service = ReleaseService(
            self.catalogue, self.events, self.observed, self.drain, self.home.path
        )
        return service.run(policy, progress)

    def standing(self, policy: Policy, observed: Mapping[str, str] | None = None) -> Standing:
        """Whether everything promised to a community is true now.

        Args:
            observed: what ``observed`` says, where it was asked for several communities.
        """
        seen = self.observed() if observed is None else observed
        past = partial(self.store.past, policy)
        return standing(self.catalogue, policy, seen, self.clock.now(), past)

    def all_events(self) -> Iterator[Event]:
        """Every event, oldest first: the journal's, then those not drained yet."""
        seen = set()
        for event in self.journal.events():
            seen.add(event.id)
            yield event
        yield from (event for event in self.pending_events() if event.id not in seen)

    def pending_events(self) -> list[Event]:
        """Events that are recorded and not in the journal yet."""
        return [Event.from_json(json.loads(body)) for body in self.catalogue.outbox(PENDING)]

    def observed(self) -> dict[str, str]:
        """Each tier's failure domain as observed; a tier that is away is not in it."""
        seen: dict[str, str] = {}
        for name, tier in self.tiers.items():
            try:
                tier.check()
                seen[name] = tier.observe().failure_domain
            except SamarkandError:
                continue
        return seen


@contextmanager
def open_home(
    path: Path,
    *,
    agent: str = "",
    clock: Clock | None = None,
    credentials: CredentialSource | None = None,
) -> Iterator[Parts]:
    """Open a home for one piece of work.

    Args:
        credentials: hands each tier its keys; by default the process's environment.

    Raises:
        HomeNotFoundError: there is no home at the path.
        CatalogueUnavailableError: its catalogue cannot be used.
    """
    home = find_home(path)
    catalogue = open_catalogue(home.catalogue_url)
    try:
        with suppress(NotNowError):  # a home that cannot be written now can be looked at
            record_applied(PolicyFiles(home.policies), catalogue)
        with (
            FormatIdentifier(_IDENTIFYING, known=home.known_formats) as identifier,
            FormatChecker() as checker,
            VirusScanner(home.clamd) as scanner,
        ):
            tools = Tools(identifier, checker, scanner)
            events = EventMaker(
                clock or SystemClock(), agent or default_agent(), lambda: str(uuid.uuid4())
            )
            yield _parts(home, catalogue, tools, events, credentials)
    finally:
        catalogue.close()


def _parts(
    home: Home,
    catalogue: SqlCatalogue,
    tools: Tools,
    events: EventMaker,
    credentials: CredentialSource | None,
) -> Parts:
    store, journal = PolicyFiles(home.policies), FileJournal(home.journal)
    clock = events.clock
    tiers = tiers_of(home, store, credentials, clock)
    every_tier = cache(partial(tiers_of, home, store, credentials, clock, former=True))
    holders = Holders(tiers, every_tier)
    engine = EngineSettings(workers=2, drop_cache=True)
    localise = Localiser(catalogue, holders).localise
    checker = Checker(catalogue, journal, holders, events, engine, localise)
    places = Places(home.path, home.scratch, home.receipts)
    return Parts(
        home=home,
        clock=clock,
        events=events,
        catalogue=catalogue,
        journal=journal,
        store=store,
        tiers=tiers,
        identifier=tools.identifier,
        ingest=IngestService(catalogue, tiers, events, tools, checker.check, places),
        replication=ReplicationService(catalogue, tiers, events, checker.check, holders),
        reconcile=ReconcileService(catalogue, events, checker.check),
        restore=RestoreService(catalogue, holders),
        audit=AuditService(catalogue, checker, events, LiveRate(home.path / RATE_FILE), tiers),
        repair=RepairService(
            catalogue,
            journal,
            tiers,
            events,
            engine,
            checker.check,
            write_replica,
            Salvage(catalogue, journal, tiers, clock, home.path),
            (disputed(catalogue),),
            holders,
        ),
        statements=StatementService(catalogue, catalogue.statements, events),
        credentials=credentials,
        check=checker.check,
        every_tier=every_tier,
    )


def _policy_documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Effective policies, plans and amendments, and what is in force now under the digest of
    its bytes, since a document that is kept on a tier is never rewritten.
    """
    for kind in ("objects", "plans", "history"):
        for path in sorted((folder / kind).glob("*.json")):
            yield f"policies/{kind}/{path.name}", path.read_bytes()
    in_force = folder / "in-force.json"
    if in_force.exists():
        data = in_force.read_bytes()
        yield f"policies/in-force/{hashlib.sha256(data).hexdigest()}.json", data


def default_agent() -> str:
    """Who acts, when nobody says otherwise: this program on this host."""
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"samarkand {__version__} ({f'preserve {verb}'.strip()}) on {socket.gethostname()}"
