"""Where no replica is intact: the version put together file by file, and what is left kept aside.

What is gathered lies in a private scratch folder. If it is whole, it is a source like any other.
If not, it is kept on a tier below ``.quarantine/salvage-<stamp>/``, where nothing takes it for a
replica, and a result document names what nobody has any more.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, ReplicaRow
from preservation.errors import NoSpaceError, NotNowError
from preservation.files import durable
from preservation.files.held import HeldFolder
from preservation.files.remove import remove_tree
from preservation.ledger.protocol import Journal
from preservation.model.clock import Clock, stamp
from preservation.model.deferred import dataclass
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, VersionKey
from preservation.model.units import format_size
from preservation.repair.gathering import Gathered, Source, gather
from preservation.storage.tier import Tier

AT_HOME = "home"  # the place of what no tier could keep
FOLDER = "salvage"  # of it, in the home


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What could be recovered of a version that is not whole any more.

    Attributes:
        tier: that keeps it; :data:`AT_HOME` for the home itself; empty if nothing is kept.
        place: relative to that tier's root, or to the home.
        document: the digest of the ``samarkand.salvage/1`` among the result documents.
    """

    gathered: Gathered
    tier: str
    place: str
    document: str

    def to_json(self) -> dict[str, Any]:
        """What the finding says of it."""
        return {
            "tier": self.tier,
            "place": self.place,
            "files": self.gathered.files,
            "bytes": self.gathered.octets,
            "lost": list(self.gathered.lost[:20]),
            "lost_files": self.gathered.lost_files,
            "unknown": self.gathered.unknown,
            "document": self.document,
        }


def discard_kept(home: Path, key: VersionKey) -> None:
    """Take away what was kept of a version in the home: it was disposed of.

    Raises:
        NotNowError: the home's medium is in the way.
    """
    for kept in sorted((home / FOLDER).glob("*")):
        place = kept / key.place(Packaging.FOLDER)
        with durable.plain_errors(place):
            if place.exists():
                remove_tree(place)
                durable.fsync_dir(place.parent)


class Salvage:
    """Puts versions together again, and keeps what is left of them."""

    def __init__(
        self,
        catalogue: Catalogue,
        journal: Journal,
        tiers: Mapping[str, Tier],
        clock: Clock,
        home: Path,
    ) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._tiers = tiers
        self._clock = clock
        self._home = home

    @contextmanager
    def gathered(
        self, row: ReplicaRow, sources: Sequence[Source], progress: Progress
    ) -> Iterator[tuple[HeldFolder, Gathered]]:
        """What can be gathered of a version, in a folder that is gone after the block.

        Only for the holder of the replica's lease.

        Raises:
            NoSpaceError: the home has no room for it.
        """
        folder = self._home / "scratch" / f"gathering-{row.key.top}-{row.tier}"
        free = shutil.disk_usage(self._home).free
        if row.octets > free:
            raise NoSpaceError(
                f"{row.key}: {format_size(row.octets)} to gather, {format_size(free)} free",
                hint=f"make room below {self._home}, then run `preserve repair` again",
            )
        with durable.plain_errors(folder):
            remove_tree(folder)
            folder.mkdir(parents=True)
        try:
            yield (
                HeldFolder(folder, cache_bypassed=False),
                gather(sources, row.seal, row.key.top, folder, progress),
            )
        finally:
            with durable.plain_errors(folder):
                remove_tree(folder)

    def keep(
        self, row: ReplicaRow, held: HeldFolder, gathered: Gathered, progress: Progress
    ) -> Salvaged:
        """Keep what was gathered, on the replica's own tier if it can, else on another one.

        Whoever calls holds the lease of ``row``.
        """
        tier, place = "", ""
        if gathered.files:
            tier, place = self._kept(row, held, progress)
        document = {
            "schema": "samarkand.salvage/1",
            "aip": row.key.aip,
            "version": row.key.version,
            "community": row.key.community,
            "seal": str(row.seal),
            "tier": tier,
            "place": place,
            "files": gathered.files,
            "bytes": gathered.octets,
            "taken": dict(gathered.taken),
            "lost": list(gathered.lost),
            "lost_files": gathered.lost_files,
            "unknown": gathered.unknown,
        }
        return Salvaged(gathered, tier, place, str(self._journal.put_result(document)))

    def _kept(self, row: ReplicaRow, held: HeldFolder, progress: Progress) -> tuple[str, str]:
        when = stamp(self._clock.now()).replace(":", "").replace("-", "")
        name = f"salvage-{when}"
        keepers = sorted(self._tiers.values(), key=lambda tier: (tier.id != row.tier, tier.id))
        for tier in keepers:
            if Packaging.FOLDER not in tier.packagings:
                continue
            try:
                place = self._kept_on(tier, row, held, name, progress)
            except NotNowError as error:
                progress.say(f"{row.key}: not kept on {tier.id}: {error.message}")
                continue
            if place:
                return tier.id, place
        return AT_HOME, self._kept_at_home(row.key, held, name)

    def _kept_on(
        self, tier: Tier, row: ReplicaRow, held: HeldFolder, name: str, progress: Progress
    ) -> str:
        """Copy once more, verified again on the way, into the tier's quarantine."""
        if tier.id == row.tier:
            return self._copied(tier, row, held, name, progress)
        with hold(self._catalogue, f"replica:{row.key}:{tier.id}", self._clock) as lease:
            return "" if lease is None else self._copied(tier, row, held, name, progress)

    def _copied(
        self, tier: Tier, row: ReplicaRow, held: HeldFolder, name: str, progress: Progress
    ) -> str:
        incoming = tier.incoming(row.key, Packaging.FOLDER, row.octets)
        try:
            source = Source(tier.id, held)
            gather([source], row.seal, row.key.top, incoming.folder, progress)
            return incoming.set_aside(name)
        finally:
            incoming.discard()

    def _kept_at_home(self, key: VersionKey, held: HeldFolder, name: str) -> str:
        place = f"{FOLDER}/{name}/{key.place(Packaging.FOLDER)}"
        target = self._home / place
        with durable.plain_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            durable.sync_tree(held.path)
            held.path.rename(target)
            durable.fsync_dir(target.parent)
        return place
