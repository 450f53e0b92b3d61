"""Reports about months and years: what they count, judge, and say when nothing is there."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from homes import Archive, Guesser, quick_folder

from preservation.app.period_reporting import last_periods, periods_due, write_period_report
from preservation.errors import UsageError
from preservation.reports.judges import judges
from preservation.reports.period import _standards
from preservation.reports.period_build import PeriodFiles

AT = datetime(2030, 11, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Two deposits in November, one in December, all replicated and checked; some damage."""
    ground = quick_folder(tmp_path_factory.mktemp("year"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
        yield _lived(Archive(ground))
    shutil.rmtree(ground)


@pytest.fixture
def home(year: Archive) -> Archive:
    """The same archive, in the January after."""
    year.clock.at = datetime(2031, 1, 9, tzinfo=UTC)
    return year


def _lived(archive: Archive) -> Archive:
    archive.clock.at = AT
    for name in ("one", "=two"):
        archive.ingest(archive.put(name, {"a.txt": name.encode()}))
    archive.replicate()
    archive.audit()
    archive.clock.at = AT.replace(month=12)
    archive.ingest(archive.put("three", {"a.txt": b"3"}))
    archive.replicate()
    victim = next(archive.tier("mirror").rglob("a.txt"))
    victim.chmod(0o644)
    victim.write_bytes(b"x")
    archive.audit()
    return archive


def write(archive: Archive, kind: str, name: str) -> PeriodFiles:
    with archive.opened() as (parts, policy):
        parts.drain()
        return write_period_report(parts, policy, kind, name)


def table(files: PeriodFiles, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(files.json.read_bytes())["tables"][name]
    return rows


def test_each_month_has_its_own_figures_and_the_year_their_sum(home: Archive) -> None:
    year = write(home, "evidence", "2030")
    months = {row["month"]: row for row in table(year, "months")}
    assert next(iter(months)) == "2030-01"
    assert len(months) == 12
    assert (months["2030-11"]["accepted"], months["2030-12"]["accepted"]) == (2, 1)
    assert months["2030-12"]["altered"] == 1
    events = home.events()
    checks = sum(event.type.value == "fixity check" for event in events)
    assert year.report.numbers["checks"] == checks == sum(row["checks"] for row in months.values())
    november = write(home, "holdings", "2030-11")
    assert november.report.numbers["accepted"] == 2
    assert november.report.run.complete


def test_every_requirement_has_a_verdict_and_what_shows_it(home: Archive) -> None:
    rows = table(write(home, "evidence", "2030"), "requirements")
    assert {row["framework"] for row in rows} == {"NDSA", "CoreTrustSeal", "ISO 16363"}
    assert all(row["evidence"] for row in rows)
    by_asks = {(row["framework"], row["asks"]): row for row in rows}
    repaired = by_asks["NDSA", "Corrupted content is replaced or repaired"]
    assert (repaired["verdict"], repaired["figure"]) == ("not met", 1)
    assert "1 replica damaged now" in repaired["evidence"]
    viruses = by_asks["NDSA", "All content is checked for viruses"]
    assert viruses["verdict"] == "not met"
    copies = by_asks["NDSA", "Integrity information is backed up apart from the content"]
    assert (copies["verdict"], copies["figure"]) == ("not met", 2)
    assert "on 2 tiers at 1 declared site" in copies["evidence"]
    plan = by_asks["CoreTrustSeal", "Preservation plan"]
    assert plan["verdict"] == "met in part"
    assert plan["evidence"].endswith("what is planned for formats and rights")
    people = by_asks["CoreTrustSeal", "Mission and scope"]
    assert people["verdict"] == "not something that software can show"
    kept = by_asks["ISO 16363", "Bit corruption and loss are detected"]
    assert kept["verdict"] == "met"


def test_every_judge_is_asked_and_every_question_has_a_judge() -> None:
    asked = {
        clause["shown_by"]
        for framework in _standards()
        for clause in framework["clauses"]
        if "shown_by" in clause
    }
    assert asked == {name for name, _ in judges()}
    for framework in _standards():
        for clause in framework["clauses"]:
            assert ("shown_by" in clause) != ("instead" in clause)


def test_nothing_held_is_never_called_well(archive: Archive) -> None:
    archive.clock.at = AT
    files = write(archive, "evidence", "2030")
    assert [one.word for one in files.report.sentences] == [
        "Nothing held",
        "Nothing",
        "Nothing was checked",
    ]
    told = {row["asks"]: row["verdict"] for row in table(files, "requirements")}
    assert told["Integrity is verified at fixed intervals"] == "nothing to judge"
    assert told["Processes and outcomes of verification are documented"] == "not met"


def test_page_json_csv_and_parquet_say_the_same(home: Archive) -> None:
    files = write(home, "holdings", "2030-12")
    folder = files.html.parent
    for name, rows in files.report.tables.named():
        if name == "requirements":
            assert not (folder / "requirements.csv").exists()
            continue
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            assert len(list(csv.DictReader(file))) == len(rows)
        assert pq.read_table(folder / f"{name}.parquet").num_rows == len(rows)


def test_an_overdue_check_is_a_number_with_names(home: Archive) -> None:
    home.clock.at = datetime(2031, 6, 1, tzinfo=UTC)
    files = write(home, "evidence", "2030")
    assert files.report.numbers["overdue"] == 9
    assert len(table(files, "overdue")) == 9
    assert "9 with an overdue check" in files.report.sentences[0].text


def test_a_check_of_a_day_that_has_not_come_is_no_evidence(home: Archive) -> None:
    home.clock.at = datetime(2030, 11, 20, tzinfo=UTC)  # the last audit was in December
    files = write(home, "evidence", "2030")
    numbers = files.report.numbers
    assert (numbers["replicas"], numbers["ahead"], numbers["fresh"]) == (9, 9, 0)
    assert "with a check dated later than now" in files.report.sentences[0].text
    last = files.report.sentences[2]
    assert (last.mood, last.word) == ("bad", "9 of 9")
    assert last.text.startswith("The last check of 9 is dated later than now")


@pytest.mark.parametrize("name", ["2031-02", "2099", "1969", "2030-13", "../x", "2030-1"])
def test_a_period_that_is_none_is_refused(home: Archive, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        write(home, "holdings", name)
    assert caught.value.code == "RPT-PERIOD"


def test_what_policies_want_is_due_once_the_period_is_over_and_something_was_held(
    ground: Path,
) -> None:
    archive = Archive(ground, {"reports": {"holdings": "monthly", "evidence": "yearly"}})
    archive.clock.at = AT
    archive.ingest(archive.put("one", {"a.txt": b"1"}))
    with archive.opened() as (parts, policy):
        parts.drain()
        assert list(periods_due(parts, policy)) == []  # nothing was held in October
        archive.clock.at = datetime(2031, 1, 1, 5, 30, tzinfo=UTC)
        assert last_periods(archive.clock.at) == ("2030-12", "2030")
        due = list(periods_due(parts, policy))
        assert due == [("holdings", "2030-12"), ("evidence", "2030")]
        for kind, name in due:
            write_period_report(parts, policy, kind, name)
        assert list(periods_due(parts, policy)) == []
