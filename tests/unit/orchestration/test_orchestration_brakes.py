"""Where automatic repair stops, a person is asked in Airflow, and the answer lets it go on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from homes import Archive, only

from preservation.errors import UsageError
from preservation.orchestration import brakes
from preservation.orchestration.work import repair as work


@pytest.fixture
def archive(ground: Path) -> Archive:
    """Two AIPs, and a tier that lost both: it looks like one that is mounted empty."""
    archive = Archive(ground)
    for name in ("one", "two"):
        archive.ingest(archive.put(name, {"a.txt": name.encode()}))
    archive.replicate()
    shutil.rmtree(archive.tier("mirror") / "notes")
    archive.audit("mirror")
    return archive


def answer(choice: str = "Approve", by: str = "ann") -> dict[str, Any]:
    return {
        "chosen_options": [choice],
        "params_input": {"reason": "the disk burnt"},
        "responded_by_user": {"id": by, "name": by},
    }


def test_a_brake_is_asked_about_and_keeps_nothing_else_waiting(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        question = brakes.question(parts, "notes", "Notes")
        assert question is not None
        assert question["subject"] == "Automatic repair of Notes waits on mirror: may it go on?"
        assert "though the tier has its marker: 2 replicas should be" in question["body"]
        assert work.damage(parts, "notes", None) == []
        with pytest.raises(UsageError, match="nobody allowed") as refused:
            brakes.release(parts, "notes", None, question["findings"])
        assert refused.value.code == "REP-NOT-APPROVED"
        with pytest.raises(UsageError):
            brakes.release(parts, "notes", answer("Reject"), question["findings"])
        brakes.release(parts, "notes", answer(), ["another question's finding"])
        assert brakes.question(parts, "notes", "Notes") == question


def test_an_answer_accepts_the_finding_in_that_persons_name_and_repair_goes_on(
    archive: Archive,
) -> None:
    with archive.opened() as (parts, _):
        question = brakes.question(parts, "notes", "Notes")
        assert question is not None
        assert brakes.release(parts, "notes", answer(), question["findings"]) == "ann"
        accepted = only([row for row in parts.catalogue.findings() if row.state == "accepted"])
        assert accepted.id in question["findings"]
        assert (accepted.decided["by"], accepted.decided["reason"]) == ("ann", "the disk burnt")
        assert brakes.question(parts, "notes", "Notes") is None
        assert len(work.damage(parts, "notes", None)) == 2
    assert [one.state for one in archive.repair()] == ["repaired", "repaired"]


def test_no_run_is_given_more_repairs_than_airflow_can_map(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "MAX_SHARDS", 1)
    with archive.opened() as (parts, _):
        question = brakes.question(parts, "notes", "Notes")
        assert question is not None
        brakes.release(parts, "notes", answer(), question["findings"])
        (first,) = work.damage(parts, "notes", None)
        oldest = min(parts.repair.plan(parts.store.governing("notes")), key=lambda r: r.opened_at)
        assert first["finding"] == oldest.id
