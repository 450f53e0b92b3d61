"""Takes one AIP version away from a local tier, and confirms it by listing.

The sidecar goes first: from then on nobody takes what is half removed for a replica. Killed at
any step, the same call again removes the rest. Links are not followed: a folder on the way that
is one stops everything.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.files.walk import open_below
from preservation.model.replica import VersionKey
from preservation.storage.immutable import clear_immutable
from preservation.storage.layout import kept_differs
from preservation.storage.place import LocalPlace
from preservation.storage.steps import INCOMING, QUARANTINE, make_folders, read_small
from preservation.storage.tier import Removed

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def tombstone(place: LocalPlace, key: VersionKey, data: bytes) -> None:
    """See ``storage.tier.Tier.tombstone``."""
    place.check()
    with place.errors():
        path = make_folders(place.root, key.folder) / key.tombstone.rpartition("/")[2]
        try:
            durable.write_new(path, data)
        except FileExistsError as error:
            if not place.holds(path, data):
                raise kept_differs(place.id, key.tombstone) from error
            durable.fsync_dir(path.parent)  # whoever wrote it may have died before its name was


def tombstoned(place: LocalPlace, key: VersionKey) -> bytes | None:
    """See ``storage.tier.Tier.tombstoned``."""
    place.check()
    with place.errors():
        try:
            return read_small(place.root / key.tombstone)
        except FileNotFoundError:
            return None


def remains(place: LocalPlace, key: VersionKey) -> tuple[str, ...]:
    """See ``storage.tier.Tier.remains``."""
    place.check()
    with place.errors():
        found = tuple(_remains(place.root, key))
    place.check()  # it may have gone away while it was listed
    return found


def remove(place: LocalPlace, key: VersionKey) -> Removed:
    """See ``storage.tier.Tier.remove``."""
    reason = ""
    for name in remains(place, key):
        try:
            clear_immutable(place.root / name)
            _take_away(place.root / name)
        except OSError as error:
            reason = reason or f"{name}: {error.strerror or error}"
    return Removed(remains(place, key), None, reason)


def _take_away(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, durably."""
    remove_tree(path)
    durable.fsync_dir(path.parent)


def _remains(root: Path, key: VersionKey) -> Iterator[str]:
    """Names below the root of everything of a version but its tombstone, the sidecar first."""
    fd = os.open(root, _FOLDER)
    try:
        yield from sorted(_of_version(fd, key.folder, key), key=lambda name: name != key.sidecar)
        for name in _names(fd, INCOMING):
            if name == key.top or name.startswith(f"{key.top}."):
                yield f"{INCOMING}/{name}"
        for stamp in filter(partial(_is_folder, root / QUARANTINE), _names(fd, QUARANTINE)):
            yield from _of_version(fd, f"{QUARANTINE}/{stamp}/{key.folder}", key)
    finally:
        os.close(fd)


def _is_folder(above: Path, name: str) -> bool:
    return stat.S_ISDIR(os.lstat(above / name).st_mode)


def _of_version(root: int, folder: str, key: VersionKey) -> Iterator[str]:
    number = f"v{key.version}"
    for name in _names(root, folder):
        mine = name == number or name.startswith(f"{number}.")
        if mine and f"{folder}/{name}" != key.tombstone:
            yield f"{folder}/{name}"


def _names(root: int, folder: str) -> list[str]:
    """What lies in a folder; nothing if it is not there.

    Raises:
        OSError: it can't be listed, or a link stands in its way: then nothing is known.
    """
    try:
        fd = open_below(root, os.fsencode(folder), _FOLDER)
    except FileNotFoundError:
        return []
    try:
        return sorted(os.listdir(fd))
    finally:
        os.close(fd)
