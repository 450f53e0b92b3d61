"""The ground that a local tier and its writers stand on: one root, one marker, one disk."""

from __future__ import annotations

import io
import json
import os
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

from preservation.errors import MalformedError, TierUnavailableError
from preservation.files import durable
from preservation.files.held import Held, HeldFolder, HeldTar
from preservation.files.walk import Kind, walk
from preservation.model.names import display
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.immutable import clear_immutable, is_immutable, set_immutable
from preservation.storage.layout import MARKER_SCHEMA
from preservation.storage.local_stream import TarStream
from preservation.storage.mount import Mount, mount_of
from preservation.storage.sharing import share
from preservation.storage.steps import (
    MARKER,
    QUARANTINE,
    is_there,
    make_folders,
    move,
    open_regular,
    read_small,
    tier_errors,
)

_BUFFER = 1 << 20


class LocalPlace:
    """A folder with a marker that says which tier it is."""

    def __init__(
        self, root: Path, id: str, *, immutable: bool = False, sharing: bool = False
    ) -> None:
        self.root = root
        self.id = id
        self.immutable = immutable
        self.sharing = sharing

    @cached_property
    def mount(self) -> Mount:
        """The file system, looked at once."""
        with self.errors():
            return mount_of(self.root)

    def errors(self) -> AbstractContextManager[None]:
        """Tell failures of the medium as the tier's."""
        return tier_errors(self.id)

    def check(self) -> None:
        """Raise ``TierUnavailableError`` unless the marker says this tier."""
        path = self.root / MARKER
        with self.errors():
            found = self._marked(path)
        if found != {"schema": MARKER_SCHEMA, "id": self.id}:
            raise TierUnavailableError(
                f"tier {self.id}: the marker at {str(path)!r} says {found!r}",
                hint="is another disk mounted there, or does tiers.yaml name the wrong path?",
                code="TIER-WRONG-MARKER",
            )

    def _marked(self, path: Path) -> object:
        """What the marker says; one that is out of reach for want of means says nothing."""
        try:
            with durable.means():
                return json.loads(read_small(path))
        except (OSError, ValueError) as error:
            raise TierUnavailableError(
                f"tier {self.id} has no marker that can be read at {str(path)!r}",
                hint="is the disk mounted there? nothing was written, nothing counts as missing",
                code="TIER-NO-MARKER",
            ) from error

    def held_at(self, path: Path, packaging: Packaging) -> Held:
        """The bytes at a path, in this disk's way of reading them."""
        bypassed, server = self.mount.bypasses_cache, self.mount.has_cache_of_its_own
        if packaging is Packaging.FOLDER:
            return HeldFolder(path, bypassed, server)
        with self.errors():
            seen = os.lstat(path)
        index = path.with_name(f"{path.name.removesuffix('.tar')}.index")
        return HeldTar(
            lambda: _open_tar(path),
            seen.st_size,
            bypassed,
            server,
            at=lambda offset, _: _open_tar_at(path, offset),
            index=lambda: _open_index(index),
            mark=f"{seen.st_ino} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}",
        )

    def share(self, key: VersionKey) -> None:
        """Let a new version's files share the blocks of the former version's, where the tier
        declares it. Where the file system can't, or they differ, nothing changes.
        """
        if self.sharing and key.version > 1:
            former = replace(key, version=key.version - 1).place(Packaging.FOLDER)
            share(self.root / former, self.root / key.place(Packaging.FOLDER))

    def protect(self, key: VersionKey) -> None:
        """Set the immutable flag on a replica and its sidecar, where the tier declares it.

        Raises:
            OSError: it can't be set.
        """
        if self.immutable:
            for path in self._of(key):
                if is_there(path):
                    set_immutable(path)

    def unprotect(self, key: VersionKey) -> None:
        """Take it off, also where the tier declares it no more."""
        for path in self._of(key):
            clear_immutable(path)

    def is_protected(self, key: VersionKey) -> bool:
        """Whether a replica and its sidecar carry it."""
        return all(is_immutable(path) for path in self._of(key) if is_there(path))

    def _of(self, key: VersionKey) -> list[Path]:
        places = [key.place(packaging) for packaging in Packaging]
        return [self.root / place for place in (*places, key.sidecar)]

    def settle_folder(self, folder: Path) -> None:
        """Make a built bag read-only and durable.

        Raises:
            MalformedError: something in it isn't a regular file or a folder.
            OSError: a write was lost on its way to the medium.
        """
        one_by_one = not self.mount.syncs_as_one
        for entry in walk(folder):
            path = os.path.join(os.fsencode(folder), entry.path)
            if entry.kind is Kind.FILE:
                if entry.mode != 0o444:
                    os.chmod(path, 0o444)
            elif entry.kind is not Kind.FOLDER:
                raise MalformedError(
                    f"{display(entry.path)}: a {entry.kind.value} in a bag that was to be kept"
                )
            if one_by_one:
                _sync(path)
        if one_by_one:
            _sync(os.fsencode(folder))
        durable.sync_tree(folder)

    def set_aside_unfinished(self, key: VersionKey) -> None:
        """Move what has no sidecar into quarantine, under the first number that is free."""
        if is_there(self.root / key.sidecar):
            return
        for packaging in Packaging:
            place = key.place(packaging)
            if not is_there(self.root / place):
                continue
            self.unprotect(key)
            number = 1
            while is_there(self.quarantine(f"unfinished-{number}") / place):
                number += 1
            make_folders(self.root, f"{QUARANTINE}/unfinished-{number}/{key.folder}")
            move(self.root / place, self.quarantine(f"unfinished-{number}") / place)

    def quarantine(self, stamp: str) -> Path:
        """The folder of what was set aside under one stamp."""
        return self.root / QUARANTINE / stamp

    def holds(self, path: Path, data: bytes) -> bool:
        """Whether a document has exactly these octets; not if it can't be read."""
        try:
            return read_small(path) == data
        except OSError:
            return False


def _open_tar(path: Path) -> BinaryIO:
    """Failures stay as they are: the reader knows which of them are the medium's."""
    return cast("BinaryIO", TarStream(io.FileIO(open_regular(path))))


def _open_tar_at(path: Path, offset: int) -> BinaryIO:
    fd = open_regular(path)
    os.posix_fadvise(fd, offset, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(fd, offset, 0, os.POSIX_FADV_SEQUENTIAL)
    stream = open(fd, "rb", _BUFFER)  # noqa: SIM115 (the caller closes it)
    stream.seek(offset)
    return stream


def _open_index(path: Path) -> BinaryIO | None:
    try:
        return open(open_regular(path), "rb", _BUFFER)
    except OSError:
        return None  # it is never needed, and what reads on without it finds out what is wrong


def _sync(path: bytes) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
