"""The protocol of the catalogue, and the rows that it gives.

State changes in one way only: :meth:`Catalogue.record` applies events to the tables through
the one projection and puts the same events into the outbox, in one transaction. Rebuilding
is the same projection over the sidecars of the tiers and the events of the journal. What is
not made from events (arrivals in inboxes, leases) may be lost without harm.

Rows per AIP version and replica, never per file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Protocol

from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.event import Event
from preservation.model.identifier import Identifier, IdentifierStatus
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import Packaging, ReplicaState, Sidecar, TarFacts, VersionKey


@dataclass(frozen=True, slots=True)
class Arrival:
    """A deposit seen in an inbox; ``id`` is stable for one (community, path).

    Attributes:
        signature: a digest over sizes and times of all entries: unchanged means unread again.
        aip: reserved at arrival, so that a retry never makes a second AIP.
        state: ``waiting held accepted rejected``; ``held`` means the content was held already.
        version: of the AIP it became or equals; 0 before.
        receipt: the outcome document given to the depositor; empty before.
    """

    id: str
    community: str
    name: str
    path: str
    signature: str
    aip: str
    state: str
    version: int
    seen_at: datetime
    settled_at: datetime | None
    receipt: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FormatCount:
    """How many files, and octets, of one format a version holds."""

    puid: str
    mime: str
    name: str
    files: int
    octets: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One AIP version."""

    key: VersionKey
    title: str  # the deposit's name, for people
    seal: Digest
    previous_seal: Digest | None
    content_digest: Digest
    lineage: str  # canonical lineage identifier, or ""
    files: int
    octets: int
    ingested_at: datetime
    policy: str
    formats: tuple[FormatCount, ...]
    identifiers: tuple[Identifier, ...] = ()  # that it came with; not read back with the row

    def sidecar(self, packaging: Packaging, tar: TarFacts | None = None) -> Sidecar:
        """The sidecar of a replica of it.

        Args:
            packaging: of the replica.
            tar: what its tar is; for a folder nothing.
        """
        return Sidecar(
            key=self.key,
            seal=self.seal,
            previous_seal=self.previous_seal,
            oxum=f"{self.octets}.{self.files}",
            packaging=packaging,
            tar=tar if packaging is Packaging.TAR else None,
        )


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """A persistent identifier, and the one AIP of its community that it belongs to.

    Attributes:
        since: when it got its status.
        adopted: only a sidecar's bag speaks for it: no event that gave it was seen.
    """

    community: str
    identifier: Identifier
    aip: str
    status: IdentifierStatus
    since: datetime
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """One replica."""

    key: VersionKey
    tier: str
    packaging: Packaging
    state: ReplicaState
    seal: Digest
    tar: TarFacts | None
    octets: int  # of payload: what reading it costs, for budgets
    written_at: datetime
    verified_at: datetime | None  # last time it was found intact
    checked_at: datetime | None  # last check of any outcome but ``unchecked``
    outcome: Outcome | None
    level: Level | None
    ready_by: datetime | None = None  # it was recalled, and can be read from then on
    all_digests_at: datetime | None = None  # last time all of its digests were found right


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding with a life of its own.

    Attributes:
        state: ``open``, ``resolved`` or ``accepted``.
        detail: what localises it: files, byte ranges, the check's event id.
        decided: who closed it, why and by which event; empty while open.
    """

    id: str
    code: str
    severity: str
    community: str
    aip: str
    version: int
    tier: str
    subject: str
    message: str
    hint: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    decided: Mapping[str, Any] = field(default_factory=dict)

    @property
    def life(self) -> str:
        """Its stage, for people: ``open``, ``being repaired``, ``resolved``, ``accepted``."""
        begun = self.detail.get("repair")
        under_way = self.state == "open" and begun is not None and "difference" not in begun
        return "being repaired" if under_way else self.state


class Disposed(Protocol):
    """A version that was disposed of, as far as others need to know."""

    @property
    def key(self) -> VersionKey: ...

    @property
    def disposed_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on something, with a fencing number that only grows."""

    name: str
    holder: str
    fence: int
    expires_at: datetime


