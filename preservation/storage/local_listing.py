"""Lists a local tier: names and sizes, without following links and without opening a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from preservation.errors import MalformedError
from preservation.files.walk import open_below
from preservation.model.names import display
from preservation.model.replica import check_id
from preservation.storage.listing import LEVELS, Lying, aip_folder, belongs, strange
from preservation.storage.steps import INCOMING, KEPT, MARKER, PROBE, QUARANTINE, TIER_DOCUMENTS

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_OURS = {INCOMING, KEPT, MARKER, QUARANTINE, "lost+found", *TIER_DOCUMENTS}


def communities(root: Path) -> list[str]:
    """Folders at the top whose names are a community's, sorted."""
    with os.scandir(root) as top:
        return sorted(entry.name for entry in top if _is_communitys(entry))


def _is_communitys(entry: os.DirEntry[str]) -> bool:
    """Whether an entry at the top is a community's folder: no file and no link of such a name."""
    return is_community(entry.name) and entry.is_dir(follow_symlinks=False)


def is_community(name: str) -> bool:
    """Whether a community can have this name."""
    try:
        return bool(check_id(name, "community"))
    except MalformedError:
        return False


def lying(root: Path, community: str, aip: str = "") -> Iterator[Lying]:
    """See ``storage.tier.Tier.lying``.

    Raises:
        OSError: a folder can't be listed.
    """
    folder = aip_folder(community, aip) if aip else community
    fd = os.open(root, _FOLDER)
    try:
        yield from _below(fd, folder, folder.count("/") + 1)
    except FileNotFoundError:
        # Gone, or never there; in the middle of a listing somebody took it away.
        if os.path.lexists(root / folder):
            raise
    finally:
        os.close(fd)


def _below(root: int, folder: str, level: int) -> Iterator[Lying]:
    """One folder, those of AIPs at the fourth level whole, the others for what is odd in them."""
    names = _names(root, folder)
    if level == LEVELS:
        yield Lying(folder, names)
        return
    inner = {
        name for name, octets in names.items() if octets is None and belongs(name, level, folder)
    }
    odd = {name: octets for name, octets in names.items() if name not in inner}
    if odd:
        yield Lying(folder, odd)
    for name in sorted(inner):
        yield from _below(root, f"{folder}/{name}", level + 1)


def _names(root: int, folder: str) -> dict[str, int | None]:
    fd = open_below(root, os.fsencode(folder), _FOLDER)
    try:
        found: dict[str, int | None] = {}
        for name in sorted(os.listdir(fd)):
            seen = os.stat(name, dir_fd=fd, follow_symlinks=False)
            found[name] = None if stat.S_ISDIR(seen.st_mode) else seen.st_size
        return found
    finally:
        os.close(fd)


def unfinished(root: Path) -> Iterator[str]:
    """See ``storage.tier.Tier.unfinished``."""
    for name in sorted(os.listdir(root / INCOMING)):
        words = (
            strange(name)
            if name.startswith(PROBE)
            else "a replica being written, or left by a crash"
        )
        yield f"{INCOMING}/{display(os.fsencode(name))}: {words}"
    with os.scandir(root) as top:
        others = sorted(entry.name for entry in top if not _is_communitys(entry))
    for name in others:
        if name not in _OURS:
            yield f"{display(os.fsencode(name))}: {strange(name)}"
