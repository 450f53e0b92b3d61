"""A replica being written on a local tier: private, then visible in one step.

What a crash leaves, for each step of :meth:`LocalIncoming.commit`:

1. written, settled                 bytes in ``.incoming``: removed by the next writer
2. renamed, both folders synced     bytes without a sidecar: ``clear_unfinished`` sets them aside
3. sidecar                          a replica

of :meth:`LocalIncoming.swap`:

1. sidecar                          the damaged replica, as before, now under this sidecar
2. moved into ``.quarantine``       the same; the good copy lies unused in quarantine
3. exchanged, both folders synced   the good replica, the damaged bytes in quarantine

and of :meth:`LocalIncoming.mend`: see :mod:`preservation.storage.mending`, after its sidecar.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import BusyError, SamarkandError
from preservation.files import durable, uncached
from preservation.files.held import Held
from preservation.files.remove import remove_tree
from preservation.files.uncached import Uncached
from preservation.model.replica import Packaging, Sidecar, VersionKey
from preservation.storage.layout import check_stamp
from preservation.storage.mending import mend
from preservation.storage.place import LocalPlace
from preservation.storage.steps import INCOMING, QUARANTINE, is_there, make_folders, move


class LocalIncoming:
    """Implements ``storage.tier.Incoming`` in a folder of the tier's own file system."""

    def __init__(self, place: LocalPlace, key: VersionKey, packaging: Packaging) -> None:
        self._place = place
        self._key = key
        self._packaging = packaging
        self._path = place.root / INCOMING / f"{key.top}{_suffix(packaging)}"
        self._settled = False
        with place.errors():
            for kind in Packaging:
                remove_tree(place.root / INCOMING / f"{key.top}{_suffix(kind)}")
            if packaging is Packaging.FOLDER:
                os.mkdir(self._path, 0o755)

    @property
    def folder(self) -> Path:
        if self._packaging is not Packaging.FOLDER:
            raise SamarkandError(f"{self._key}: a tar is written as a stream")
        return self._path

    def write(self, chunks: Iterable[bytes]) -> None:
        if self._packaging is not Packaging.TAR:
            raise SamarkandError(f"{self._key}: a folder is built, not written as a stream")
        with self._place.errors():
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with self._place.errors():
                written = Uncached(fd, uncached.large_room())
            for chunk in chunks:  # a source that fails is not this tier's failure
                with self._place.errors():
                    written.write(chunk)
            with self._place.errors():
                written.finish()
        except BaseException:
            os.unlink(self._path)
            raise
        finally:
            os.close(fd)

    def settle(self) -> None:
        if self._settled:
            return
        with self._place.errors():
            if self._packaging is Packaging.FOLDER:
                self._place.settle_folder(self._path)
            else:
                _sync_file(self._path)
            durable.fsync_dir(self._path.parent)
        self._settled = True

    def held(self) -> Held:
        return self._place.held_at(self._path, self._packaging)

    def commit(self, sidecar: Sidecar) -> None:
        self._expect(sidecar)
        place = self._place
        place.check()
        with place.errors():
            if is_there(place.root / self._key.sidecar):
                raise _occupied(place.id, self._key)
            self.settle()
            place.set_aside_unfinished(self._key)
            make_folders(place.root, self._key.folder)
            try:
                move(self._path, place.root / self._key.place(self._packaging))
                durable.write_new(place.root / self._key.sidecar, sidecar.encode())
            except FileExistsError as error:
                raise _occupied(place.id, self._key) from error
            if self._packaging is Packaging.FOLDER:
                place.share(self._key)
            place.protect(self._key)

    def swap(self, sidecar: Sidecar, stamp: str) -> str:
        with self._replacing(sidecar, stamp):
            return self._swap_bytes(stamp)

    def mend(self, sidecar: Sidecar, stamp: str, strangers: Sequence[bytes]) -> str:
        place, here = self._place, self._key.place(self._packaging)
        aside = place.quarantine(stamp) / here
        with self._replacing(sidecar, stamp):
            move(self.folder, aside)
            mend(place.root / here, aside, strangers)
            return f"{QUARANTINE}/{stamp}/{here}" if is_there(aside) else ""

    @contextmanager
    def _replacing(self, sidecar: Sidecar, stamp: str) -> Iterator[None]:
        """Around what puts good octets in the place of damaged ones."""
        self._expect(sidecar)
        check_stamp(stamp)
        place = self._place
        place.check()
        with place.errors():
            if is_there(place.quarantine(stamp) / self._key.folder):
                raise BusyError(f"tier {place.id}: {stamp!r} has been used for {self._key.aip}")
            self.settle()
            make_folders(place.root, self._key.folder)
            make_folders(place.root, f"{QUARANTINE}/{stamp}/{self._key.folder}")
            place.unprotect(self._key)
            self._swap_sidecar(sidecar, stamp)
            yield
            place.protect(self._key)

    def set_aside(self, stamp: str) -> str:
        check_stamp(stamp)
        aside = f"{QUARANTINE}/{stamp}/{self._key.place(self._packaging)}"
        self._place.check()
        with self._place.errors():
            self.settle()
            make_folders(self._place.root, aside.rpartition("/")[0])
            move(self._path, self._place.root / aside)
        return aside

    def discard(self) -> None:
        with self._place.errors():
            remove_tree(self._path)

    def _expect(self, sidecar: Sidecar) -> None:
        if sidecar.key != self._key or sidecar.packaging is not self._packaging:
            raise SamarkandError(f"a sidecar of {sidecar.key} for {self._key}")

    def _swap_sidecar(self, sidecar: Sidecar, stamp: str) -> None:
        """The sidecar first: then a crash leaves a replica that is known to be damaged, never
        good bytes that nobody would find again.
        """
        path = self._place.root / self._key.sidecar
        data = sidecar.encode()
        if self._place.holds(path, data):
            return
        if not is_there(path):
            durable.write_new(path, data)
            return
        aside = self._place.quarantine(stamp) / self._key.sidecar
        durable.write_new(aside, data)
        _exchange(aside, path)

    def _swap_bytes(self, stamp: str) -> str:
        """The good bytes go to quarantine first, so that the exchange itself puts the former
        ones there; no step leaves those where the next writer would clear them away.
        """
        quarantine = self._place.quarantine(stamp)
        former = ""
        here = self._key.place(self._packaging)
        if is_there(self._place.root / here):
            move(self._path, quarantine / here)
            _exchange(quarantine / here, self._place.root / here)
            former = f"{QUARANTINE}/{stamp}/{here}"
        else:
            move(self._path, self._place.root / here)
        for packaging in Packaging:
            other = self._key.place(packaging)
            if packaging is not self._packaging and is_there(self._place.root / other):
                move(self._place.root / other, quarantine / other)
                former = former or f"{QUARANTINE}/{stamp}/{other}"
        return former


def _exchange(aside: Path, visible: Path) -> None:
    durable.exchange(aside, visible)
    durable.fsync_dir(visible.parent)
    durable.fsync_dir(aside.parent)


def _occupied(tier: str, key: VersionKey) -> BusyError:
    return BusyError(
        f"tier {tier} holds a replica of {key} already",
        hint="nothing was changed; an audit tells whether that replica is intact",
        code="TIER-OCCUPIED",
    )


def _suffix(packaging: Packaging) -> str:
    return ".tar" if packaging is Packaging.TAR else ""


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(fd, 0o444)
        os.fsync(fd)
    finally:
        os.close(fd)
