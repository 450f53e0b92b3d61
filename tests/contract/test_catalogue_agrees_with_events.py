"""What reports count in the Parquet copies of events is what the catalogue's state says."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from catalogues import START, a_key, check, ingestion, replication

from preservation.catalogue.sql import SqlCatalogue
from preservation.ledger.event_table import EventTable
from preservation.ledger.journal import FileJournal

TIERS = ("mirror", "vault")


def test_oldest_checks_and_checks_by_month_are_the_same_by_events_and_by_state(
    catalogue: SqlCatalogue, tmp_path: Path
) -> None:
    """Each replica is checked once a month, in no order of the AIPs; some are found damaged."""
    keys, draw = [a_key(number) for number in range(1, 13)], random.Random(7)
    for key in keys:
        made = [replication(key, tier, at=START) for tier in TIERS]
        catalogue.record([ingestion(key), *made])
    months = [START + timedelta(days=31 * month) for month in (1, 2)]
    for month in months:
        places = [(key, tier) for key in keys for tier in TIERS]
        draw.shuffle(places)
        for late, (key, tier) in enumerate(places):
            outcome = draw.choice(["intact", "intact", "altered"])
            at = month + timedelta(minutes=late)
            catalogue.record([check(key, tier, outcome, at)])
    journal = FileJournal.create(tmp_path / "journal")
    journal.append(catalogue.outbox(1_000), START)
    table = EventTable(tmp_path / "events", journal)
    table.refresh()

    told = [str(part) for part in sorted((tmp_path / "events").rglob("*.parquet"))]
    for tier in TIERS:
        chosen = (pc.field("type") == "fixity check") & (pc.field("tier") == tier)
        read = pq.read_table(told, columns=["aip", "at"], filters=chosen, partitioning=None)
        last = read.group_by("aip").aggregate([("at", "max")]).sort_by("at_max")
        by_state = catalogue.figures.oldest("silk-road", tier, months[-1] + timedelta(days=9), 99)
        assert [row.key.aip for row in by_state] == last["aip"].to_pylist()
        assert [row.checked_at for row in by_state] == last["at_max"].to_pylist()

        tallies = table.tallies("silk-road", f"{months[-1]:%Y-%m}", f"{months[-1]:%Y-%m}")
        counts = {one.outcome: one.events for one in tallies if one.tier == tier and one.octets}
        known, damaged, _ = catalogue.turns.checked_since("silk-road", tier, months[-1])
        assert known == sum(counts.values()) == len(keys)
        assert damaged == counts["altered"]
