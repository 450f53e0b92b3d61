"""A tier in a folder of a local file system, or of a mounted one.

Source: ``docs/formats/tier.md``.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import (
    NoSpaceError,
    TierUnavailableError,
    UsageError,
)
from preservation.files import durable
from preservation.files.held import Held
from preservation.files.remove import remove_tree
from preservation.files.tar_index import Index
from preservation.files.walk import Kind, walk
from preservation.fixity.rate import RateLimit
from preservation.model.finding import Finding
from preservation.model.replica import Packaging, Sidecar, VersionKey, check_id
from preservation.model.units import format_size
from preservation.storage import local_listing, removing
from preservation.storage.incoming import LocalIncoming
from preservation.storage.layout import (
    check_kept_name,
    documents,
    kept_differs,
    marker,
    no_rehearsal,
    other_tier,
)
from preservation.storage.leftovers import Leftover, local_leftovers, remove_leftover
from preservation.storage.listing import Lying
from preservation.storage.mount import failure_domain
from preservation.storage.place import LocalPlace
from preservation.storage.probe import probe, prove
from preservation.storage.proof import Proof
from preservation.storage.recall import Recall
from preservation.storage.sidecars import find_sidecars, read_sidecar
from preservation.storage.steps import (
    INCOMING,
    KEPT,
    KEPT_NAME,
    MARKER,
    PROBE,
    QUARANTINE,
    TIER_DOCUMENTS,
    is_there,
    make_folders,
    read_small,
    tier_errors,
)
from preservation.storage.tier import Incoming, Observed, Removed, Tier


def create_tier(root: Path, id: str) -> None:
    """Make a folder a tier: what it needs, how to read it without us, the marker last.

    Doing it again for the same tier is no error and mends what is missing.

    Raises:
        UsageError: the folder is another tier (``TIER-OTHER``) or holds other things
            (``TIER-NOT-EMPTY``).
        TierUnavailableError: the file system can't keep the protocol (``TIER-UNSUITABLE``).
    """
    check_id(id, "tier")
    with tier_errors(id):
        os.makedirs(root, exist_ok=True)
        if is_there(root / MARKER):
            if read_small(root / MARKER) != marker(id):
                raise other_tier(str(root))
        else:
            _refuse_strangers(root)
            probe(root)
        for folder in (INCOMING, QUARANTINE, KEPT):
            make_folders(root, folder)
        for name, document in documents():
            durable.replace(root / name, document, 0o444)
        if not is_there(root / MARKER):
            durable.write_new(root / MARKER, marker(id))


class LocalTier:
    """Implements ``storage.tier.Tier``. Safe to use from several threads and processes, with
    one writer per version: the lease is the caller's.
    """

    def __init__(
        self,
        root: Path,
        id: str,
        rate: RateLimit | None = None,
        *,
        immutable: bool = False,
        sharing: bool = False,
    ) -> None:
        self._place = LocalPlace(root, id, immutable=immutable, sharing=sharing)
        self._rate = rate
        self._root = root
        self._probed = False

    @property
    def id(self) -> str:
        return self._place.id

    @property
    def root(self) -> Path:
        """Where the tier lies."""
        return self._root

    @property
    def rate(self) -> RateLimit | None:
        return self._rate

    def check(self) -> None:
        self._place.check()

    @property
    def packagings(self) -> tuple[Packaging, ...]:
        return tuple(Packaging)

    def prove(self) -> Iterator[Proof]:
        self.check()
        with self._place.errors():
            yield from prove(
                self._root / INCOMING,
                immutable=self._place.immutable,
                sharing=self._place.sharing,
            )
            mount, bypassed = self._place.mount, self._place.mount.bypasses_cache
            if mount.has_cache_of_its_own:
                told = f"{mount.kind}: a check may be answered from its cache, and says so"
                what = "answers without a file server or a program between"
                yield Proof(what, False, told, needed=False)
            yield Proof("lets reads past the page cache", bypassed, needed=False)
            yield Proof(
                "makes all files durable at once", self._place.mount.syncs_as_one, needed=False
            )

    @contextmanager
    def rehearsal(self, name: str = "") -> Iterator[Tier]:
        self.check()
        room = self._root / INCOMING / f"{PROBE}{name or os.urandom(8).hex()}"
        if name:
            with self._place.errors():
                remove_tree(room)
        try:
            create_tier(room, self.id)
            yield LocalTier(room, self.id)
        finally:
            with self._place.errors():
                remove_tree(room)

    def spoil(self, key: VersionKey, data: bytes) -> None:
        if not self._root.name.startswith(PROBE):
            raise no_rehearsal(self.id)
        place = self._root / key.place(Packaging.TAR)
        with self._place.errors():
            place.chmod(0o644)
            place.write_bytes(data)

    def observe(self) -> Observed:
        self.check()
        mount = self._place.mount
        with self._place.errors():
            return Observed(
                failure_domain=failure_domain(self._root, mount),
                technology=mount.kind,
                cache_bypassed=mount.bypasses_cache,
                free_octets=shutil.disk_usage(self._root).free,
            )

    def incoming(
        self,
        key: VersionKey,
        packaging: Packaging,
        octets: int = 0,
        *,
        replacing: bool = False,  # noqa: ARG002 (what is written here can be read at once)
    ) -> Incoming:
        self.check()
        with self._place.errors():
            if not self._probed:
                make_folders(self._root, INCOMING)  # a tier brought back may lack empty folders
                probe(self._root / INCOMING, immutable=self._place.immutable)
                self._probed = True
            free = shutil.disk_usage(self._root).free
        if octets > free:
            raise NoSpaceError(
                f"tier {self.id}: {format_size(octets)} to write, {format_size(free)} free",
                hint="free space on that tier, or give it more",
            )
        return LocalIncoming(self._place, key, packaging)

    def sidecar(self, key: VersionKey) -> Sidecar | None:
        self.check()
        with self._place.errors():
            try:
                return read_sidecar(self._root / key.sidecar, key)
            except FileNotFoundError:
                return None

    def exists(self, key: VersionKey, packaging: Packaging) -> bool:
        self.check()
        place = self._root / key.place(packaging)
        wanted = stat.S_ISREG if packaging is Packaging.TAR else stat.S_ISDIR
        with self._place.errors():
            try:
                there = place.name in os.listdir(place.parent)
                there = there and wanted(os.lstat(place).st_mode)
            except (FileNotFoundError, NotADirectoryError):
                there = False
        if not there:
            self.check()  # it may have gone away between the first look and the listing
        return there

    def held(self, key: VersionKey, packaging: Packaging) -> Held:
        self.check()
        return self._place.held_at(self._root / key.place(packaging), packaging)

    def recall(self, key: VersionKey) -> Recall | None:  # noqa: ARG002 (of the protocol)
        """Nothing here is cold."""
        return None

    def guarded(self, key: VersionKey) -> bool | None:
        if not self._place.immutable:
            return None
        self.check()
        with self._place.errors():
            return self._place.is_protected(key)

    def guard(self, key: VersionKey) -> None:
        self.check()
        with self._place.errors():
            self._place.protect(key)

    def hold(self, key: VersionKey, *, on: bool) -> bool:  # noqa: ARG002 (of the protocol)
        """A folder has no hold of its own."""
        return False

    def keep_index(self, key: VersionKey, index: Index) -> None:
        self.check()
        aside = self._root / INCOMING / f"{key.top}.index"
        with self._place.errors():
            remove_tree(aside)
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
            try:
                for chunk in index.chunks():
                    durable.write_all(fd, chunk)
                os.fsync(fd)
            finally:
                os.close(fd)
            folder = make_folders(self._root, key.folder)
            os.rename(aside, self._root / key.index)
            durable.fsync_dir(folder)

    def quarantined(self, key: VersionKey, packaging: Packaging, stamp: str) -> str:
        self.check()
        place = f"{QUARANTINE}/{stamp}/{key.place(packaging)}"
        with self._place.errors():
            return place if is_there(self._root / place) else ""

    def held_in_quarantine(self, key: VersionKey, packaging: Packaging, stamp: str) -> Held:
        self.check()
        place = self._place.quarantine(stamp) / key.place(packaging)
        return self._place.held_at(place, packaging)

    def clear_unfinished(self, key: VersionKey) -> None:
        self.check()
        with self._place.errors():
            self._place.set_aside_unfinished(key)

    def sidecars(self) -> Iterator[Sidecar | Finding]:
        self.check()
        with self._place.errors():
            yield from find_sidecars(self._root, self.id)

    def communities(self) -> Iterator[str]:
        self.check()
        with self._place.errors():
            yield from local_listing.communities(self._root)

    def lying(self, community: str, aip: str = "") -> Iterator[Lying]:
        self.check()
        with self._place.errors():
            yield from local_listing.lying(self._root, community, aip)

    def unfinished(self) -> Iterator[str]:
        self.check()
        with self._place.errors():
            yield from local_listing.unfinished(self._root)

    def tombstone(self, key: VersionKey, data: bytes) -> None:
        removing.tombstone(self._place, key, data)

    def tombstoned(self, key: VersionKey) -> bytes | None:
        return removing.tombstoned(self._place, key)

    def remains(self, key: VersionKey) -> tuple[str, ...]:
        return removing.remains(self._place, key)

    def remove(self, key: VersionKey) -> Removed:
        return removing.remove(self._place, key)

    def leftovers(self) -> Iterator[Leftover]:
        self.check()
        with self._place.errors():
            yield from local_leftovers(self._root)

    def remove_leftover(self, name: str) -> None:
        self.check()
        with self._place.errors():
            remove_leftover(self._root, name)

    def keep(self, name: str, data: bytes) -> None:
        self.check()
        check_kept_name(name)
        path = self._root / KEPT / name
        with self._place.errors():
            make_folders(self._root, f"{KEPT}/{name}".rpartition("/")[0])
            if not self._place.holds(path, data):
                try:
                    durable.write_new(path, data)
                    return
                except FileExistsError as error:
                    if not self._place.holds(path, data):
                        raise kept_differs(self.id, name) from error
            # Whoever wrote it may have died before its name was durable.
            durable.fsync_dir(path.parent)

    def kept(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for name in self.kept_names(prefix):
            with self._place.errors():
                data = read_small(self._root / KEPT / name)
            yield name, data

    def kept_names(self, prefix: str) -> Iterator[str]:
        self.check()
        within = prefix.rpartition("/")[0]
        with self._place.errors():
            names = sorted(name for name in self._names_below(within) if name.startswith(prefix))
        yield from names

    def _names_below(self, within: str) -> Iterator[str]:
        folder = self._root / KEPT / within
        if within and not (KEPT_NAME.fullmatch(within) and is_there(folder)):
            return
        for entry in walk(folder):
            name = "/".join(filter(None, (within, os.fsdecode(entry.path))))
            if entry.kind is Kind.UNREADABLE:
                raise TierUnavailableError(f"tier {self.id}: {name!r}: {entry.error}")
            if entry.kind is Kind.FILE and KEPT_NAME.fullmatch(name):
                yield name


def _refuse_strangers(root: Path) -> None:
    """A folder that holds something else is never taken over."""
    ours = {INCOMING, QUARANTINE, KEPT, *TIER_DOCUMENTS, "lost+found"}
    strangers = sorted(name for name in os.listdir(root) if name not in ours)
    strangers = [name for name in strangers if not name.startswith((".tmp-", PROBE))]
    if strangers:
        raise UsageError(
            f"{str(root)!r} isn't empty and has no marker: {strangers[0]!r} is in it",
            hint="give the tier a folder of its own; if this was a tier, put its marker back",
            code="TIER-NOT-EMPTY",
        )
