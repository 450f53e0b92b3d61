"""Rebuilding: what tiers and journal say is there again, and what only one of them says is told."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from catalogues import START, a_key, check, finding, ingestion, kept, replication, sha256
from clocks import FakeClock

from preservation.catalogue import aside
from preservation.catalogue.protocol import VersionRow
from preservation.catalogue.rebuild import RebuildReport, rebuild
from preservation.catalogue.sql import SqlCatalogue, create_catalogue, open_catalogue
from preservation.errors import (
    CatalogueUnavailableError,
    MalformedError,
    SamarkandError,
    TierUnavailableError,
)
from preservation.model.event import Event
from preservation.model.finding import Finding
from preservation.model.replica import Packaging, ReplicaState, Sidecar, VersionKey


def a_sidecar(key: VersionKey, seal: str = "") -> Sidecar:
    return Sidecar(key, sha256(seal or f"seal {key}"), None, "1000.3", Packaging.FOLDER, None)


class Shelf:
    def __init__(self, *shown: Sidecar | Finding, away: bool = False) -> None:
        self.shown = shown
        self.away = away

    def sidecars(self) -> Iterable[Sidecar | Finding]:
        yield from self.shown
        if self.away:
            raise TierUnavailableError("not mounted")

    def tombstoned(self, _key: VersionKey) -> bytes | None:
        return None


class History:
    """A journal, as far as a rebuild reads it."""

    def __init__(self, events: Iterable[Event], torn: bool = False) -> None:
        self._events = list(events)
        self._torn = torn

    def events(
        self,
        since: datetime | None = None,
        damaged: Callable[[SamarkandError], None] | None = None,
    ) -> Iterator[Event]:
        if self._torn and damaged is not None:
            damaged(MalformedError("line 3", code="JRN-DAMAGED"))
        yield from self._events


def facts(tier: Shelf, sidecar: Sidecar) -> VersionRow | None:
    if sidecar.key.version == 9:
        raise MalformedError("no bag-info.txt", code="BAG-INFO")
    return VersionRow(
        sidecar.key, "from the bag", sidecar.seal, None, sha256("content"), "", 3, 1000, START,
        "", (),
    )  # fmt: skip


def rebuilt(
    url: str, tiers: dict[str, Shelf], journal: History
) -> tuple[SqlCatalogue, RebuildReport]:
    new = aside.begin(url)
    report = rebuild(new, tiers, journal, facts, FakeClock())
    aside.take_over(new, url)
    return open_catalogue(url), report


def shown(catalogue: SqlCatalogue) -> list[object]:
    versions, replicas = list(catalogue.versions()), list(catalogue.replicas())
    return [versions, replicas, catalogue.findings(), catalogue.communities()]


def test_a_deleted_catalogue_comes_back_whole(catalogue: SqlCatalogue, catalogue_url: str) -> None:
    """Invariant 5."""
    keys = [a_key(1), a_key(2), a_key(2, version=2), a_key(3, community="field-notes")]
    events = [event for key in keys for event in kept(key, "vault", "mirror")]
    events += [finding(keys[0]), check(keys[1], "mirror", "missing", START + timedelta(1))]
    catalogue.record(events)
    before = shown(catalogue)
    there = {name: Shelf(*map(a_sidecar, keys)) for name in ("vault", "mirror")}
    there["mirror"] = Shelf(*map(a_sidecar, keys[:1]))  # a sidecar that is lost loses no row
    again, report = rebuilt(catalogue_url, there, History(events))
    assert shown(again) == before
    assert report.sidecars == {"vault": 4, "mirror": 1}
    assert (report.versions, report.replicas, report.events) == (4, 8, len(events))
    assert report.undrained_versions == report.undrained_replicas == report.findings == ()
    assert again.outbox_size() == 0


def test_what_was_not_drained_is_there_by_its_sidecar_and_told(catalogue_url: str) -> None:
    drained, undrained, half = a_key(1), a_key(2), a_key(3)
    tiers = {"vault": Shelf(*map(a_sidecar, (drained, undrained, half)))}
    history = History([*kept(drained, "vault"), ingestion(half)])
    again, report = rebuilt(catalogue_url, tiers, history)
    assert report.undrained_versions == (undrained,)
    assert report.undrained_replicas == ((undrained, "vault"), (half, "vault"))
    row = again.replica(undrained, "vault")
    assert row is not None
    assert row.state is ReplicaState.WRITTEN
    version = again.version(undrained)
    assert version is not None
    assert version.title == "from the bag"


def test_whatever_cannot_be_read_is_told_and_stops_nothing(catalogue_url: str) -> None:
    unreadable = Finding("TIER-SIDECAR", "v1.seal.json", "cannot be read")
    bad = a_key(4, version=9)
    tiers = {
        "vault": Shelf(unreadable, a_sidecar(a_key(1)), a_sidecar(bad)),
        "deep": Shelf(a_sidecar(a_key(1), seal="another"), away=True),
    }
    again, report = rebuilt(catalogue_url, tiers, History(kept(a_key(1), "vault"), torn=True))
    codes = sorted(finding.code for finding in report.findings)
    assert codes == [
        "BAG-INFO", "JRN-DAMAGED", "RBD-SEAL-DISAGREES", "TIER-SIDECAR", "TIER-UNAVAILABLE",
    ]  # fmt: skip
    assert report.orphans == ((bad, "vault"),)
    assert again.replica(a_key(1), "deep") is not None


def test_an_event_finds_the_replica_whose_own_event_was_lost(catalogue_url: str) -> None:
    tiers = {"vault": Shelf(a_sidecar(a_key()))}
    again, report = rebuilt(catalogue_url, tiers, History([check(a_key(), outcome="altered")]))
    row = again.replica(a_key(), "vault")
    assert row is not None
    assert row.state is ReplicaState.DAMAGED
    assert report.applied == 1


def test_until_the_swap_the_old_one_is_as_it_was(
    catalogue: SqlCatalogue, catalogue_url: str
) -> None:
    catalogue.record(kept(a_key(1), "vault"))
    before = shown(catalogue)
    half_made = aside.begin(catalogue_url)
    half_made.replay(kept(a_key(2), "vault"))  # and then the process died
    assert shown(open_catalogue(catalogue_url)) == before
    _, report = rebuilt(catalogue_url, {}, History(kept(a_key(1), "vault")))
    assert (report.versions, report.replicas) == (1, 1)


def test_a_catalogue_that_is_gone_or_rotten_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.sqlite"
    url = f"sqlite:///{file}"
    history = History(kept(a_key(), "vault"))
    assert len(list(rebuilt(url, {}, history)[0].replicas())) == 1
    file.write_bytes(b"rotten" * 4096)
    (tmp_path / "catalogue.sqlite-wal").write_bytes(b"rotten too")
    assert len(list(rebuilt(url, {}, history)[0].replicas())) == 1
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_what_the_old_log_held_never_shows_in_the_new_file(tmp_path: Path) -> None:
    """SQLite would take a write-ahead log that lies beside a file for that file's own."""
    live, crashed = tmp_path / "live.sqlite", tmp_path / "catalogue.sqlite"
    catalogue = create_catalogue(f"sqlite:///{live}")
    with catalogue.database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM version").close()
        catalogue.record(kept(a_key(1), "vault"))
        for suffix in ("", "-wal"):  # as a power cut leaves them
            shutil.copy(f"{live}{suffix}", f"{crashed}{suffix}")
    assert Path(f"{crashed}-wal").stat().st_size > 0
    url = f"sqlite:///{crashed}"
    again, _ = rebuilt(url, {}, History(kept(a_key(2), "vault")))
    assert [row.key for row in again.versions()] == [a_key(2)]
    again.record([replication(a_key(2), "deep")])


def test_a_catalogue_in_use_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/catalogue.sqlite"
    catalogue = create_catalogue(url)
    catalogue.record(kept(a_key(1), "vault"))
    new = aside.begin(url)
    entered, leave = threading.Event(), threading.Event()

    def use() -> None:
        with catalogue.database.reading() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM version").close()
            entered.set()
            leave.wait()

    user = threading.Thread(target=use)
    user.start()
    entered.wait()
    monkeypatch.setattr(aside, "LOCK_TIMEOUT_S", 0.05)
    try:
        with pytest.raises(CatalogueUnavailableError) as caught:
            aside.take_over(new, url)
    finally:
        leave.set()
        user.join()
    assert caught.value.code == "CAT-LOCKED"
    assert [row.key for row in catalogue.versions()] == [a_key(1)]
