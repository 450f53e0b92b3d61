"""Lists of AIPs are told row by row: there may be millions."""

from __future__ import annotations

import json

import pytest
from homes import Archive

from preservation.catalogue.sql import SqlCatalogue
from preservation.cli import aip_commands
from preservation.cli.main import call


def test_people_see_the_first_aips_and_programs_all(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "second", "third"):
        archive.ingest(archive.put(name, {"a.txt": name.encode()}))
    monkeypatch.setattr(aip_commands, "MOST_SHOWN", 2)
    home = ["--home", str(archive.home), "--policies", str(archive.policies)]
    capsys.readouterr()
    assert call([*home, "aip", "list"]) == 0
    told = capsys.readouterr().out
    assert sum(name in told for name in ("first", "second", "third")) == 2
    assert "and more: --json has all" in told
    assert call([*home, "aip", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["aips"]) == 3


def test_one_aip_is_found_without_a_look_at_all(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = archive.ingest(archive.put("first", {"a.txt": b"a"}))
    versions = SqlCatalogue.versions

    def narrowed(self: SqlCatalogue, community: str | None = None, aip: str | None = None):
        assert community or aip, "it reads the whole catalogue"
        return versions(self, community, aip)

    monkeypatch.setattr(SqlCatalogue, "versions", narrowed)
    home = ["--home", str(archive.home), "--policies", str(archive.policies)]
    for words in (["aip", "show", made.aip[:8]], ["audit", "--aip", made.aip[:8]]):
        assert call([*home, *words]) == 0
        assert made.aip in capsys.readouterr().out
