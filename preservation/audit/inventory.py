"""The central inventory kept up to date: from the AIPs' own inventories, and from later looks.

Each AIP version's ``metadata/inventory.csv`` is read from a replica that was verified, under its
seal, and to its end before a row of it counts. What reviews found since lies over it, from the
events and their result documents. Run twice, or killed, it ends the same: it writes what is
missing, and nothing else.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from preservation.bags import sealed
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, ReplicaRow, VersionRow
from preservation.errors import BusyError, MalformedError, NotNowError, SourceDamagedError
from preservation.files import durable
from preservation.formats.inventory.held import DueVersions
from preservation.formats.inventory.schema import answered, central
from preservation.formats.inventory.store import CommunityInventory
from preservation.formats.inventory.versions import HeldVersion, Key
from preservation.formats.watch import is_weak
from preservation.ledger.protocol import Journal
from preservation.model.canonical import canonical
from preservation.model.clock import Clock, parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.event import Event, EventType
from preservation.model.finding import Finding, Severity
from preservation.model.inventory import InventoryRow, read_row
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, ReplicaState, VersionKey
from preservation.storage.tier import Tier

_INVENTORY, _DEPOSIT = b"metadata/inventory.csv", b"metadata/deposit.json"
_LARGEST_FACTS = 1 << 22
_MARGIN = timedelta(days=1)  # clocks of two hosts may differ, and events are drained late

Reviews = Mapping[Key, list[Event]]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What bringing one community's inventory up to date came to.

    Attributes:
        taken: AIP versions that were read.
        dropped: versions that are not held any more.
        missing: versions that are not in it, since no replica of them could be read.
    """

    community: str
    versions: int
    taken: int
    files: int
    dropped: int
    missing: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.formats-refresh/1``."""
        return {
            "community": self.community,
            "versions": self.versions,
            "taken": self.taken,
            "files": self.files,
            "dropped": self.dropped,
            "missing": [finding.to_json() for finding in self.missing],
        }


@dataclass(frozen=True, slots=True)
class InventorySources:
    """What the central inventory is made from, and where.

    Attributes:
        root: its folder.
        scratch: a private folder for an inventory that is read to its end before it counts.
        pending: events that are recorded and not in the journal yet.
    """

    catalogue: Catalogue
    journal: Journal
    tiers: Mapping[str, Tier]
    clock: Clock
    root: Path
    scratch: Path
    pending: Callable[[], Iterable[Event]]

    def reviews(self, community: str, since: datetime | None) -> Reviews:
        """The later identifications of a community's AIP versions, oldest first."""
        found: dict[Key, list[Event]] = {}
        seen: set[str] = set()
        for event in chain(self.pending(), self.journal.events(since)):
            about = event.type is EventType.FORMAT_IDENTIFICATION
            if about and event.community == community and event.id not in seen:
                seen.add(event.id)
                found.setdefault((event.aip, event.version), []).append(event)
        return {key: sorted(some, key=lambda one: one.at) for key, some in found.items()}


class InventoryService:
    """Keeps the central inventory."""

    def __init__(self, sources: InventorySources) -> None:
        self._sources = sources

    def of(self, community: str) -> CommunityInventory:
        """A community's inventory as it is now."""
        return CommunityInventory(self._sources.root, community)

    def refresh(self, community: str, progress: Progress, *, everything: bool = False) -> Refreshed:
        """Take in what is not in it yet, or all of it anew.

        Raises:
            BusyError: another run keeps it.
            NoSpaceError, NotNowError: the home's disk is in the way.
        """
        with hold(self._sources.catalogue, f"inventory:{community}", self._sources.clock) as lease:
            if lease is None:
                raise BusyError(f"the inventory of {community} is being written by another run")
            return _Refresh(self._sources, community, everything, progress).run()


