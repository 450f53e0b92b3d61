"""Events as Parquet: the same counts as the journal's, whatever was killed in between."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from killing import each_kill

from preservation.ledger import event_table
from preservation.ledger.event_table import EventTable
from preservation.ledger.journal import FileJournal
from preservation.model.event import Event, EventType

START = datetime(2026, 1, 31, 20, tzinfo=UTC)


def check(number: int, community: str = "notes") -> Event:
    return Event(
        id=str(uuid.UUID(int=number + 1, version=4)),
        at=START + timedelta(hours=number),
        type=EventType.FIXITY_CHECK,
        outcome="altered" if number % 5 == 0 else "intact",
        agent="a test \ud800".encode("utf-8", "replace").decode(),
        community=community,
        aip=str(uuid.UUID(int=1, version=4)),
        version=1,
        tier="vault" if number % 2 else "mirror",
        detail={"bytes_read": 10, "files": {"intact": 3, "altered": 1}},
    )


def journal(root: Path, files: int, each: int = 4) -> FileJournal:
    made = FileJournal.create(root / "journal")
    for number in range(files):
        events = [check(number * each + one) for one in range(each)]
        made.append([event.encode() for event in events], START)
    return made


def counted(table: EventTable) -> Counter[tuple[str, str, str]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in table.tallies("notes", "2026-01", "2026-12"):
        counts[one.month, one.outcome, one.tier] += one.events
        assert one.octets == 10 * one.events
        assert one.files == 4 * one.events
    return counts


def expected(number: int) -> Counter[tuple[str, str, str]]:
    events = [check(one) for one in range(number)]
    return Counter((f"{event.at:%Y-%m}", event.outcome, event.tier) for event in events)


def test_tallies_are_those_of_the_journal_by_month(tmp_path: Path) -> None:
    table = EventTable(tmp_path / "events", journal(tmp_path, 5))
    assert table.refresh() == 20
    assert table.refresh() == 0
    assert counted(table) == expected(20)
    assert {one.month for one in table.tallies("notes", "2026-02", "2026-02")} == {"2026-02"}
    assert table.tallies("others", "2026-01", "2026-12") == []


def test_events_from_a_moment_on_are_those_of_the_journal(tmp_path: Path) -> None:
    table = EventTable(tmp_path / "events", journal(tmp_path, 5))
    table.refresh()
    since = START + timedelta(hours=7)
    assert list(table.events("notes", since)) == [check(number) for number in range(7, 20)]
    assert list(table.events("notes", since, ["none"])) == []


def test_many_parts_become_one_and_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_table, "_AT_ONCE", 1)
    monkeypatch.setattr(event_table, "_MOST_PARTS", 3)
    table = EventTable(tmp_path / "events", journal(tmp_path, 9))
    table.refresh()
    assert counted(table) == expected(36)
    assert len(list((tmp_path / "events").rglob("month=2026-02/*.parquet"))) == 1


def test_another_journal_is_copied_from_the_beginning(tmp_path: Path) -> None:
    EventTable(tmp_path / "events", journal(tmp_path / "a", 5)).refresh()
    table = EventTable(tmp_path / "events", journal(tmp_path / "b", 2))
    table.refresh()
    assert counted(table) == expected(8)


def test_killed_at_every_write_and_run_again_it_counts_each_event_once(
    scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_table, "_AT_ONCE", 900)
    monkeypatch.setattr(event_table, "_MOST_PARTS", 1)
    source, scene = journal(scenes, 3), SimpleNamespace(table=None, number=0)

    def prepare() -> object:
        scene.number += 1
        scene.table = EventTable(scenes / f"events{scene.number}", source)
        return scene.table.refresh

    for _ in each_kill(prepare):
        scene.table.refresh()
        assert counted(scene.table) == expected(12)
    assert scene.number > 10
