"""What reports cost over a large community: memory and CPU seconds, by how much is held.

    python benchmarks/report_scale.py [--versions 100000] [--findings 100000]
    python benchmarks/report_scale.py --events 1000000

The catalogue's rows are made on the fly, so the memory told is that of the report alone.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report_samples import NOW, SINCE, Archive, _replica, _version

from preservation.catalogue.protocol import FindingRow
from preservation.ledger.event_table import EventTable
from preservation.ledger.journal import FileJournal
from preservation.model.event import Event, EventType
from preservation.reports.build import build


class Large(Archive):
    """An archive whose rows exist only while they pass. Of findings each names 60 files, about
    16 KB, as does the event that opened it.
    """

    def __init__(self, versions: int, findings: int = 0) -> None:
        super().__init__(titles=())
        self.count, self.wrong = versions, findings

    def each_finding(self, *_: str, brief: bool = False, **__: Any) -> Iterator[FindingRow]:
        return (self._finding(number, brief) for number in range(self.wrong))

    def findings_by(self, ids: Sequence[str]) -> Iterator[FindingRow]:
        return (self._finding(UUID(id).int & 0xFFFFFFFF, False) for id in ids)

    def about(self, findings: AbstractSet[str], _: datetime) -> Iterator[Event]:
        for row in self.findings_by(sorted(findings)):
            detail = {"finding": row.id, "localised": row.detail}
            yield Event(
                id=row.id,
                at=row.opened_at,
                type=EventType.FINDING_OPENED,
                outcome="fail",
                agent="samarkand (benchmark)",
                community=row.community,
                aip=row.aip,
                version=row.version,
                tier=row.tier,
                detail=detail,
            )

    def _finding(self, number: int, brief: bool) -> FindingRow:
        version = _version(number, "")
        files = [
            {
                "path": f"data/folder {number}/file {one}.csv",
                "outcome": "altered",
                "reason": "sha256 differs",
                "expected": f"sha256:{number:064}",
                "observed": f"sha256:{one:064}",
            }
            for one in range(0 if brief else 60)
        ]
        return FindingRow(
            id=str(UUID(int=1 << 100 | number, version=4)),
            code="FIX-ALTERED",
            severity="error",
            community="silk-road",
            aip=version.key.aip,
            version=1,
            tier="mirror",
            subject=f"{version.key} on mirror",
            message=f"data/folder {number}/file 0.csv: sha256 differs",
            hint="run `preserve repair`",
            state="open",
            opened_at=NOW - timedelta(seconds=self.wrong - number),
            closed_at=None,
            detail={"files": files},
        )

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


def report(versions: int, findings: int, folder: Path) -> None:
    before = spent()
    clock = SimpleNamespace(now=lambda: NOW)
    archive = Large(versions, findings)
    told = SimpleNamespace(events=archive.events, about=archive.about)
    sources = archive.sources(told=told)
    files = build(sources, folder, clock=clock, run="r", since=SINCE, agent="benchmark")
    sizes = {path.suffix: path.stat().st_size >> 10 for path in (files.html, files.json)}
    print(
        f"audit report, {versions:,} versions, {3 * versions:,} replicas, "
        f"{findings:,} findings: "
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
    parser.add_argument("--findings", type=int, default=0)
    parser.add_argument("--events", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.events:
            events(asked.events, Path(folder))
        else:
            report(asked.versions, asked.findings, Path(folder))


if __name__ == "__main__":
    main()
