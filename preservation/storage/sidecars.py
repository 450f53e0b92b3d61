"""Sidecars as they lie on a local tier, found by walking it, trusted only in their own place."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from preservation.errors import MalformedError
from preservation.files.walk import open_below
from preservation.model.finding import Finding
from preservation.model.names import display
from preservation.model.replica import Sidecar, VersionKey, check_id
from preservation.storage.listing import LEVELS, belongs
from preservation.storage.steps import read_small

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_SIDECAR = re.compile(r"v([1-9][0-9]{0,8})\.seal\.json")


def read_sidecar(path: Path, key: VersionKey) -> Sidecar:
    """Read one sidecar, which must speak of the version in whose place it lies.

    Raises:
        MalformedError: it can't be read as one: damaged, misplaced, or no file.
        FileNotFoundError: there is none.
        OSError: we couldn't look.
    """
    try:
        found = Sidecar.from_json(json.loads(read_small(path)))
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EINVAL, errno.ELOOP, errno.EFBIG, errno.EISDIR):
            raise
        raise MalformedError(f"sidecar {str(path)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"sidecar {str(path)!r}: {error}") from error
    if found.key != key:
        raise MalformedError(f"sidecar {str(path)!r} speaks of {found.key}")
    return found


def find_sidecars(root: Path, tier: str) -> Iterator[Sidecar | Finding]:
    """Every sidecar below a tier's root; what has another name than a replica's is passed over.

    Raises:
        OSError: the root can't be listed.
    """
    fd = os.open(root, _FOLDER)
    try:
        yield from _below(root, fd, b"", tier)
    finally:
        os.close(fd)


def _below(root: Path, root_fd: int, path: bytes, tier: str) -> Iterator[Sidecar | Finding]:
    """One folder of the tier; the recursion ends with the fourth level."""
    level = path.count(b"/") + 1 if path else 0
    try:
        names = _names(root_fd, path)
    except OSError as error:
        if not path:
            raise
        yield Finding(
            "TIER-UNREADABLE",
            f"{tier}:{display(path)}",
            f"the folder can't be listed: {error.strerror}",
            "nothing in it is known; look at its permissions and for disk errors",
        )
        return
    for name in names:
        inner = path + b"/" + name if path else name
        if level == LEVELS:
            yield from _one(root, inner, tier)
        elif _belongs(name, level, path):
            yield from _below(root, root_fd, inner, tier)


def _names(root_fd: int, path: bytes) -> list[bytes]:
    fd = open_below(root_fd, path, _FOLDER) if path else os.dup(root_fd)
    try:
        return sorted(os.fsencode(name) for name in os.listdir(fd))
    finally:
        os.close(fd)


def _belongs(name: bytes, level: int, path: bytes) -> bool:
    """Whether a name is one that a replica's path has at this level."""
    text = name.decode("ascii", "replace")
    if level == 0:
        try:
            return check_id(text, "community") == text
        except MalformedError:
            return False
    return belongs(text, level, path.decode("ascii"))


def _one(root: Path, path: bytes, tier: str) -> Iterator[Sidecar | Finding]:
    community, _, _, aip, name = path.decode("ascii", "replace").split("/")
    match = _SIDECAR.fullmatch(name)
    if match is None:
        return
    try:
        yield read_sidecar(root / os.fsdecode(path), VersionKey(community, aip, int(match[1])))
    except FileNotFoundError:
        return
    except (MalformedError, OSError) as error:
        yield Finding(
            "TIER-SIDECAR",
            f"{tier}:{display(path)}",
            f"the sidecar can't be read: {error}",
            "audit that replica; a repair writes its sidecar anew",
        )
