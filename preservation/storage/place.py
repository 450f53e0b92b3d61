"""The ground that a local tier and its writers stand on: one root, one marker, one disk."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from preservation.errors import MalformedError, TierUnavailableError
from preservation.files import durable
from preservation.files.held import Held, HeldFolder, HeldTar
from preservation.files.walk import Kind, walk
from preservation.model.names import display
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.layout import MARKER_SCHEMA
from preservation.storage.mount import Mount, mount_of
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

    def __init__(self, root: Path, id: str) -> None:
        self.root = root
        self.id = id

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
        try:
            with self.errors():
                found = json.loads(read_small(path))
        except (TierUnavailableError, ValueError) as error:
            raise TierUnavailableError(
                f"tier {self.id} has no marker that can be read at {str(path)!r}",
                hint="is the disk mounted there? nothing was written, nothing counts as missing",
                code="TIER-NO-MARKER",
            ) from error
        if found != {"schema": MARKER_SCHEMA, "id": self.id}:
            raise TierUnavailableError(
                f"tier {self.id}: the marker at {str(path)!r} says {found!r}",
                hint="is another disk mounted there, or does tiers.yaml name the wrong path?",
                code="TIER-WRONG-MARKER",
            )

    def held_at(self, path: Path, packaging: Packaging) -> Held:
        """The bytes at a path, in this disk's way of reading them."""
        bypassed = self.mount.bypasses_cache
        if packaging is Packaging.FOLDER:
            return HeldFolder(path, bypassed)
        with self.errors():
            octets = os.lstat(path).st_size
        return HeldTar(lambda: _open_tar(path), octets, bypassed)

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
    fd = open_regular(path)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return open(fd, "rb", _BUFFER)


def _sync(path: bytes) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
