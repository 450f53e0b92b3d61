"""Whoever starts us without an output, or in a folder that is gone, gets no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from preservation.cli import main

_SCRIPT = """
import os, stat, sys
from preservation.cli import standard_files
standard_files.stand_in()
print("out"); print("err", file=sys.stderr); sys.stdout.flush(); sys.stdin.read()
led = [os.fstat(number) for number in (0, 1, 2)]
assert all(stat.S_ISCHR(one.st_mode) for one in led), led
assert open(sys.argv[1], "w").fileno() > 2
"""


def test_no_file_that_is_opened_becomes_the_output(tmp_path: Path) -> None:
    closed = ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', sys.executable, "-c", _SCRIPT]
    assert subprocess.run([*closed, str(tmp_path / "replica")], check=False).returncode == 0


def test_a_command_ends_as_ever_where_nobody_hears_its_answer() -> None:
    run = "from preservation.cli.main import run; run()"
    closed = ["sh", "-c", 'exec "$0" "$@" >&-', sys.executable, "-c", run, "policy", "schema"]
    ended = subprocess.run(closed, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_who_is_nowhere_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr("preservation.cli.main._front", lambda _: str(Path.cwd()))
    assert main.call(["ingest"]) == 2
    assert "[SAM-NOWHERE]" in capsys.readouterr().err
