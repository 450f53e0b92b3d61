"""Sweeping: what runs that never come back have left, in scratch and on tiers.

Removed is only what nobody has touched for a day, and of whose work we hold the lease ourselves
meanwhile: so whoever is at it is never disturbed, however long it takes, and whoever begins waits.
Nothing visible is ever touched: a replica, its sidecar and what is in quarantine are not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from preservation.app.parts import Parts
from preservation.catalogue.holding import hold
from preservation.errors import SamarkandError
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.model.deferred import dataclass
from preservation.model.progress import Progress
from preservation.storage.leftovers import Leftover, last_touched

OLD = timedelta(days=1)
_GATHERING = re.compile(r"gathering-([0-9a-f-]{36})\.v([1-9][0-9]*)-(.+)")
_DRILL = re.compile(r"drill-(.+)")
_ARRIVAL = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class Swept:
    """One thing that was removed; ``place`` is a tier's id, or ``scratch``."""

    place: str
    name: str
    touched: datetime


def sweep(parts: Parts, progress: Progress) -> list[Swept]:
    """Remove what was left behind more than a day ago. A tier that is away is left for later."""
    before = parts.clock.now() - OLD
    done = list(_scratch(parts, before))
    for name, tier in parts.tiers.items():
        try:
            done.extend(
                Swept(name, left.name, left.touched)
                for left in list(tier.leftovers())
                if left.touched < before and _removed(parts, name, left)
            )
        except SamarkandError as error:
            progress.say(f"tier {name} was not swept: {error.message}")
    for one in done:
        progress.say(f"removed {one.name} in {one.place}, left on {one.touched:%Y-%m-%d}")
    return done


def _removed(parts: Parts, tier: str, left: Leftover) -> bool:
    """Whether it was nobody's, and is gone."""
    with ExitStack() as stack:
        for name in _leases(parts, tier, left):
            if stack.enter_context(hold(parts.catalogue, name, parts.clock)) is None:
                return False
        parts.tiers[tier].remove_leftover(left.name)
    return True


def _leases(parts: Parts, tier: str, left: Leftover) -> Iterator[str]:
    """What whoever is at it holds: ingest its deposit's, everybody else the replica's."""
    if left.replica:
        yield f"replica:{left.replica}:{tier}"
        aip = left.replica.partition(" ")[0]
        for arrival in parts.catalogue.arrivals():
            if arrival.aip == aip:
                yield f"deposit:{arrival.id}"
    elif found := _DRILL.fullmatch(left.rehearsal):
        yield f"drill:{found[1]}"


def _scratch(parts: Parts, before: datetime) -> Iterator[Swept]:
    folder = parts.home.scratch
    with durable.plain_errors(folder):
        names = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in names:
        touched = last_touched(path)
        if touched < before and _scratched(parts, path):
            yield Swept("scratch", path.name, touched)


def _scratched(parts: Parts, path: Path) -> bool:
    with ExitStack() as stack:
        lease = _scratch_lease(path.name)
        if lease and stack.enter_context(hold(parts.catalogue, lease, parts.clock)) is None:
            return False
        with durable.plain_errors(path):
            remove_tree(path)
    return True


def _scratch_lease(name: str) -> str:
    """Whose work it is; empty for what a single command made for itself alone."""
    if found := _GATHERING.fullmatch(name):
        return f"replica:{found[1]} v{found[2]}:{found[3]}"
    if found := _DRILL.fullmatch(name):
        return f"drill:{found[1]}"
    return f"deposit:{name}" if _ARRIVAL.fullmatch(name) else ""
