"""Where a policy wants it, a repair waits for a named person's answer in Airflow."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from running import question

from preservation.cli.demo_engines import InAirflow
from preservation.supervise.control import Running
from preservation.supervise.environment import User
from preservation.supervise.rest import AirflowApi, TaskInstance

if TYPE_CHECKING:
    from running import Archive


pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def test_a_repair_waits_for_its_approver_and_says_who_approved(
    archive: Archive, tmp_path: Path
) -> None:
    deposit = archive.home / "inbox" / "guarded" / "field book"
    deposit.mkdir(parents=True)
    (deposit / "page 1.txt").write_text("the only page\n" * 50, "utf-8")
    users = tuple(User(name, "", word) for name, word in archive.passwords.items())
    lines: list[str] = []
    engine = InAirflow(Running(archive.url, users), lines.append)
    engine.ingest(["guarded"])
    engine.replicate(["guarded"])
    damaged = next((archive.home / "tiers/mirror/guarded").rglob("page 1.txt"))
    sound = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(b"X" + sound[1:])
    engine.audit(["guarded"])
    admin, archivist = archive.api("admin"), archive.api("archivist")
    asked = _question(admin)
    assert asked.task == "approve"
    assert damaged.read_bytes() != sound
    archivist.answer(asked, ["Approve"], {"reason": "I looked at the page"})
    engine.repair(["guarded"])
    assert damaged.read_bytes() == sound
    findings = archive.preserve("finding", "list", "--all", "--community", "guarded", "--json")
    finding = max(json.loads(findings.stdout)["findings"], key=lambda one: str(one["opened_at"]))
    assert finding["state"] == "resolved"
    approved = finding["detail"]["repair"]["approved_by"]
    assert approved.startswith("archivist: I looked at the page")


def _question(api: AirflowApi) -> TaskInstance:
    """What the run that a finding woke asks."""
    for _ in range(120):
        for run in api.runs("repair__guarded"):
            if run["state"] in ("queued", "running"):
                return question(api, "repair__guarded", run["dag_run_id"])
        time.sleep(1)
    pytest.fail("no run was woken")
