"""Draining: no event lost, none twice, and copies that catch up whatever was away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from catalogues import MINUTE, START, a_key, check, kept
from clocks import FakeClock

from preservation.catalogue.sql import SqlCatalogue, create_catalogue
from preservation.errors import BusyError, SamarkandError, TierUnavailableError
from preservation.ledger import drain as drain_module
from preservation.ledger.drain import PREFIX, drain, fetch_missing, replicate_documents
from preservation.ledger.journal import FileJournal
from preservation.model.finding import Severity


class Shelf:
    """A tier's small documents, in memory; ``away`` is one that nobody can reach."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.documents: dict[str, bytes] = {}
        self.away = False

    def keep(self, name: str, data: bytes) -> None:
        self._reach()
        if self.documents.setdefault(name, data) != data:
            raise SamarkandError(f"{name} holds other bytes", code="TIER-KEPT-DIFFERS")

    def kept(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for name in self.kept_names(prefix):
            yield name, self.documents[name]

    def kept_names(self, prefix: str) -> Iterator[str]:
        self._reach()
        yield from sorted(name for name in self.documents if name.startswith(prefix))

    def journal(self) -> list[str]:
        return [name for name in self.documents if name.endswith(".jsonl")]

    def _reach(self) -> None:
        if self.away:
            raise TierUnavailableError(f"tier {self.id} is not mounted")


@pytest.fixture
def catalogue(tmp_path: Path) -> SqlCatalogue:
    return create_catalogue(f"sqlite:///{tmp_path}/catalogue.sqlite")


@pytest.fixture
def journal(tmp_path: Path) -> FileJournal:
    return FileJournal.create(tmp_path / "journal")


@pytest.fixture
def shelves() -> list[Shelf]:
    return [Shelf("vault"), Shelf("mirror")]


def test_events_go_to_the_journal_in_order_and_to_every_copy(
    catalogue: SqlCatalogue,
    journal: FileJournal,
    shelves: list[Shelf],
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drain_module, "EVENTS_PER_FILE", 4)
    events = kept(a_key(), "vault", "mirror", "deep")
    catalogue.record(events)
    done = drain(catalogue, journal, shelves, clock)
    assert (done.events, done.cleared, len(done.files)) == (7, 0, 2)
    assert list(journal.events()) == events
    assert catalogue.outbox_size() == 0
    for shelf in shelves:
        assert shelf.documents == {PREFIX + name: journal.read(name) for name in journal.names()}
    again = drain(catalogue, journal, shelves, clock)
    assert (again.events, again.files, set(again.copied.values())) == (0, (), {0})


def test_results_that_events_cite_go_along(
    catalogue: SqlCatalogue, journal: FileJournal, shelves: list[Shelf], clock: FakeClock
) -> None:
    digest = journal.put_result({"files": []})
    catalogue.record(
        [*kept(a_key(), "vault"), check(a_key(), outcome="altered", result=str(digest))]
    )
    drain(catalogue, journal, shelves, clock)
    name = f"{PREFIX}results/{digest.hex[:2]}/{digest.hex}.json"
    assert all(shelf.documents[name] == b'{"files":[]}' for shelf in shelves)


def test_a_result_that_is_lost_is_told_and_stops_nothing(
    catalogue: SqlCatalogue, journal: FileJournal, shelves: list[Shelf], clock: FakeClock
) -> None:
    lost = "sha256:" + "0" * 64
    catalogue.record([*kept(a_key(), "vault"), check(a_key(), outcome="altered", result=lost)])
    done = drain(catalogue, journal, shelves, clock)
    assert {finding.code for finding in done.findings} == {"JRN-RESULT-MISSING"}
    assert all(len(shelf.journal()) == 1 for shelf in shelves)


def test_a_crash_before_the_outbox_was_cleared_writes_nothing_twice(
    catalogue: SqlCatalogue, journal: FileJournal, shelves: list[Shelf], clock: FakeClock
) -> None:
    events = kept(a_key(), "vault")
    catalogue.record(events[:2])
    journal.append(catalogue.outbox(10), START)
    catalogue.record(events[2:])
    done = drain(catalogue, journal, shelves, clock)
    assert (done.events, done.cleared) == (1, 2)
    assert list(journal.events()) == events


def test_a_tier_that_is_away_stops_nothing_and_catches_up(
    catalogue: SqlCatalogue, journal: FileJournal, shelves: list[Shelf], clock: FakeClock
) -> None:
    vault, mirror = shelves
    mirror.away = True
    for number in (1, 2):
        catalogue.record(kept(a_key(number), "vault"))
        done = drain(catalogue, journal, shelves, clock)
        assert [(found.code, found.severity) for found in done.findings] == [
            ("TIER-UNAVAILABLE", Severity.WARNING)
        ]
    assert (len(vault.journal()), mirror.documents) == (2, {})
    mirror.away = False
    done = drain(catalogue, journal, shelves, clock)
    assert (done.copied, done.findings) == ({"vault": 0, "mirror": 2}, ())
    assert mirror.documents == vault.documents


def test_a_lost_tail_comes_back_before_its_numbers_are_given_again(
    catalogue: SqlCatalogue, journal: FileJournal, shelves: list[Shelf], clock: FakeClock
) -> None:
    digest = journal.put_result({"files": []})
    catalogue.record([*kept(a_key(1), "vault"), check(a_key(1), "vault", result=str(digest))])
    drain(catalogue, journal, shelves, clock)
    emptied = FileJournal.create(journal.root.parent / "another")
    catalogue.record(kept(a_key(2), "vault"))
    done = drain(catalogue, emptied, shelves, clock)
    assert done.restored == ("2026/000000000001.jsonl",)
    assert done.files == ("2026/000000000002.jsonl",)
    assert done.findings == ()
    assert emptied.result(digest) == {"files": []}
    assert len(list(emptied.events())) == 7


def test_a_copy_that_rotted_is_not_brought_back(
    catalogue: SqlCatalogue, journal: FileJournal, shelves: list[Shelf], clock: FakeClock
) -> None:
    shelves[0].documents[PREFIX + "2026/000000000001.jsonl"] = b"{}\n"
    restored, findings = fetch_missing(journal, shelves)
    assert (restored, [finding.code for finding in findings]) == ((), ["JRN-COPY-DAMAGED"])
    assert journal.names() == []


def test_another_history_on_a_tier_is_told_and_not_overwritten(
    catalogue: SqlCatalogue, journal: FileJournal, shelves: list[Shelf], clock: FakeClock
) -> None:
    other = kept(a_key(9), "vault")[0].encode() + b"\n"
    catalogue.record(kept(a_key(), "vault"))
    journal.append(catalogue.outbox(1), START)
    shelves[0].documents[PREFIX + journal.last()] = other
    shelves[0].kept_names = lambda prefix: iter(())  # type: ignore[method-assign]
    done = drain(catalogue, journal, shelves, clock)
    assert [(found.code, found.severity) for found in done.findings] == [
        ("TIER-KEPT-DIFFERS", Severity.ERROR)
    ]
    assert shelves[0].documents[PREFIX + "2026/000000000001.jsonl"] == other
    assert len(shelves[0].journal()) == 2


def test_one_drain_at_a_time(
    catalogue: SqlCatalogue, journal: FileJournal, clock: FakeClock
) -> None:
    catalogue.record(kept(a_key(), "vault"))
    lease = catalogue.lease("journal", MINUTE, START)
    assert lease is not None
    with pytest.raises(BusyError) as caught:
        drain(catalogue, journal, [], clock)
    assert caught.value.code == "JRN-BUSY"
    catalogue.release(lease)
    assert drain(catalogue, journal, [], clock).events == 3


def test_a_drain_that_was_overtaken_writes_nothing(
    catalogue: SqlCatalogue, journal: FileJournal, clock: FakeClock
) -> None:
    catalogue.record(kept(a_key(), "vault"))

    class Slow(FileJournal):
        def last(self) -> str:
            found = super().last()
            clock.advance(100 * MINUTE)
            drain(catalogue, journal, [], clock)
            return found

    with pytest.raises(BusyError):
        drain(catalogue, Slow(journal.root), [], clock)
    assert len(list(journal.events())) == 3


def test_documents_are_kept_on_every_copy_that_can_be_reached(shelves: list[Shelf]) -> None:
    shelves[0].away = True
    documents = {"policies/a.json": lambda: b"a", "policies/b.json": lambda: b"b"}
    findings = replicate_documents("policies/", documents, shelves)
    assert shelves[1].documents == {"policies/a.json": b"a", "policies/b.json": b"b"}
    assert [replace(finding, message="").subject for finding in findings] == ["tier vault"]


def test_documents_that_are_kept_are_neither_read_nor_sent_again(shelves: list[Shelf]) -> None:
    read: list[str] = []

    def reader(name: str) -> Callable[[], bytes]:
        def reading() -> bytes:
            read.append(name)
            return name.encode()

        return reading

    one = {"policies/a.json": reader("a")}
    assert not replicate_documents("policies/", one, shelves)
    assert not replicate_documents("policies/", one | {"policies/b.json": reader("b")}, shelves)
    assert read == ["a", "a", "b", "b"]
    assert shelves[0].documents == {"policies/a.json": b"a", "policies/b.json": b"b"}
