"""Words that mean nothing are refused in one sentence, before anything is done."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from homes import Archive

from preservation.cli.main import call


@pytest.mark.parametrize(
    "words",
    [
        ["bag", "create", "", "made"],
        ["bag", "validate", ""],
        ["aip", "list", "--community", ""],
        ["finding", "list", "-c", ""],
        ["finding", "accept", "", "--reason", "known"],
        ["audit", "--format="],
    ],
)
def test_an_empty_word_is_neither_everything_nor_the_folder_that_one_is_in(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(words) == 2
    assert "SAM-EMPTY" in capsys.readouterr().err
    assert call([*words, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "SAM-EMPTY"
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["audit", "--sample", "many"], "--sample"),
        (["audit", "--sample", "0"], "--sample"),
        (["audit", "--sample", "9" * 30], "--sample"),
        (["audit", "--all", "--rate", "0B"], "--rate"),
        (["audit", "--all", "--budget", "0B"], "--budget"),
        (["replicate", "--budget", "0 MB"], "--budget"),
        (["hold", "add", "00", "--reason", "a court asks", "--version", "0"], "--version"),
        (["finding", "list", "-c", "\udcff\udcfe"], "--community"),
        (["bag", "create", "--no-such-option"], "--no-such-option"),
    ],
)
def test_a_wrong_value_is_told_by_its_option_to_programs_too(
    archive: Archive, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["--home", str(archive.home), *words, "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert sentence in answer["error"]["message"], answer
    assert answer["exit"] == 2


def test_what_is_no_file_is_not_replaced_by_one(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    (link := tmp_path / "stdout").symlink_to("fifo")
    for place in (fifo, link, tmp_path / "nowhere" / "held.csv", tmp_path):
        for words in (["formats", "list", "--csv"], ["policy", "plan", "--html"]):
            assert call(["--home", str(archive.home), *words, str(place)]) == 2
            assert "error [FILE-NOT-WRITTEN]" in capsys.readouterr().err
    assert call(["--home", str(archive.home), "report", "--out", str(fifo)]) == 2
    assert "error [FILE-NOT-WRITTEN]" in capsys.readouterr().err
    assert fifo.is_fifo()
    assert link.is_symlink()


@pytest.mark.parametrize("before", [["bag", "create", "source"], ["survey", "source", "--html"]])
def test_a_name_that_no_folder_can_hold_is_told_before_anything_is_read(
    before: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").mkdir(mode=0)  # it is not looked at
    assert call([*before, "x" * 300]) == 2
    assert "error [SAM-NAME-TOO-LONG]" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["source"]
