"""What format checks and virus scans make of deposits."""

from __future__ import annotations

import csv
import json

import pytest
from checked_files import locked_archive
from homes import COMMUNITY, Archive, Guesser, codes, snapshot
from virus_daemons import EICAR, clamd

from preservation.app.home import CLAMD
from preservation.errors import NotNowError
from preservation.model.identification import Basis, Identification

REQUIRED = {"intake": {"virus_scan": "required"}}
AVAILABLE = {"intake": {"virus_scan": "when-available"}}
TABLE = Identification("x-fmt/18", "CSV", "", "text/csv", basis=Basis.EXTENSION)


@pytest.fixture
def daemon(monkeypatch):
    with clamd() as address:
        monkeypatch.setenv(CLAMD, address)
        yield address


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.setitem(Guesser._known, b"csv", TABLE)


def inventory(archive: Archive, result) -> dict[str, dict[str, str]]:
    place = archive.bag(result) / "metadata/inventory.csv"
    with place.open(encoding="utf-8", newline="") as rows:
        return {row["path"]: row for row in csv.DictReader(rows)}


def events(archive: Archive, kind: str):
    return [event for event in archive.events() if event.type.value == kind]


def test_each_file_is_checked_counted_and_told(ground, tables):
    archive = Archive(ground)
    files = {"good.csv": b"a,b\n1,2\n", "bad.csv": b"a,b\n1,2\n3\n", "a.txt": b"text"}
    result = archive.ingest(archive.put("d", files))
    assert result.outcome == "accepted"
    assert codes(result) == {"DEP-FORMAT-INVALID"}
    rows = inventory(archive, result)
    assert rows["data/good.csv"]["validity"] == "valid"
    assert rows["data/good.csv"]["checker"] == "csv"
    assert rows["data/bad.csv"]["validity_reason"].startswith("ragged rows: line 3")
    assert rows["data/a.txt"]["validity_reason"] == "no check for this format"
    counts = {"valid": 1, "invalid": 1, "unchecked": {"no check for this format": 1}}
    [ingestion] = events(archive, "ingestion")
    assert ingestion.detail["checks"] == counts
    deposit = json.loads((archive.bag(result) / "metadata/deposit.json").read_bytes())
    assert deposit["checks"] == counts
    assert result.to_json()["checks"] == counts


def test_a_policy_may_refuse_what_is_invalid(ground, tables):
    archive = Archive(ground, {"intake": {"formats": {"invalid": "refuse"}}})
    place = archive.put("d", {"bad.csv": b"a,b\n1,2\n3\n"})
    result = archive.ingest(place)
    assert result.outcome == "rejected"
    assert codes(result) == {"DEP-FORMAT-INVALID"}


def test_a_policy_may_leave_checks_out_and_then_nothing_is_valid(ground, tables):
    archive = Archive(ground, {"intake": {"formats": {"check": "off"}}})
    result = archive.ingest(archive.put("d", {"a.csv": b"a,b\n1,2\n"}))
    row = inventory(archive, result)["data/a.csv"]
    assert (row["validity"], row["validity_reason"]) == ("unchecked", "off")


