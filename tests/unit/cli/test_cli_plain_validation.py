"""Bags are made and validated without Typer for plain words, and as with Typer for all others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from preservation.bags.create import BagPlan, create
from preservation.cli import bag_validating
from preservation.cli.main import call
from preservation.fixity.engine import EngineSettings
from preservation.model.progress import Silence


@pytest.fixture
def bags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good bag, a bad one, one with a warning, and a strange name."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_text("x")
    for name in ("good", "bad", "warned", "a name\nof two lines"):
        create(source, tmp_path / name, BagPlan(), settings=EngineSettings(), progress=Silence())
    (tmp_path / "bad" / "data" / "f").write_text("y")
    (tmp_path / "warned" / "extra.txt").write_text("not in the tag manifest")


@pytest.mark.parametrize(
    "path", ["good", "bad", "warned", "a name\nof two lines", "a NUL \0", "absent", ""]
)
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--strict"],
        ["--json"],
        ["--json", "--strict", "--strict"],
        ["--oxum-only"],
        ["--completeness-only"],
        ["--completeness-only", "--oxum-only"],
    ],
)
def test_plain_words_are_understood_as_typer_does(
    path: str, options: list[str], bags: None, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = call(["bag", "validate", path, *options]), capsys.readouterr()
    before = call(["bag", "validate", *options, path]), capsys.readouterr()
    typers = call(["--home", "nowhere", "bag", "validate", path, *options]), capsys.readouterr()
    assert plain == before == typers


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("source", ["source", "absent", "with a pipe", "", "a NUL \0"])
def test_a_bag_is_made_as_typer_understands_it(
    source: str, options: list[str], bags: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("with a pipe").mkdir()
    os.mkfifo("with a pipe/fifo")
    said = []
    for words in (
        ["bag", "create", source, "made", *options],
        ["bag", "create", *options, source, "made"],
        ["--home", "nowhere", "bag", "create", source, "made", *options],
    ):
        said.append((call(words), capsys.readouterr(), Path("made").is_dir()))
        shutil.rmtree("made", ignore_errors=True)
    assert said == [said[0]] * 3


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (["validate", "good"], False),
        (["validate", "--json", "good"], False),
        (["validate", "good", "--lenient", "all"], True),
        (["validate", "good", "bad"], True),
        (["validate", "--", "good"], True),
        (["validate", "--help"], True),
        (["create", "source", "made"], False),
        (["create", "source", "made", "--json"], False),
        (["create", "source", "made", "--strict"], True),
        (["create", "source", "made", "--algorithm", "md5"], True),
        (["create", "source"], True),
        (["create"], True),
        ([], True),
    ],
)
def test_typer_is_imported_only_where_it_is_needed(
    words: list[str], needed: bool, bags: None
) -> None:
    script = (
        "import sys\n"
        "from preservation.cli.main import call\n"
        "call(['bag', *sys.argv[1:]])\n"
        "print('typer' in sys.modules)\n"
    )
    command = [sys.executable, "-c", script, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == str(needed)


def interrupted(*_paths: object, **_options: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize("before", [[], ["--home", "nowhere"]], ids=["plain", "typer"])
def test_who_stops_it_is_told_so_either_way(
    before: list[str],
    bags: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bag_validating, "validate", interrupted)
    assert call([*before, "bag", "validate", "good"]) == 5
    assert capsys.readouterr().err.startswith("stopped; ")


@pytest.mark.parametrize(("name", "code"), [("good", 5), ("bad", 3)])
def test_an_answer_that_cannot_be_written_is_told_without_a_traceback(
    name: str, code: int, bags: None
) -> None:
    script = "from preservation.cli.main import run; run()"
    command = [sys.executable, "-c", script, "bag", "validate", name]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    said = "the answer cannot be written: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (code, said)


@pytest.mark.parametrize("lack", [MemoryError(), RuntimeError("can't start new thread")])
def test_a_lack_of_memory_is_told_without_a_traceback(
    bags: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lack: Exception
) -> None:
    def enter(_words: list[str]) -> NoReturn:
        raise lack

    monkeypatch.setattr(bag_validating, "enter", enter)
    assert call(["bag", "validate", "good"]) == 5
    assert capsys.readouterr().err.startswith("error [SAM-OUT-OF-MEMORY]")
