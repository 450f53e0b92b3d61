"""A name that is mistyped, or that has a pipe, is told so: neither all is well, nor a long wait."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from homes import Archive

from preservation.cli.main import call


@pytest.mark.parametrize(
    "words",
    [
        ["finding", "list"],
        ["hold", "list"],
        ["identifier", "list"],
        ["aip", "list"],
        ["retention", "list"],
    ],
)
def test_a_community_that_is_nowhere_has_no_clean_record(
    archive: Archive, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    home = ["--home", str(archive.home), "--policies", str(archive.policies)]
    assert call([*home, *words, "--community", "note"]) == 2
    assert "POL-NOT-IN-FORCE" in capsys.readouterr().err
    assert call([*home, *words, "--community", "notes"]) == 0


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """A pipe that nobody writes into: whoever opens it as a file is woken up after a while."""
    os.mkfifo(tmp_path / "pipe")
    before = signal.signal(signal.SIGALRM, _woken)
    signal.alarm(120)  # nothing is measured by it
    yield tmp_path / "pipe"
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _woken(*_: object) -> None:
    raise AssertionError("it waited for a pipe")


def test_no_option_waits_for_a_pipe(
    archive: Archive, pipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(archive.home), "--policies", str(archive.policies)]
    (tmp_path / "source").mkdir()
    source, made = str(tmp_path / "source"), str(tmp_path / "made")
    for words in (
        ["bag", "validate", source, "--profile", str(pipe)],
        ["bag", "create", source, made, "--profile", str(pipe)],
        [*home, "policy", "apply", "--reason", "agreed", "--plan", str(pipe)],
        [*home, "policy", "simulate", "notes", "--rates", str(pipe)],
        [*home, "policy", "check", str(pipe)],
    ):
        assert call(words) == 2, words
        assert "it is a pipe or a device, no file" in capsys.readouterr().err, words
