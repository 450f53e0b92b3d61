"""Events recorded with their state, and what reports ask of them, against the bare engine.

    python benchmarks/event_reports.py [--aips 15000] [--months 3] [--postgresql]

Every replica of so many AIPs is checked once a month. The events go through the catalogue into
the journal, and from there into the Parquet copies. Then it is asked which checks are the oldest,
and how many checks there were, by month, tier and outcome. pyarrow, bare, is asked the same of
the same files. All answers must be equal, and equal to the catalogue's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import audit_scale as scale
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filled import COMMUNITY, NOW, TIERS, aip, fill, place
from measure import machine

from preservation.catalogue.sql import SqlCatalogue, create_catalogue, open_catalogue
from preservation.ledger.event_table import EventTable
from preservation.ledger.journal import FileJournal
from preservation.model.event import Event, EventType

BATCH, FIRST = 1_000, datetime(2026, 12, 1, tzinfo=UTC)
DETAIL = {
    "level": "E3", "algorithms": ["sha256"], "bytes_read": 10**9, "files": {"intact": 100},
    "cache_bypassed": True, "milliseconds": 3000, "result": "",
}  # fmt: skip
Tallied = Counter[tuple[str, str, str]]


def happened(aips: int, months: int) -> Iterator[Event]:
    """Checks of all replicas, month by month, no two at one moment, in no order of the AIPs."""
    for month in range(months):
        began = FIRST + timedelta(days=31 * month)
        for nth in range(aips * 3):
            number = nth * 7_919 % (aips * 3)
            yield Event(
                str(uuid.uuid4()), began + timedelta(milliseconds=nth), EventType.FIXITY_CHECK,
                "intact", "a benchmark", COMMUNITY, aip(number // 3 + 1), 1,
                TIERS[number % 3], "sha256:" + "0" * 64, DETAIL,
            )  # fmt: skip


def written(url: str, folder: Path, aips: int, months: int) -> tuple[SqlCatalogue, EventTable]:
    """All of it through the catalogue, then as a drain writes it, then in Parquet."""
    create_catalogue(url).close()
    fill(url, aips)
    catalogue, journal = open_catalogue(url), FileJournal.create(folder / "journal")
    events = list(happened(aips, months))
    with scale.told("events recorded with their state", len(events), catalogue.database):
        for at in range(0, len(events), BATCH):
            catalogue.record(events[at : at + BATCH])
    for at in range(0, len(events), BATCH * 10):
        journal.append([event.encode() for event in events[at : at + BATCH * 10]], NOW)
    table = EventTable(folder / "events", journal)
    with scale.told("events copied into Parquet", len(events), catalogue.database):
        table.refresh()
    return catalogue, table


def by_month(table: EventTable) -> Tallied:
    """Checks by month, tier and outcome, as reports ask for them."""
    found = table.tallies(COMMUNITY, "2026-12", "9999-12")
    return Counter({(one.month, one.tier, one.outcome): one.events for one in found})


def bare_by_month(root: Path) -> Tallied:
    """The same by pyarrow alone."""
    counts: Tallied = Counter()
    names = ["type", "outcome", "tier"]
    for folder in root.glob(f"community={COMMUNITY}/month=*"):
        for part in folder.glob("*.parquet"):
            read = pq.ParquetFile(part).read([*names, "octets", "files"])
            sums = [("octets", "sum"), ("files", "sum"), ([], "count_all")]
            for row in read.group_by(names).aggregate(sums).to_pylist():
                month = folder.name.removeprefix("month=")
                counts[month, row["tier"], row["outcome"]] += row["count_all"]
    return counts


def oldest(catalogue: SqlCatalogue, until: datetime) -> list[tuple[str, datetime]]:
    """The hundred replicas on a tier that were checked longest ago, as reports ask for them."""
    rows = catalogue.figures.oldest(COMMUNITY, "vault", until, 100)
    return [(row.key.aip, row.checked_at) for row in rows if row.checked_at is not None]


def bare_oldest(root: Path) -> list[tuple[str, datetime]]:
    """The same by pyarrow alone: the last check of each, the oldest of them."""
    parts = [str(part) for part in root.glob(f"community={COMMUNITY}/month=*/*.parquet")]
    chosen = (pc.field("tier") == "vault") & (pc.field("outcome") == "intact")
    read = pq.read_table(parts, columns=["aip", "version", "at"], filters=chosen)
    last = read.group_by(["aip", "version"]).aggregate([("at", "max")])
    first = last.sort_by([("at_max", "ascending"), ("aip", "ascending")]).slice(0, 100)
    return [(row["aip"], row["at_max"]) for row in first.to_pylist()]


def same(what: str, ours: Callable[[], Any], bare: Callable[[], Any]) -> Any:
    """Time both, and hold one against the other."""
    mine = scale.timed(what, "", ours, 5)
    theirs = scale.timed("the same by pyarrow alone", "", bare, 5)
    if mine != theirs:
        raise SystemExit(f"{what}: the answers differ")
    return mine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--aips", type=int, default=15_000)
    parser.add_argument("--months", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    print(machine())
    with (
        tempfile.TemporaryDirectory() as scratch,
        place(Path(scratch), asked.postgresql) as url,
    ):
        catalogue, table = written(url, Path(scratch), asked.aips, asked.months)
        root, until = Path(scratch) / "events", FIRST + timedelta(days=31 * asked.months)
        print("\n| question | wall ms | CPU ms | |\n|---|---|---|---|")
        counts = same("checks by month", lambda: by_month(table), lambda: bare_by_month(root))
        same("the oldest checks", lambda: oldest(catalogue, until), lambda: bare_oldest(root))
        last = until - timedelta(days=31)
        for tier in TIERS:
            known, _, _ = catalogue.turns.checked_since(COMMUNITY, tier, last)
            if known != counts[f"{last:%Y-%m}", tier, "intact"]:
                raise SystemExit(f"{tier}: the catalogue counts other checks than the events tell")
        print("\nall answers are equal")
        catalogue.close()


if __name__ == "__main__":
    main()