class Catalogue(Protocol):
    """What services know. Every method is one short transaction.

    Raises:
        CatalogueUnavailableError: from any method: locked too long, corrupt, unreachable, or
            a schema that is not this version's.
    """

    # -- events: the only way state changes
    def record(self, events: Sequence[Event], lease: Lease | None = None) -> None:
        """Apply and put into the outbox, all or nothing. An event whose id was recorded
        before is skipped. With ``lease``, nothing is written if its fence is no longer
        current (``BusyError``).
        """
        ...

    def outbox(self, limit: int) -> list[bytes]:
        """The oldest visible undrained events, as their canonical bytes."""
        ...

    def outbox_size(self) -> int:
        """How many events are not drained yet."""
        ...

    def drained(self, ids: Iterable[str]) -> None:
        """Forget outbox rows whose events are durable in the journal."""
        ...

    # -- arrivals and leases: not made from events
    def arrive(
        self, community: str, name: str, path: str, signature: str, aip: str, at: datetime
    ) -> Arrival:
        """Note a deposit. Same path and signature: the row as it is. Same path and another
        signature: waiting again, with the given ``aip`` reserved. ``aip`` is used only when
        a reservation is made.
        """
        ...

    def settle_arrival(
        self, id: str, state: str, version: int, aip: str, receipt: Mapping[str, Any], at: datetime
    ) -> None:
        """Note how it ended."""
        ...

    def arrival(self, id: str) -> Arrival | None: ...

    def arrivals(self, community: str | None = None, state: str | None = None) -> list[Arrival]: ...

    def lease(self, name: str, ttl: timedelta, now: datetime) -> Lease | None:
        """Take the lease, or None while somebody alive holds it. A holder that died on this
        host (by pid and start time) holds nothing.
        """
        ...

    def lease_all(self, names: Sequence[str], ttl: timedelta, now: datetime) -> list[Lease]:
        """Take several at once; only those come back that nobody alive held."""
        ...

    def release_all(self, leases: Sequence[Lease]) -> None: ...

    def renew(self, lease: Lease, ttl: timedelta, now: datetime) -> Lease:
        """Prolong; ``BusyError`` if it was lost."""
        ...

    def release(self, lease: Lease) -> None: ...

    # -- reading
    def versions(
        self, community: str | None = None, aip: str | None = None
    ) -> Iterator[VersionRow]:
        """By community, AIP, version; read in pages by key."""
        ...

    def version(self, key: VersionKey) -> VersionRow | None: ...

    def held_content(self, community: str, content: Digest) -> VersionRow | None:
        """The version that already holds this content, if any."""
        ...

    def lineage(self, community: str, identifier: str) -> list[str]:
        """The AIPs of the community under this lineage identifier; those whose versions were
        disposed of too: an identifier's AIP goes on where it is deposited again.
        """
        ...

    def last_version(self, community: str, aip: str) -> VersionRow | None:
        """The newest version that an AIP ever had, disposed of or not."""
        ...

    def is_disposed(self, key: VersionKey) -> bool:
        """Whether a version was disposed of."""
        ...

    def is_held(self, key: VersionKey) -> bool:
        """Whether a hold on a version is open."""
        ...

    def removing(self, community: str, tier: str) -> set[VersionKey]:
        """The versions of which something is being removed from a tier."""
        ...

    def disposed_content(self, community: str, content: Digest) -> Disposed | None:
        """The version that held this content and was disposed of, the last one, if any."""
        ...

    def identifiers(
        self, community: str | None = None, aip: str | None = None
    ) -> list[IdentifierRow]:
        """By community, scheme, value."""
        ...

    def identifiers_of(self, aips: Sequence[str]) -> list[IdentifierRow]:
        """The identifiers of some AIPs, by scheme and value."""
        ...

    def identified(self, community: str, wanted: Sequence[Identifier]) -> list[IdentifierRow]:
        """Those of these identifiers that belong to an AIP of the community."""
        ...

    def replicas(
        self,
        community: str | None = None,
        tier: str | None = None,
        aip: str | None = None,
    ) -> Iterator[ReplicaRow]:
        """By community, AIP, version, tier; read in pages by key."""
        ...

    def replica(self, key: VersionKey, tier: str) -> ReplicaRow | None: ...

    def findings(
        self,
        community: str | None = None,
        state: str | None = None,
        aip: str | None = None,
        tier: str | None = None,
        code: str | None = None,
    ) -> list[FindingRow]: ...

    def each_finding(
        self,
        community: str | None = None,
        state: str | None = None,
        aip: str | None = None,
        tier: str | None = None,
        code: str | None = None,
        *,
        since: datetime | None = None,
        brief: bool = False,
    ) -> Iterator[FindingRow]:
        """As ``findings``, page by page: there may be many, and each may name many files. Which
        they are is asked at once, so that what is done about one hides no other.

        Args:
            since: without those that were closed before.
            brief: without ``detail`` and ``decided``.
        """
        ...

    def findings_by(self, ids: Sequence[str], *, brief: bool = False) -> Iterator[FindingRow]:
        """Some findings, page by page, each page's oldest first."""
        ...

    def finding(self, id: str) -> FindingRow | None: ...

    def communities(self) -> list[str]: ...

    # -- rebuilding
    def adopt_many(
        self, shown: Sequence[tuple[Sidecar, VersionRow | None]], tier: str, at: datetime
    ) -> None:
        """While rebuilding: note what a tier shows. Creates each version from its facts (read
        from the bag's tag files) where no event did, and the replica as ``written``.
        """
        ...

    def replay(self, events: Iterable[Event]) -> int:
        """While rebuilding: apply events without the outbox. Returns how many were applied."""
        ...
