"""``preserve inbox`` shows names as they are, and what it can where an inbox is away."""

from __future__ import annotations

import json

import pytest
from homes import Archive

from preservation.cli.main import call


def test_names_are_shown_as_they_are_and_an_inbox_that_is_away_is_told(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.ingest(archive.put("first [2026] deposit", {"a.txt": b"a"}))
    home = ["--home", str(archive.home), "--policies", str(archive.policies)]
    assert call([*home, "inbox"]) == 0
    assert "first [2026] deposit" in capsys.readouterr().out
    archive.inbox.rename(archive.inbox.with_name("away"))
    assert call([*home, "inbox", "--json"]) == 5
    answer = json.loads(capsys.readouterr().out)
    assert [one["deposit"] for one in answer["deposits"]] == ["first [2026] deposit"]
    assert [error["code"] for error in answer["errors"]] == ["DEP-NO-INBOX"]
