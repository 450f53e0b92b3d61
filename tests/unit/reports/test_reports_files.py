"""The written report: page, JSON and Parquet say the same, and survive what deposits contain."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
from report_samples import HOSTILE, NOW, SINCE, TITLES, Archive

from preservation.model.canonical import canonical
from preservation.reports.build import ReportFiles, build, folder_name

CLOCK = SimpleNamespace(now=lambda: NOW)


def write(archive: Archive, out: Path, run: str = "run-1") -> ReportFiles:
    return build(archive.sources(), out, clock=CLOCK, run=run, since=SINCE, agent="samarkand")


class Elements(HTMLParser):
    """Start tags with their attributes, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_json_document_is_canonical_and_the_same_for_the_same_rows(tmp_path: Path) -> None:
    first = write(Archive(), tmp_path / "a").json.read_bytes()
    second = write(Archive(), tmp_path / "b").json.read_bytes()
    assert first == second
    assert canonical(json.loads(first)) + b"\n" == first
    assert json.loads(first)["schema"] == "samarkand.report/1"


def test_each_table_of_the_document_is_a_parquet_file_with_the_same_rows(tmp_path: Path) -> None:
    archive = Archive()
    archive.healed()
    files = write(archive, tmp_path)
    tables = json.loads(files.json.read_bytes())["tables"]
    assert {path.stem for path in files.parquet} == set(tables)
    for path in files.parquet:
        rows = pq.read_table(path)
        assert rows.num_rows == len(tables[path.stem])
        if tables[path.stem]:
            assert sorted(rows.column_names) == list(tables[path.stem][0])
    finding = pq.read_table(tmp_path / files.html.parent / "findings.parquet").to_pylist()[0]
    assert finding["files"][0]["ranges"][0]["offset"] == 4096
    checks = pq.read_schema(files.html.parent / "checks.parquet")
    assert str(checks.field("at").type) == "timestamp[us, tz=UTC]"
    assert checks.metadata[b"community"] == b"silk-road"


def test_hostile_names_stay_text_wherever_they_come_in(tmp_path: Path) -> None:
    archive = Archive(titles=(HOSTILE, HOSTILE + "2"))
    archive.healed(path=HOSTILE)
    archive.rejected(HOSTILE)
    archive.domains["vault"] = HOSTILE
    page = write(archive, tmp_path, run=HOSTILE).html.read_text(encoding="utf-8")
    tags = Elements(page).tags
    assert [tag for tag, _ in tags].count("script") == 1
    assert not [tag for tag, _ in tags if tag in {"img", "iframe", "object", "link", "base"}]
    assert not [name for _, attrs in tags for name in attrs if name.startswith("on")]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", page)
    assert html.escape("</script><script>alert(1)</script>\\u202egnp.exe\\x1b[31m") in page


def test_the_page_names_no_address_outside_itself(tmp_path: Path) -> None:
    archive = Archive()
    archive.healed()
    files = write(archive, tmp_path)
    for page in (files.html, files.index):
        text = page.read_text(encoding="utf-8")
        assert "://" not in text
        for tag, attrs in Elements(text).tags:
            assert "src" not in attrs, tag
            target = attrs.get("href") or "#"
            assert target.startswith("#") or (page.parent / target).is_file(), target


def test_every_anchor_leads_somewhere_even_from_an_empty_archive(tmp_path: Path) -> None:
    for archive in (Archive(), Archive(titles=())):
        text = write(archive, tmp_path).html.read_text(encoding="utf-8")
        tags = Elements(text).tags
        known = [attrs["id"] for _, attrs in tags if "id" in attrs]
        assert len(known) == len(set(known))
        wanted = {str(a["href"])[1:] for _, a in tags if str(a.get("href", "")).startswith("#")}
        assert wanted <= set(known)


