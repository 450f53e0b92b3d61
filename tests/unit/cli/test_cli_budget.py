"""``--budget`` and ``--all`` of ``replicate`` and ``repair``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from preservation.cli.main import call
from preservation.model.allowance import Allowance

ROOT = Path(__file__).resolve().parents[3]


def test_a_budget_leaves_the_rest_for_the_next_run_and_all_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home"), "--policies", str(ROOT / "policies")]
    assert call([*home, "init"]) == 0
    for number in range(3):
        deposit = tmp_path / f"deposit {number}"
        deposit.mkdir()
        (deposit / "note.txt").write_text(f"{number}" * 1024)
        assert call([*home, "ingest", str(deposit), "--community", "field-notes"]) == 0
    capsys.readouterr()

    assert call([*home, "replicate", "--all", "--budget", "2500 B"]) == 0
    assert "1 AIP version left for another run" in capsys.readouterr().out
    assert call([*home, "replicate", "--all", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["replicas"]) == 1

    for note in (tmp_path / "home/tiers/mirror").rglob("note.txt"):
        note.chmod(0o644)
        note.write_text("x" * 1024)
    assert call([*home, "audit", "--all", "--tier", "mirror"]) == 4
    capsys.readouterr()
    words = [*home, "repair", "--all", "--budget", "1500 B", "--json"]
    call(words)
    told = json.loads(capsys.readouterr().out)
    assert (len(told["repairs"]), told["left"]) == (1, 2)


def test_what_is_larger_than_the_whole_allowance_is_taken_once_and_nothing_after_it() -> None:
    allowed = Allowance(10)
    assert [allowed.takes(octets) for octets in (4, 7, 11, 1)] == [True, False, True, False]
    assert allowed.refused == 2
    assert all(Allowance().takes(octets) for octets in (0, 1 << 60))


def test_what_is_only_read_back_takes_no_room_from_what_is_written() -> None:
    allowed = Allowance(10)
    assert [allowed.takes_both(*one) for one in ((9, 0), (0, 8), (0, 3), (2, 0), (1, 2))] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert allowed.refused == 2
    assert Allowance().takes_both(1 << 60, 1 << 60)
