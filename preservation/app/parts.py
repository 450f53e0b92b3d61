"""The parts of an open home, put together: the only place where the rooms meet.

Of the services only those are loaded that are asked for: their modules are in ``services``.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar, overload

from preservation import __version__
from preservation.app.applied import record_applied
from preservation.app.freshness import out_of_date
from preservation.app.home import Home, SystemClock, find_home
from preservation.app.places import remember, sources_of, specs_of, tiers_of
from preservation.app.sightings import forget_sighting, note_sighting, sighting
from preservation.catalogue.sql import SqlCatalogue, open_catalogue
from preservation.errors import NotNowError, SamarkandError
from preservation.ledger.drain import Drained, drain, replicate_documents
from preservation.ledger.journal import FileJournal
from preservation.ledger.policies import PolicyFiles
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.progress import Progress
from preservation.policy.policy import Policy
from preservation.storage.credentials import CredentialSource
from preservation.storage.proof import Proof
from preservation.storage.source import Source
from preservation.storage.tier import Tier

if TYPE_CHECKING:
    from preservation.app.standings import StandingService
    from preservation.audit.check import Checker
    from preservation.audit.service import AuditService
    from preservation.audit.statements import StatementService
    from preservation.catalogue.checked import Check
    from preservation.formats.protocol import Identifier
    from preservation.formats.tool_workers import ToolWorkers
    from preservation.ingest.inspect import Tools
    from preservation.ingest.release import ReleaseResult, ReleaseService
    from preservation.ingest.service import IngestService
    from preservation.repair.service import RepairService
    from preservation.replication.reconcile import ReconcileService
    from preservation.replication.restore import RestoreService
    from preservation.replication.service import ReplicationService

PENDING = 100_000  # undrained events that a report looks at; drain before a report
COPIES = 2  # tiers that the journal and the policies are copied to
_POLICIES = "policies/"  # what their names begin with there
_S = TypeVar("_S")


class _Service(Generic[_S]):
    """A service that its module in ``services`` makes when it is first asked for, and once."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __set_name__(self, _owner: type[Parts], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, parts: None, _owner: type[Parts]) -> Self: ...

    @overload
    def __get__(self, parts: Parts, _owner: type[Parts]) -> _S: ...

    def __get__(self, parts: Parts | None, _owner: type[Parts]) -> _S | Self:
        if parts is None:
            return self
        module = importlib.import_module(f"preservation.app.services.{self._module}")
        made: _S = module.make(parts)
        parts.__dict__[self._name] = made  # found there before this is asked again
        return made


