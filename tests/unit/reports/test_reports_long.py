"""Tables that are too long to be kept: counted whole, written whole, drawn as far as pages go."""

from __future__ import annotations

import csv
import dataclasses
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from report_samples import NOW, SINCE, Archive

from preservation.model.outcome import Outcome
from preservation.reports import sink
from preservation.reports.build import ReportFiles, build

CLOCK = SimpleNamespace(now=lambda: NOW)
LONG = ("versions", "replicas", "checks", "findings", "deposits")


def archive() -> Archive:
    made = Archive(tuple(f"deposit {number * 7919 % 1000}" for number in range(120)))
    made.healed()
    made.rejected()
    for place in (-1, -7, -30):
        made.check(made.replicas_[place], Outcome.ALTERED)
    for number in range(120):
        made.found(number, files=30)
    return made


def write(out: Path) -> ReportFiles:
    return build(archive().sources(), out, clock=CLOCK, run="run-1", since=SINCE, agent="a test")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReportFiles, ReportFiles]:
    """The same report with its tables whole, and cut."""
    folder = tmp_path_factory.mktemp("reports")
    whole = write(folder / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sink, "MOST_ROWS", 50)
        return whole, write(folder / "cut")


def test_numbers_and_sentences_are_those_of_all_rows(
    pair: tuple[ReportFiles, ReportFiles],
) -> None:
    whole, cut = (json.loads(files.json.read_bytes()) for files in pair)
    assert cut["numbers"] == whole["numbers"]
    assert cut["sentences"] == whole["sentences"]
    assert cut["totals"] == whole["totals"]
    for name in ("promises", "tasks", "tiers", "ages", "formats"):
        assert cut["tables"][name] == whole["tables"][name], name


def test_the_document_keeps_the_first_rows_and_says_how_many_there_are(
    pair: tuple[ReportFiles, ReportFiles],
) -> None:
    whole, cut = (json.loads(files.json.read_bytes()) for files in pair)
    for name in LONG:
        assert cut["totals"][name] == len(whole["tables"][name]) > 50
        assert cut["tables"][name] == whole["tables"][name][:50], name
    page = pair[1].html.read_text("utf-8")
    assert "The first 50 of 360 rows are drawn" in page


def test_the_data_files_have_every_row(pair: tuple[ReportFiles, ReportFiles]) -> None:
    whole, cut = (files.html.parent for files in pair)
    for name in LONG:
        rows = pq.read_table(whole / f"{name}.parquet")
        keys = [(key, "ascending") for key in rows.column_names if key != "lacks"][:4]
        assert pq.read_table(cut / f"{name}.parquet").num_rows == rows.num_rows
        first = [key for key, _ in keys]
        assert sorted(map(str, rows.select(first).to_pylist())) == sorted(
            map(str, pq.read_table(cut / f"{name}.parquet").select(first).to_pylist())
        )
        with (cut / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            assert len(list(csv.reader(file))) == rows.num_rows + 1
        assert pq.read_schema(cut / f"{name}.parquet").metadata[b"community"] == b"silk-road"
    assert not list(cut.glob(".half-*"))


def test_a_report_that_failed_leaves_the_former_files_and_no_half_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "MOST_ROWS", 50)
    folder = write(tmp_path).html.parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    broken = archive()
    broken.each_finding = None  # type: ignore[method-assign, assignment]
    with pytest.raises(TypeError):
        build(broken.sources(), tmp_path, clock=CLOCK, run="run-1", since=SINCE, agent="a test")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_every_open_finding_has_a_task_but_of_one_kind_not_thousands(
    pair: tuple[ReportFiles, ReportFiles],
) -> None:
    tasks = [one for one in pair[0].report.tables.tasks if "finding" in one.task]
    assert len(tasks) == 101
    assert {one.task for one in tasks[:-1]} == {"Answer finding FIX-ALTERED (error)"}
    newest, *_, last = tasks
    assert newest.by == NOW - timedelta(minutes=1)
    assert last.task == "Answer 20 more findings FIX-ALTERED (error)"
    assert (last.by, len(last.subjects)) == (NOW - timedelta(minutes=120), 20)


def test_a_page_names_the_first_files_of_a_finding_and_the_data_files_all(
    pair: tuple[ReportFiles, ReportFiles],
) -> None:
    page = pair[0].html.read_text("utf-8")
    assert page.count("<li>and 10 more files</li>") == 120
    rows = pq.read_table(pair[1].html.with_name("findings.parquet")).to_pylist()
    assert {len(row["files"]) for row in rows if row["state"] == "open"} == {30}
    assert {len(row["actions"]) for row in rows if row["state"] == "open"} == {1}


def test_what_one_task_is_about_is_named_as_far_as_people_read(tmp_path: Path) -> None:
    late = archive()
    late.replicas_ = [row for row in late.replicas_ if row.tier != "deep"]
    late.versions_ = [
        dataclasses.replace(row, ingested_at=NOW - timedelta(days=9)) for row in late.versions_
    ]
    files = build(late.sources(), tmp_path, clock=CLOCK, run="r", since=SINCE, agent="a test")
    task = next(one for one in files.report.tables.tasks if "deep" in one.task)
    assert task.task == "Write 120 replicas to deep"
    assert len(task.subjects) == 101
    assert task.subjects[-1] == "and 20 more"