def test_titles_in_three_scripts_are_shown_as_they_are(tmp_path: Path) -> None:
    text = write(Archive(), tmp_path).html.read_text(encoding="utf-8")
    for title in (*TITLES, '<bdi lang="zh">丝绸之路</bdi>', '<bdi lang="uz">Ipak yoʻli</bdi>'):
        assert title in text


def test_the_same_run_written_again_takes_its_own_place(tmp_path: Path) -> None:
    first = write(Archive(), tmp_path)
    second = write(Archive(titles=TITLES[:2]), tmp_path)
    assert first.html == second.html
    assert len(list(tmp_path.glob("silk-road/*"))) == 1
    assert json.loads(second.json.read_bytes())["numbers"]["versions"] == 2


def test_run_names_never_leave_the_folder_and_never_fall_together() -> None:
    names = {folder_name(run, NOW) for run in ("../../etc", "a:b", "a/b", "", "丝绸", "x" * 500)}
    assert len(names) == 6
    assert all(re.fullmatch(r"2026-11-22-[A-Za-z0-9-]{8,80}", name) for name in names)


def test_the_index_lists_whole_reports_only(tmp_path: Path) -> None:
    write(Archive(), tmp_path, "one")
    half = tmp_path / "silk-road" / "2026-11-21-half"
    half.mkdir()
    (half / "report.html").write_text("half")
    (tmp_path / "silk-road" / "2026-11-20-odd").mkdir()
    (tmp_path / "silk-road" / "2026-11-20-odd" / "report.json").write_text('{"schema": 1')
    index = write(Archive(checked=False), tmp_path, "two").index.read_text(encoding="utf-8")
    assert index.count("report.html") == 2
    assert "Not shown" in index
    assert "half" not in index


def test_the_index_reads_each_document_once_and_notices_one_that_changed(tmp_path: Path) -> None:
    first, second = write(Archive(), tmp_path, "one"), write(Archive(), tmp_path, "two")
    known = json.loads((tmp_path / "index.json").read_bytes())
    for entry in known["reports"].values():
        entry["entry"]["title"] = "kept from before"
    (tmp_path / "index.json").write_bytes(json.dumps(known).encode())
    write(Archive(), tmp_path, "two")
    index = second.index.read_text(encoding="utf-8")
    assert index.count("kept from before") == 2  # the title, and what it sorts by, of "one"
    (tmp_path / "index.json").write_text("[")
    shutil.rmtree(first.html.parent)
    write(Archive(), tmp_path, "two")
    assert "kept from before" not in second.index.read_text(encoding="utf-8")


def test_no_cell_becomes_a_formula_whatever_separates_cells_there(tmp_path: Path) -> None:
    evil = ("=1+1", "+1", "-1", "@SUM(A1)", "x;=1+1", "x; @y", "＝1+1")
    archive = Archive(titles=evil)
    archive.healed(path='a;=HYPERLINK("x")')
    folder = write(archive, tmp_path).html.parent
    with (folder / "versions.csv").open(encoding="utf-8", newline="") as file:
        titles = sorted(row["title"] for row in csv.DictReader(file))
    shown = ("'=1+1", "'+1", "'-1", "'@SUM(A1)", "x;'=1+1", "x;' @y", "'＝1+1")
    assert titles == sorted(shown)
    for text in (path.read_text("utf-8") for path in folder.glob("*.csv")):
        assert not re.search(r"(^|[;,\n])\"?\s*[=@＝]", text)
    with (folder / "findings.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert json.loads(row["files"])[0]["path"] == 'a;=HYPERLINK("x")'


def test_a_page_draws_a_thousand_rows_and_the_document_has_them_all(tmp_path: Path) -> None:
    files = write(Archive(tuple(f"deposit {n}" for n in range(400)), checked=False), tmp_path)
    page = files.html.read_text("utf-8")
    assert "The first 1,000 of 1,200 rows are drawn" in page
    assert page.count("<tr>") < 2000
    assert len(json.loads(files.json.read_bytes())["tables"]["replicas"]) == 1200
