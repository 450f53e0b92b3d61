"""What was kept long enough is disposed of only after a named person's answer in Airflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from running import question

from preservation.cli.demo_engines import InAirflow
from preservation.supervise.control import Running
from preservation.supervise.environment import User

if TYPE_CHECKING:
    from running import Archive


pytestmark = [pytest.mark.airflow, pytest.mark.slow]
DAG = "retention__guarded"


def test_a_disposal_waits_for_its_approver_and_leaves_a_tombstone(archive: Archive) -> None:
    deposit = archive.home / "inbox" / "guarded" / "passing note"
    deposit.mkdir(parents=True)
    (deposit / "note.txt").write_text("only for a while\n", "utf-8")
    users = tuple(User(name, "", word) for name, word in archive.passwords.items())
    engine = InAirflow(Running(archive.url, users), [].append)
    engine.ingest(["guarded"])
    engine.replicate(["guarded"])
    kept = list((archive.home / "tiers").glob("*/guarded/**/note.txt"))
    assert len(kept) == 2
    admin, archivist = archive.api("admin"), archive.api("archivist")
    admin.call("PATCH", f"/dags/{DAG}", {"is_paused": False})

    run = admin.trigger(DAG)
    asked = question(admin, DAG, run)

    assert asked.task == "approve-1"
    assert all(path.exists() for path in kept)
    archivist.answer(asked, ["Approve"], {"reason": "kept long enough"})
    assert admin.wait(DAG, run) == "success"
    assert not any(path.exists() for path in kept)
    ran = {one.task: (one.map_index, one.state) for one in admin.task_instances(DAG, run)}
    assert ran["begin"] == ran["dispose"] == (-1, "success")
    assert ran["remove"] == (0, "success")
    listed = archive.preserve("aip", "list", "--community", "guarded", "--json")
    (gone,) = json.loads(listed.stdout)["disposed"]
    assert gone["deposit"] == "passing note"
    assert gone["approved_by"] == ["archivist"]
    assert len(list((archive.home / "tiers").rglob("*.tombstone.json"))) == 2
