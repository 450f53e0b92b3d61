"""Advice about policy files that only a home can give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from homes import Archive

from preservation.app import advising
from preservation.app.advising import advise
from preservation.app.policies import read_policies


def _advice(archive: Archive, rules: dict[str, Any]) -> list[str]:
    archive.write_policies(rules)
    return advise(archive.home, read_policies(archive.policies).require())


def test_a_budget_too_small_for_what_is_held_is_told_exactly(archive: Archive) -> None:
    archive.ingest(archive.put("one", {"a.txt": bytes(90_000)}))
    small = {"audit": {"budget": "1 KiB"}, "intake": {"limits": {"size": "1 KiB"}}}

    (told,) = _advice(archive, small)

    assert "does not suffice for the 87.9 KiB held" in told
    assert "checks get as old as" in told


def test_deposits_that_cannot_be_moved_to_another_file_system_are_told_before_it_is_tried(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = archive.home.parent / "elsewhere"
    there = advising._file_system
    monkeypatch.setattr(
        advising,
        "_file_system",
        lambda path: (0, "elsewhere") if path == elsewhere else there(path),
    )

    assert _advice(archive, {"intake": {"release": {"mode": "move", "to": "released"}}}) == []
    (told,) = _advice(archive, {"intake": {"release": {"mode": "move", "to": str(elsewhere)}}})
    assert "another file system" in told
    assert _advice(archive, {"intake": {"release": {"mode": "delete"}}}) == []


def test_without_a_home_the_files_alone_are_looked_at(archive: Archive, tmp_path: Path) -> None:
    archive.write_policies({})

    assert advise(tmp_path / "nowhere", read_policies(archive.policies).require()) == []
