"""``preserve formats`` through the real command, over a home with the guesser of formats."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from homes import Guesser

from preservation.cli.main import call
from preservation.model.identification import Basis, Identification, Toolchain

ROOT = Path(__file__).resolve().parents[3]
OLD = Identification("x-fmt/8", "dBASE <b>", "II", basis=Basis.SIGNATURE)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
    monkeypatch.setattr(Guesser, "_known", {**Guesser._known, b"dbf": OLD})
    home = tmp_path / "home"
    assert preserve(home, "init") == 0
    deposit = home / "inbox/field-notes/one"
    deposit.mkdir()
    for name in ("a.txt", "b.txt", "c.dat", "d.dbf"):
        (deposit / name).write_text(name)
    assert preserve(home, "ingest", "--inbox") == 0
    return home


def preserve(home: Path, *words: str) -> int:
    return call(["--home", str(home), "--policies", str(ROOT / "policies"), *words])


def answered(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_holdings_are_counted_listed_and_drawn(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    table, chart = tmp_path / "held.csv", tmp_path / "held.svg"
    words = ("--csv", str(table), "--chart", str(chart), "--json")
    assert preserve(home, "formats", "list", *words) == 0
    rows = answered(capsys)["rows"]
    counts = {row["id"]: (row["files"], row["risk"]) for row in rows}
    assert counts == {"x-fmt/111": (2, "low"), "": (1, "unknown"), "x-fmt/8": (1, "high")}
    with table.open(encoding="utf-8", newline="") as file:
        assert [row["files"] for row in csv.DictReader(file)] == ["2", "1", "1"]
    drawn = ET.fromstring(chart.read_text("utf-8"))
    texts = "".join(drawn.itertext())
    assert "2 · 10 B · low risk" in texts
    assert "dBASE <b> x-fmt/8" in texts
    assert preserve(home, "formats", "list", "--by", "year", "--json") == 0
    (row,) = answered(capsys)["rows"]
    assert (row["files"], row["aip_versions"]) == (4, 1)


def test_who_holds_a_format_and_what_needs_a_look(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert preserve(home, "formats", "find", "--format", "group:database", "--json") == 0
    (row,) = answered(capsys)["rows"]
    assert (row["community"], row["version"], row["files"]) == ("field-notes", 1, 1)
    assert preserve(home, "formats", "attention", "--json") == 4
    told = {row["path"]: row["kinds"] for row in answered(capsys)["rows"]}
    assert told == {"data/c.dat": ["unknown"], "data/d.dbf": ["risk"]}
    assert preserve(home, "formats", "attention", "--kind", "invalid") == 0
    assert preserve(home, "formats", "attention", "--kind", "odd") == 2


def test_a_word_that_names_no_format_is_no_answer_about_what_is_held(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preserve(home, "formats", "find", "--format", "pdf") == 2
    assert "for example group:pdf" in capsys.readouterr().err
    assert preserve(home, "formats", "list", "--year", "1999") == 0
    assert "nothing that is held came in 1999" in capsys.readouterr().out


def test_a_review_after_an_update_of_the_signatures(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preserve(home, "formats", "review") == 0
    monkeypatch.setattr(Guesser, "toolchain", Toolchain("1", "newer", ""))
    known = {**Guesser._known, b"dat": OLD, b"dbf": Identification("x-fmt/9", "dBASE")}
    monkeypatch.setattr(Guesser, "_known", known)
    capsys.readouterr()
    assert preserve(home, "formats", "review", "--plan", "--json") == 0
    assert [row["files"] for row in answered(capsys)["planned"]] == [4]
    assert preserve(home, "formats", "review", "--json") == 4
    (reviewed,) = answered(capsys)["reviewed"]
    assert (reviewed["looked_at"], reviewed["changed"]) == (4, 2)
    assert [finding["code"] for finding in reviewed["findings"]] == ["FMT-CHANGED"]
    assert preserve(home, "formats", "review") == 0
    assert preserve(home, "finding", "list") == 4
