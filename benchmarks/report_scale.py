"""What reports cost over a large community: memory and CPU seconds, by how much is held.

    python benchmarks/report_scale.py [--versions 100000] [--events 1000000]

The catalogue's rows are made on the fly, so the memory told is that of the report alone.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report_samples import NOW, SINCE, Archive, _replica, _version

from preservation.ledger.event_table import EventTable
from preservation.ledger.journal import FileJournal
from preservation.model.event import Event, EventType
from preservation.reports.build import build


class Large(Archive):
    """An archive whose rows exist only while they pass."""

    def __init__(self, versions: int) -> None:
        super().__init__(titles=())
        self.count = versions

    def versions(self, *_: str) -> Iterator[Any]:
        return (_version(number, f"deposit {number}") for number in range(self.count))

    def replicas(self, *_: str) -> Iterator[Any]:
        for version in self.versions():
            yield from (_replica(version, tier) for tier in ("deep", "mirror", "vault"))


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def report(versions: int, folder: Path) -> None:
    before = spent()
    clock = SimpleNamespace(now=lambda: NOW)
    archive = Large(versions)
    files = build(archive.sources(), folder, clock=clock, run="r", since=SINCE, agent="benchmark")
    sizes = {path.suffix: path.stat().st_size >> 10 for path in (files.html, files.json)}
    print(
        f"audit report, {versions:,} versions, {3 * versions:,} replicas: "
        f"{spent() - before:.1f} CPU-s, peak {peak()} MiB, page {sizes['.html']} KiB, "
        f"document {sizes['.json']} KiB"
    )


def events(number: int, folder: Path) -> None:
    journal = FileJournal.create(folder / "journal")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    step = timedelta(days=364) / number
    aip = str(uuid.UUID(int=1, version=4))
    for first in range(0, number, 10_000):
        lines = [
            Event(
                id=str(uuid.UUID(int=(one + 1) << 64, version=4)),
                at=start + one * step,
                type=EventType.FIXITY_CHECK,
                outcome="intact",
                agent="samarkand (benchmark)",
                community="notes",
                aip=aip,
                version=1,
                tier=("vault", "mirror", "deep")[one % 3],
                policy="sha256:" + "0" * 64,
                detail={"bytes_read": 4096, "files": {"intact": 4}, "level": "E3"},
            ).encode()
            for one in range(first, min(first + 10_000, number))
        ]
        journal.append(lines, start)
    table = EventTable(folder / "events", journal)
    before, began = spent(), time.monotonic()
    table.refresh()
    print(f"{number:,} events into Parquet: {spent() - before:.1f} CPU-s, peak {peak()} MiB")
    before = spent()
    tallies = table.tallies("notes", "2026-01", "2026-12")
    assert sum(one.events for one in tallies) == number
    print(f"counted by month, outcome and tier: {spent() - before:.2f} CPU-s")
    size = lambda root, end: sum(p.stat().st_size for p in root.rglob(f"*{end}"))  # noqa: E731
    print(f"journal {size(folder / 'journal', '.jsonl') >> 20} MiB, "
          f"Parquet {size(folder / 'events', '.parquet') >> 20} MiB; "
          f"{time.monotonic() - began:.0f} s by the clock")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.events:
            events(asked.events, Path(folder))
        else:
            report(asked.versions, Path(folder))


if __name__ == "__main__":
    main()
