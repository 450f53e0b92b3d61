"""``preserve ingest --replicate``: everything that is promised of a deposit, in one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from preservation.cli.main import call

ROOT = Path(__file__).resolve().parents[3]


def test_with_replicate_all_that_is_promised_is_there_and_nothing_is_made_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home"), "--policies", str(ROOT / "policies")]
    assert call([*home, "init"]) == 0
    deposit = tmp_path / "home/inbox/field-notes/survey"
    deposit.mkdir()
    (deposit / "note.txt").write_text("May")
    refused = tmp_path / "home/inbox/field-notes/refused"
    refused.mkdir()
    (refused / "link").symlink_to("/etc")
    capsys.readouterr()

    words = ["ingest", "--inbox", "--community", "field-notes", "--replicate", "--json"]
    assert call([*home, *words]) == 3
    told = json.loads(capsys.readouterr().out)
    outcomes = {one["deposit"]: one["outcome"] for one in told["deposits"]}
    assert outcomes == {"survey": "accepted", "refused": "rejected"}
    [replica] = told["replicas"]
    assert (replica["tier"], replica["state"], replica["source"]) == ("mirror", "verified", "vault")

    assert call([*home, *words[:2], "--replicate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["replicas"] == []
    assert call([*home, *words[:2], "--replicate"]) == 0
    assert "`preserve replicate` makes" in capsys.readouterr().out
    assert call([*home, "replicate"]) == 0
    assert "nothing was due" in capsys.readouterr().out