@pytest.mark.parametrize("rules", [REQUIRED, AVAILABLE], ids=["required", "when-available"])
@pytest.mark.parametrize("tag", [False, True], ids=["in the payload", "in a bag's tag file"])
def test_an_infected_deposit_is_rejected_and_stays_as_it_was(ground, daemon, rules, tag):
    archive = Archive(ground, rules)
    files = {"data/a.txt": b"text", "bad.txt" if tag else "data/bad.txt": EICAR}
    if tag:
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        files["data/a.txt"] = b""
        files["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
        files["manifest-sha256.txt"] = f"{empty}  data/a.txt\n".encode()
    place = archive.put("d", files)
    before = snapshot(place)
    result = archive.ingest(place)
    assert result.outcome == "rejected"
    assert codes(result) == {"DEP-VIRUS"}
    assert "Eicar.Test.UNOFFICIAL" in result.findings[0].message
    assert snapshot(place) == before
    assert archive.standing()["versions"] == []
    assert archive.unfinished() == []


def test_what_was_scanned_is_on_record_with_the_daemon(ground, daemon):
    archive = Archive(ground, REQUIRED)
    result = archive.ingest(archive.put("d", {"a.txt": b"text", "b.txt": b"more"}))
    assert result.outcome == "accepted"
    assert [row["virus"] for row in inventory(archive, result).values()] == ["clean"] * 2
    [event] = events(archive, "virus check")
    assert event.outcome == "clean"
    assert event.detail["clean"] == 2
    assert event.detail["engine"].startswith("ClamAV ")
    assert b"virus check" in (archive.bag(result) / "metadata/premis.xml").read_bytes()
    receipts = archive.home / "receipts" / COMMUNITY
    [letter] = [path.read_text() for path in receipts.glob("*.txt")]
    assert "Virus scan: 2 clean, 0 not scanned, by ClamAV" in letter


def test_a_file_that_cannot_be_scanned_is_refused_where_a_scan_is_required(ground, daemon):
    archive = Archive(ground, REQUIRED)
    result = archive.ingest(archive.put("d", {"a.zip": locked_archive()}))
    assert result.outcome == "rejected"
    assert codes(result) == {"DEP-VIRUS-UNSCANNED"}
    assert "encrypted" in result.findings[0].message


def test_a_file_that_cannot_be_scanned_is_taken_with_a_word_where_a_scan_is_not(ground, daemon):
    archive = Archive(ground, AVAILABLE)
    result = archive.ingest(archive.put("d", {"a.zip": locked_archive(), "b.txt": b"b"}))
    assert result.outcome == "accepted"
    assert codes(result) == {"DEP-VIRUS-UNSCANNED"}
    rows = inventory(archive, result)
    assert rows["data/a.zip"]["virus"] == "not-scanned"
    assert rows["data/a.zip"]["virus_reason"].startswith("encrypted")
    [event] = events(archive, "virus check")
    assert (event.outcome, event.detail["not_scanned"]) == ("incomplete", {"encrypted": 1})


def test_without_a_daemon_a_required_scan_waits_and_then_goes_on(ground, monkeypatch):
    monkeypatch.delenv(CLAMD, raising=False)
    archive = Archive(ground, REQUIRED)
    place = archive.put("d", {"a.txt": b"text"})
    with pytest.raises(NotNowError) as caught:
        archive.ingest(place)
    assert caught.value.code == "VIR-NO-DAEMON"
    assert archive.unfinished() == []
    with clamd() as address:
        monkeypatch.setenv(CLAMD, address)
        assert archive.ingest(place).outcome == "accepted"


def test_without_a_daemon_a_scan_when_available_says_that_there_was_none(ground, monkeypatch):
    monkeypatch.delenv(CLAMD, raising=False)
    archive = Archive(ground, AVAILABLE)
    result = archive.ingest(archive.put("d", {"a.txt": b"text"}))
    assert result.outcome == "accepted"
    assert codes(result) == {"DEP-VIRUS-UNSCANNED"}
    assert inventory(archive, result)["data/a.txt"]["virus_reason"].startswith("no daemon")


def test_a_daemon_that_does_not_tell_its_limits_fulfils_no_required_scan(ground, monkeypatch):
    archive = Archive(ground, REQUIRED)
    place = archive.put("d", {"a.txt": b"text"})
    with clamd("") as address:
        monkeypatch.setenv(CLAMD, address)
        with pytest.raises(NotNowError) as caught:
            archive.ingest(place)
    assert caught.value.code == "VIR-SILENT"
    assert "AlertExceedsMax" in caught.value.hint


def test_nothing_is_scanned_or_told_where_the_policy_asks_for_nothing(ground, daemon):
    archive = Archive(ground)
    result = archive.ingest(archive.put("d", {"a.txt": EICAR}))
    assert result.outcome == "accepted"
    row = inventory(archive, result)["data/a.txt"]
    assert (row["virus"], row["virus_reason"]) == ("not-scanned", "off")
    assert events(archive, "virus check") == []
