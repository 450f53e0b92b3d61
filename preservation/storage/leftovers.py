"""What writers leave behind that never come back: half-written replicas, rooms of rehearsals.

A tier tells what there is and how long nobody has touched it; whoever sweeps knows the leases.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from preservation.files.remove import remove_tree
from preservation.files.walk import walk
from preservation.model.deferred import dataclass
from preservation.storage.steps import INCOMING, PROBE

_WRITTEN = re.compile(r"(?P<aip>[0-9a-f-]{36})\.v(?P<version>[1-9][0-9]{0,8})(?:\.tar)?")


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that a writer began.

    Attributes:
        name: on the tier; given back to have it removed.
        touched: when something in it changed last.
        replica: ``<aip> v<n>`` of a replica that was being written; empty for a rehearsal's.
        rehearsal: the rehearsal's name; empty where it had none of its own.
    """

    name: str
    touched: datetime
    replica: str = ""
    rehearsal: str = ""


def of_name(name: str, touched: datetime) -> Leftover | None:
    """What a name in the place of unfinished things stands for; None if it is nothing of ours."""
    if name.startswith(PROBE):
        return Leftover(name, touched, rehearsal=name.removeprefix(PROBE))
    if found := _WRITTEN.fullmatch(name):
        return Leftover(name, touched, replica=f"{found['aip']} v{found['version']}")
    return None


def local_leftovers(root: Path) -> Iterator[Leftover]:
    """What lies in a local tier's place of unfinished things.

    Raises:
        OSError: it can't be listed.
    """
    for name in sorted(os.listdir(root / INCOMING)):
        found = of_name(name, last_touched(root / INCOMING / name))
        if found is not None:
            yield found


def remove_leftover(root: Path, name: str) -> None:
    """Remove one thing that :func:`local_leftovers` told of."""
    if of_name(name, datetime.now(UTC)) is not None and "/" not in name:
        remove_tree(root / INCOMING / name)


def last_touched(path: Path) -> datetime:
    """When anything in a tree changed last; the present where it is going away."""
    try:
        newest = os.lstat(path)
    except FileNotFoundError:
        return datetime.now(UTC)
    moment = max(newest.st_mtime_ns, newest.st_ctime_ns)  # a copy may keep times, not this one
    if stat.S_ISDIR(newest.st_mode):
        inside = (max(entry.mtime_ns, entry.ctime_ns) for entry in walk(path))
        moment = max(moment, max(inside, default=0))
    return datetime.fromtimestamp(moment / 1e9, UTC)