@dataclass(frozen=True)
class Parts:
    """An open home: what the front doors work with.

    Attributes:
        every_tier: those too that only earlier policies named.
        ends: what is closed with the home.
        ahead: what says what files are, where somebody started it already; not closed with it.
    """

    home: Home
    clock: Clock
    events: EventMaker
    catalogue: SqlCatalogue
    journal: FileJournal
    store: PolicyFiles
    tiers: Mapping[str, Tier]
    every_tier: Callable[[], Mapping[str, Tier]]
    credentials: CredentialSource | None
    ends: ExitStack
    ahead: ToolWorkers | None = None

    checker: ClassVar[_Service[Checker]] = _Service("checking")
    tools: ClassVar[_Service[Tools]] = _Service("tools")
    ingest: ClassVar[_Service[IngestService]] = _Service("ingest")
    releases: ClassVar[_Service[ReleaseService]] = _Service("release")
    replication: ClassVar[_Service[ReplicationService]] = _Service("replication")
    reconcile: ClassVar[_Service[ReconcileService]] = _Service("reconcile")
    restore: ClassVar[_Service[RestoreService]] = _Service("restore")
    audit: ClassVar[_Service[AuditService]] = _Service("audit")
    repair: ClassVar[_Service[RepairService]] = _Service("repair")
    statements: ClassVar[_Service[StatementService]] = _Service("statements")
    standing: ClassVar[_Service[StandingService]] = _Service("standing")

    @property
    def check(self) -> Check:
        """One fixity check of one replica."""
        return self.checker.check

    @property
    def identifier(self) -> Identifier:
        """Says what format a file has."""
        return self.tools.identifier

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Others' tiers that policies in force ask for statements."""
        return sources_of(self.home, self.store, self.credentials)

    @property
    def keepers(self) -> list[str]:
        """The tiers that keep copies of the journal and of the policies."""
        return sorted(self.tiers)[:COPIES]

    def drain(self, *, only: str | None = None) -> Drained:
        """Move events from the outbox into the journal, journal and policies onto tiers.

        Args:
            only: of the keepers, the one tier that this process is there for.

        Raises:
            CatalogueBehindError: what its outbox holds is old.
        """
        self.expect_today()
        copies = [self.tiers[name] for name in self.keepers if only in (None, name)]
        with self.catalogue.kept_open():
            drained = drain(self.catalogue, self.journal, copies, self.clock)
        replicate_documents(_POLICIES, _policy_documents(self.home.policies), copies)
        return drained

    def expect_today(self) -> None:
        """Before anything acts on the catalogue.

        Raises:
            CatalogueBehindError: it is older than the journal.
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
        return self.releases.run(policy, progress)

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
        """Each tier's failure domain as observed, here or lately by a worker of its own; a tier
        that is away is not in it.
        """
        seen: dict[str, str] = {}
        specs = specs_of(self.store)
        for name, tier in self.tiers.items():
            try:
                tier.check()
                seen[name] = tier.observe().failure_domain
            except SamarkandError:
                spec = specs.get(name)
                if spec and (known := sighting(self.home, spec, self.clock)):
                    seen[name] = known
        return seen

    def look_at(self, name: str) -> str:
        """Look at a tier in the name of those who can't; its failure domain.

        Raises:
            TierUnavailableError: it is away, or not itself.
        """
        tier = self.tiers[name]
        try:
            tier.check()
            domain = tier.observe().failure_domain
        except SamarkandError:
            forget_sighting(self.home, name)
            raise
        note_sighting(self.home, specs_of(self.store)[name], domain, self.clock)
        return domain


@contextmanager
def open_home(
    path: Path,
    *,
    agent: str = "",
    clock: Clock | None = None,
    credentials: CredentialSource | None = None,
    ahead: ToolWorkers | None = None,
) -> Iterator[Parts]:
    """Open a home for one piece of work.

    Args:
        credentials: hands each tier its keys; by default the process's environment.
        ahead: what says what files are, if somebody started it already, and ends it.

    Raises:
        HomeNotFoundError: there is no home at the path.
        CatalogueUnavailableError: its catalogue cannot be used.
    """
    home = find_home(path)
    with ExitStack() as ends:
        catalogue = open_catalogue(home.catalogue_url)
        ends.callback(catalogue.close)
        store = PolicyFiles(home.policies)
        with suppress(NotNowError):  # a home that cannot be written now can be looked at
            record_applied(store, catalogue)
        events = EventMaker(
            clock or SystemClock(), agent or default_agent(), lambda: str(uuid.uuid4())
        )
        tiers = partial(tiers_of, home, store, credentials, events.clock)
        yield Parts(
            home=home,
            clock=events.clock,
            events=events,
            catalogue=catalogue,
            journal=FileJournal(home.journal),
            store=store,
            tiers=tiers(),
            every_tier=cache(partial(tiers, former=True)),
            credentials=credentials,
            ends=ends,
            ahead=ahead,
        )


def _policy_documents(folder: Path) -> dict[str, Callable[[], bytes]]:
    """Effective policies, plans and amendments, and what is in force now under the digest of
    its bytes, since a document that is kept on a tier is never rewritten.
    """
    documents: dict[str, Callable[[], bytes]] = {}
    for kind in ("objects", "plans", "history"):
        for path in sorted((folder / kind).glob("*.json")):
            documents[f"{_POLICIES}{kind}/{path.name}"] = path.read_bytes
    in_force = folder / "in-force.json"
    if in_force.exists():
        data = in_force.read_bytes()
        name = hashlib.sha256(data).hexdigest()
        documents[f"{_POLICIES}in-force/{name}.json"] = lambda: data
    return documents


def default_agent() -> str:
    """Who acts, when nobody says otherwise: this program on this host."""
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"samarkand {__version__} ({f'preserve {verb}'.strip()}) on {socket.gethostname()}"
