"""What was kept long enough is disposed of only after two people's answers in Airflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from running import approve, questions

from preservation.cli.demo_engines import InAirflow
from preservation.errors import UsageError
from preservation.supervise.control import Running
from preservation.supervise.environment import User

if TYPE_CHECKING:
    from running import Archive


pytestmark = [pytest.mark.airflow, pytest.mark.slow]
DAG = "retention__guarded"


def test_a_disposal_waits_for_two_people_and_leaves_a_tombstone(archive: Archive) -> None:
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
    asked, other = questions(admin, DAG, run, 2)

    assert all(path.exists() for path in kept)
    assert {asked.task, other.task} == {"approve-1", "approve-2"}
    with pytest.raises(UsageError):
        admin.answer(other, ["Approve"], {"reason": "nobody named me"})
    assert all(path.exists() for path in kept)
    approve(archivist, asked, "kept long enough")
    assert all(path.exists() for path in kept)
    approve(archive.api("archivist2"), other, "I looked, too")
    assert admin.wait(DAG, run) == "success"
    assert not any(path.exists() for path in kept)
    ran = {(one.task, one.map_index): one.state for one in admin.task_instances(DAG, run)}
    assert ran["begin", -1] == ran["dispose", -1] == ran["remove", 0] == "success"
    listed = archive.preserve("aip", "list", "--community", "guarded", "--json")
    disposed = json.loads(listed.stdout)["disposed"]  # also what other tests kept long enough
    (gone,) = [one for one in disposed if one["deposit"] == "passing note"]
    assert sorted(gone["approved_by"]) == ["archivist", "archivist2"]
    assert len(list((archive.home / "tiers").rglob(f"{gone['aip']}/*.tombstone.json"))) == 2
