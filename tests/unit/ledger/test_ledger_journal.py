"""The journal's files: whole, in order, never written again, and honest about damage."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from catalogues import START, a_key, kept

from preservation.errors import BusyError, MalformedError, NotNowError, SamarkandError
from preservation.ledger.journal import FileJournal
from preservation.model.canonical import canonical, digest_of
from preservation.model.event import Event


@pytest.fixture
def journal(tmp_path: Path) -> FileJournal:
    return FileJournal.create(tmp_path / "home" / "journal")


LINES = [event.encode() for event in kept(a_key(), "vault")]


def test_what_was_appended_is_read_byte_for_byte(journal: FileJournal) -> None:
    name = journal.append(LINES, START)
    assert name == "2026/000000000001.jsonl"
    assert journal.read(name) == b"".join(line + b"\n" for line in LINES)
    assert [event.encode() for event in journal.events()] == LINES
    assert os.stat(journal.root / name).st_mode & 0o777 == 0o444


def test_numbers_go_on_over_the_years_and_past_gaps(journal: FileJournal) -> None:
    first = journal.append(LINES, START)
    second = journal.append(LINES, datetime(2027, 1, 1, tzinfo=UTC))
    assert second == "2027/000000000002.jsonl"
    (journal.root / first).unlink()
    third = journal.append(LINES, START)  # a clock that was set back
    assert journal.names() == [second, third] == [second, "2026/000000000003.jsonl"]


def test_what_does_not_belong_there_is_passed_over(journal: FileJournal) -> None:
    name = journal.append(LINES, START)
    (journal.root / "2026" / ".tmp-0123").write_bytes(b"half")
    (journal.root / "2026" / "000000000009.jsonl.bak").write_bytes(b"")
    (journal.root / "notes.txt").write_bytes(b"")
    (journal.root / "1999").write_bytes(b"")
    assert journal.names() == [name]


def test_a_writer_that_was_overtaken_writes_nothing(journal: FileJournal) -> None:
    first = journal.append(LINES, START, after="")
    with pytest.raises(BusyError):
        journal.append(LINES, START, after="")
    assert journal.names() == [first]


@pytest.mark.parametrize("lines", [[], [b""], [b"{}\n{}"]])
def test_only_lines_are_appended(journal: FileJournal, lines: list[bytes]) -> None:
    with pytest.raises(MalformedError):
        journal.append(lines, START)
    assert journal.names() == []


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda data: data[:-1], 3),  # the end is torn off
        (lambda data: data[: len(data) // 2], 2),
        (lambda data: b"", 1),
        (lambda data: data.replace(b'"fixity check"', b'"fixity chick"'), 3),
        (lambda data: b"\0" + data[1:], 1),
        (lambda data: b"[" * 100_000 + b"\n" + data, 1),
        # What no database can keep: a rebuild goes on without the line.
        (lambda data: data.replace(b'"version":1', b'"version":' + b"9" * 20, 1), 1),
        (lambda data: data.replace(b'"agent":"', b'"agent":"\\udc80', 1), 1),
        (lambda data: data.replace(b'"agent":"', b'"agent":"\xed\xb2\x80', 1), 1),
    ],
)
def test_damage_is_named_by_file_and_line(journal: FileJournal, damage: object, line: int) -> None:
    name = journal.append(LINES, START)
    path = journal.root / name
    octets = damage(path.read_bytes())  # type: ignore[operator]
    path.unlink()
    path.write_bytes(octets)
    with pytest.raises(MalformedError) as caught:
        list(journal.events())
    assert caught.value.code == "JRN-DAMAGED"
    assert f"{name}, line {line}:" in caught.value.message
    sound = list(journal.events(damaged=lambda _: None))
    assert journal.newest() == (sound[-1] if sound else None)


def test_the_newest_event_is_found_without_parsing_those_before(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journal.newest() is None
    journal.append(LINES, START)
    parsed: list[object] = []
    read = Event.from_json
    monkeypatch.setattr(Event, "from_json", lambda said: (parsed.append(said), read(said))[1])
    newest = journal.newest()
    assert newest is not None
    assert newest.encode() == LINES[-1]
    assert len(parsed) == 1


def test_a_rebuild_reads_past_damage_and_hears_of_it(journal: FileJournal) -> None:
    path = journal.root / journal.append(LINES, START)
    octets = path.read_bytes().replace(b'"ingestion"', b'"indigestion"')
    path.unlink()
    path.write_bytes(octets)
    heard: list[SamarkandError] = []
    assert [event.encode() for event in journal.events(damaged=heard.append)] == LINES[1:]
    assert [error.code for error in heard] == ["JRN-DAMAGED"]
    path.write_bytes(octets[:-1])
    assert [event.encode() for event in journal.events(damaged=heard.append)] == LINES[1:]
    assert len(heard) == 3


def test_events_since_a_moment(journal: FileJournal) -> None:
    for year in (2024, 2025, 2026):
        at = datetime(year, 1, 1, tzinfo=UTC)
        journal.append([event.encode() for event in kept(a_key(), "vault", at=at)], at)
    since = datetime(2025, 1, 1, tzinfo=UTC)
    assert {event.at.year for event in journal.events(since)} == {2025, 2026}


def test_a_folder_that_is_gone_is_never_an_empty_journal(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "unmounted")
    for ask in (journal.names, lambda: journal.append(LINES, START), lambda: journal.put_result(1)):
        with pytest.raises(NotNowError) as caught:
            ask()
        assert caught.value.code == "JRN-MISSING"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../2026/000000000001.jsonl", "2026/1.jsonl", "/etc/passwd", ""])
def test_only_names_of_journal_files_are_read(journal: FileJournal, name: str) -> None:
    with pytest.raises(MalformedError):
        journal.read(name)


def test_a_result_lies_under_its_own_digest(journal: FileJournal) -> None:
    document = {"files": [{"path": "data/Дата", "outcome": "altered"}]}
    digest = journal.put_result(document)
    assert digest == digest_of(document) == journal.put_result(document)
    assert journal.result(digest) == document
    path = journal.root / "results" / digest.hex[:2] / f"{digest.hex}.json"
    assert path.read_bytes() == canonical(document)
    assert journal.names() == []


def test_a_result_that_rots_is_told_and_mended_by_the_same_document(journal: FileJournal) -> None:
    digest = journal.put_result({"a": 1})
    path = journal.root / "results" / digest.hex[:2] / f"{digest.hex}.json"
    path.unlink()
    with pytest.raises(NotNowError) as caught:
        journal.result(digest)
    assert caught.value.code == "JRN-RESULT-MISSING"
    path.write_bytes(json.dumps({"a": 2}).encode())
    with pytest.raises(NotNowError) as caught:
        journal.result(digest)
    assert caught.value.code == "JRN-RESULT-DAMAGED"
    journal.put_result({"a": 1})
    assert journal.result(digest) == {"a": 1}
