"""Where a tier has lost everything, automatic repair waits until a person answers in Airflow."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from running import question

if TYPE_CHECKING:
    from running import Archive

    from preservation.supervise.rest import AirflowApi, TaskInstance

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def test_repair_after_mass_loss_waits_for_an_answer_and_then_heals(archive: Archive) -> None:
    inbox = archive.home / "inbox" / "careful"
    for number in range(3):
        (inbox / f"note {number}").mkdir(parents=True)
        (inbox / f"note {number}" / "note.txt").write_text(f"note {number}\n", "utf-8")
        taken = archive.preserve("ingest", str(inbox / f"note {number}"), "--community", "careful")
        assert taken.returncode == 0, taken.stderr
    assert archive.preserve("replicate", "--community", "careful").returncode == 0
    mirror = archive.home / "tiers/mirror/careful"
    mirror.rename(archive.home / "lost")
    audit = archive.preserve("audit", "--community", "careful", "--tier", "mirror", "--all")
    assert audit.returncode == 4, audit.stdout + audit.stderr
    admin, archivist = archive.api("admin"), archive.api("archivist")
    for kind in ("brake", "repair"):
        admin.wait_for_dag(f"{kind}__careful")
        admin.call("PATCH", f"/dags/{kind}__careful", {"is_paused": False})

    repair = admin.trigger("repair__careful")
    asked = _question(admin)

    assert asked.task == "ask"
    assert admin.wait("repair__careful", repair) == "success"  # nothing else waits
    assert not list(mirror.rglob("note.txt"))
    archivist.answer(asked, ["Approve"], {"reason": "the disk is really gone"})
    assert admin.wait("brake__careful", asked.run) == "success"
    assert admin.wait("repair__careful", admin.trigger("repair__careful")) == "success"
    assert len(list(mirror.rglob("note.txt"))) == 3
    written = [file.read_text("utf-8") for file in (archive.home / "journal").rglob("*.jsonl")]
    events = [json.loads(line) for text in written for line in text.splitlines()]
    ours = [one for one in events if one["community"] == "careful"]
    [accepted] = [one for one in ours if one["type"] == "finding accepted"]
    assert accepted["agent"] == accepted["detail"]["by"] == "archivist"
    assert accepted["detail"]["reason"] == "the disk is really gone"


def _question(api: AirflowApi) -> TaskInstance:
    """What the run that the repair woke asks."""
    for _ in range(240):
        for run in api.runs("brake__careful"):
            if run["state"] in ("queued", "running"):
                return question(api, "brake__careful", run["dag_run_id"])
        time.sleep(1)
    pytest.fail("no run was woken")
