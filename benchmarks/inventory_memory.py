"""What a central inventory of many AIP versions takes of memory: written, and asked for each.

    python benchmarks/inventory_memory.py [--versions 1000000]

Versions without files, so that what is measured are the versions: files are read in pieces of
one size, however many there are. Writing and asking run in processes of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from preservation.formats.inventory.store import CommunityInventory
from preservation.formats.inventory.versions import HeldVersion

FIRST, MONTHS = datetime(2024, 1, 15, tzinfo=UTC), 36
COMMUNITY = "silk-road"


def versions(count: int, month: int) -> Iterator[HeldVersion]:
    """Every 36th of so many versions, those of one month."""
    at = FIRST + timedelta(days=30.44 * month)
    for number in range(month, count, MONTHS):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        aip = str(uuid.UUID(digest[:32]))
        yield HeldVersion(aip, 1, f"sha256:{digest}", at, 100, 10**9)


def write(root: Path, count: int) -> None:
    """All of them, month by month, as a refresh does."""
    inventory = CommunityInventory(root, COMMUNITY)
    inventory.tidy()
    for month in range(MONTHS):
        some = versions(count, month)
        name = f"{FIRST + timedelta(days=30.44 * month):%Y-%m}"
        inventory.write(name, ((one, ()) for one in some))
    inventory.tidy()


def ask(root: Path, count: int) -> None:
    """For each version, as a refresh does; then for all of them."""
    held = CommunityInventory(root, COMMUNITY).versions
    found = sum(held.get(key) is not None for key in held)
    if not found == sum(1 for _ in held.each()) == count:
        raise SystemExit(f"{found} versions of {count}")


def measured(what: str, work: object, root: Path, count: int) -> None:
    """Tell CPU seconds and the peak of a process that does it."""
    process = get_context("spawn").Process(target=_tell, args=(what, work, root, count))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{what} failed")


def _tell(what: str, work: object, root: Path, count: int) -> None:
    before, began = _peak(), time.process_time()
    work(root, count)  # type: ignore[operator]
    spent = time.process_time() - began
    print(
        f"inventory of {count:,} versions, {what}: {spent:.1f} s of CPU, {_peak():.0f} MiB, "
        f"{before:.0f} of them before it began (goal 150)",
        flush=True,
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tell(count: int) -> None:
    """Both."""
    with tempfile.TemporaryDirectory() as scratch:
        measured("written", write, Path(scratch), count)
        measured("each asked for", ask, Path(scratch), count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--versions", type=int, default=1_000_000)
    tell(parser.parse_args().versions)


if __name__ == "__main__":
    main()