class _Refresh:
    """One run of :meth:`InventoryService.refresh`."""

    def __init__(
        self, sources: InventorySources, community: str, everything: bool, progress: Progress
    ) -> None:
        self._sources = sources
        self._community = community
        self._everything = everything
        self._progress = progress
        self._inventory = CommunityInventory(sources.root, community)
        self._mark = sources.root / f"community={community}" / "refreshed.json"
        self._missing: list[Finding] = []
        self._taken = self._files = 0

    def run(self) -> Refreshed:
        began = self._sources.clock.now()
        self._inventory.tidy()
        reviews = self._sources.reviews(self._community, self._since())
        due, held, first, gone = DueVersions(), 0, None, list[Key]()
        known = iter(self._inventory.versions)
        ahead = next(known, None)
        for row in self._sources.catalogue.versions(self._community):
            held += 1
            key = row.key.aip, row.key.version
            while ahead is not None and ahead <= key:  # both come in the order of their keys
                gone += [ahead] if ahead < key else []
                ahead = next(known, None)
            if self._is_due(row, reviews):
                due.add(f"{row.ingested_at:%Y-%m}", key)
                first = min(first or row.ingested_at, row.ingested_at)
        gone += [] if ahead is None else [ahead, *known]
        self._inventory.drop(gone)
        if first is not None:  # what is read anew wants all of its reviews, not the recent only
            reviews = self._sources.reviews(self._community, first - _MARGIN)
        self._progress.begin(f"inventory of {self._community}: {len(due)} AIP versions", None)
        for month in due.months():
            keys = (VersionKey(self._community, *key) for key in due.of(month))
            self._inventory.write(month, self._read_all(keys, reviews))
        self._inventory.tidy()
        self._note(began)
        return Refreshed(
            self._community,
            held,
            self._taken,
            self._files,
            len(gone),
            tuple(self._missing),
        )

    def _since(self) -> datetime | None:
        """From when on there may be reviews that are not taken in; None: since ever."""
        last = self._last()
        return None if last is None else last - _MARGIN

    def _is_due(self, row: VersionRow, reviews: Reviews) -> bool:
        key = (row.key.aip, row.key.version)
        known = self._inventory.versions.get(key)
        if known is None or self._everything or known.seal != str(row.seal):
            return True
        return any(event.id not in known.reviews for event in reviews.get(key, ()))

    def _read_all(
        self, keys: Iterable[VersionKey], reviews: Reviews
    ) -> Iterator[tuple[HeldVersion, Iterable[Mapping[str, Any]]]]:
        for key in keys:
            row = self._sources.catalogue.version(key)
            if row is None:  # disposed of since
                continue
            later = reviews.get((row.key.aip, row.key.version), [])
            spool = self._sources.scratch / f"inventory-{row.key.aip}.v{row.key.version}.csv"
            try:
                toolchain = self._spooled(row, spool)
                if toolchain is not None:
                    yield self._held(row, later), self._rows(row, spool, toolchain, later)
                    self._taken += 1
                    self._files += row.files
                    self._progress.advance(spool.stat().st_size)
            finally:
                spool.unlink(missing_ok=True)

    def _spooled(self, row: VersionRow, spool: Path) -> str | None:
        """Bring an AIP's inventory here from a replica that verifies; says whose answers it has."""
        tried: list[str] = []
        replicas = self._sources.catalogue.replicas(self._community, aip=row.key.aip)
        mine = [one for one in replicas if one.key == row.key]
        for replica in sorted(mine, key=_nearest):
            if replica.state is not ReplicaState.VERIFIED:
                continue
            try:
                return self._from(replica, row, spool)
            except (SourceDamagedError, NotNowError, MalformedError) as error:
                tried.append(f"{replica.tier}: {error.message}")
        self._missing.append(_missing(row.key, tried))
        return None

    def _from(self, replica: ReplicaRow, row: VersionRow, spool: Path) -> str:
        tier = self._sources.tiers.get(replica.tier)
        if tier is None:
            raise NotNowError(f"there is no tier {replica.tier!r} in this home")
        tier.check()
        toolchain = ""
        source = sealed.members(tier.held(row.key, replica.packaging), row.seal, replica.tar)
        for path, octets, chunks in source:
            if path == _DEPOSIT and octets <= _LARGEST_FACTS:
                facts = json.loads(b"".join(chunks))
                toolchain = canonical(facts.get("toolchain", "")).decode()
            elif path == _INVENTORY:
                with durable.plain_errors(spool):
                    spool.parent.mkdir(parents=True, exist_ok=True)
                    with spool.open("wb") as file:
                        file.writelines(chunks)
                return toolchain
        raise MalformedError(f"{row.key}: a bag without an inventory")

    def _held(self, row: VersionRow, later: Iterable[Event]) -> HeldVersion:
        return HeldVersion(
            row.key.aip,
            row.key.version,
            str(row.seal),
            row.ingested_at,
            row.files,
            row.octets,
            tuple(event.id for event in later),
        )

    def _rows(
        self, row: VersionRow, spool: Path, toolchain: str, later: list[Event]
    ) -> Iterator[Mapping[str, Any]]:
        version = self._held(row, later)
        looks = [_Look(event, self._sources.journal) for event in later]
        for one in _read(spool):
            known: Mapping[str, Any] = central(one, version, toolchain)
            for look in looks:
                known = look.over(known)
            yield known

    def _last(self) -> datetime | None:
        try:
            return parse_stamp(json.loads(self._mark.read_bytes())["at"])
        except (OSError, ValueError, KeyError, TypeError, MalformedError):
            return None

    def _note(self, began: datetime) -> None:
        with durable.plain_errors(self._mark):
            self._mark.parent.mkdir(parents=True, exist_ok=True)
        durable.replace(self._mark, canonical({"at": stamp(began)}) + b"\n")


class _Look:
    """One review of a version, laid over its rows, which come in the order it was made in."""

    def __init__(self, event: Event, journal: Journal) -> None:
        self._toolchain = str(event.detail["toolchain"])
        self._formats = frozenset(event.detail["formats"])
        self._at = event.at
        self._changes = self._read(event.detail.get("results", ()), journal)
        self._next = next(self._changes, None)

    def over(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row after this look; as it was if it was not looked at."""
        if not (is_weak(row) or row["format_id"] in self._formats):
            return row
        change = self._next
        if change is not None and change["path"] == row["path"]:
            row = answered(row, change["after"])
            self._next = next(self._changes, None)
        return {**row, "toolchain": self._toolchain, "reviewed_at": self._at}

    @staticmethod
    def _read(results: Iterable[str], journal: Journal) -> Iterator[Mapping[str, Any]]:
        for digest in results:
            yield from journal.result(Digest.parse_tagged(digest))["files"]


def _read(spool: Path) -> Iterator[InventoryRow]:
    with spool.open(encoding="utf-8", newline="") as file:
        for values in csv.DictReader(file):
            yield read_row(values)


def _nearest(replica: ReplicaRow) -> bool:
    return replica.packaging is not Packaging.FOLDER


def _missing(key: VersionKey, tried: list[str]) -> Finding:
    why = "; ".join(tried) or "no replica was read back yet"
    return Finding(
        "INV-MISSING",
        str(key),
        f"not in the central inventory: {why}",
        "run `preserve audit`, then `preserve repair`; `preserve formats refresh` takes it in",
        Severity.WARNING,
    )
