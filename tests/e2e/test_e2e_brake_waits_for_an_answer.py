"""Where a tier has lost everything, people are told once, and automatic repair waits until one of
them answers in Airflow.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from post_offices import mail_server, web_hook
from running import question

if TYPE_CHECKING:
    from running import Archive

    from preservation.supervise.rest import AirflowApi, TaskInstance

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

TOLD = """\
notify:
  - {to: "mailto:ann@example.org", findings: now, digest: daily, alive: monthly}
  - {to: "hook:people", findings: now, digest: never}
"""
_SUBJECT = "[Samarkand] Repairs by itself, but for mass loss: 4 new findings"


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
    _expect_one_message_each(archive, admin)
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


def _expect_one_message_each(archive: Archive, api: AirflowApi) -> None:
    """Four findings of one cause, by mail and by web hook, and nothing in the next run."""
    with mail_server() as box, web_hook() as hook:
        with (archive.home / "samarkand.toml").open("a") as settings:
            settings.write(
                f'\n[mail]\nserver = "127.0.0.1:{box.port}"\nsecurity = "none"\n'
                f'sender = "archive@example.org"\n'
                f'[hooks]\nallow = ["127.0.0.1:{hook.port}"]\n'
                f'people = "http://127.0.0.1:{hook.port}/people"\n'
            )
        policy = archive.policies / "careful.yaml"
        policy.write_text(policy.read_text("utf-8") + TOLD, "utf-8")
        applied = archive.preserve("policy", "apply", "--reason", "people want to know")
        assert applied.returncode == 0, applied.stdout + applied.stderr
        assert api.wait("notices", api.trigger("notices")) == "success"
        assert api.wait("notices", api.trigger("notices")) == "success"
    [document], [letter] = hook.documents, box.letters
    [careful] = document["communities"]
    assert sorted(one["code"] for one in careful["new"]) == ["AUD-BRAKE", *["FIX-MISSING"] * 3]
    assert letter["Subject"] == document["subject"] == _SUBJECT
    assert "Next: " in letter.get_content()


def _question(api: AirflowApi) -> TaskInstance:
    """What the run that the repair woke asks."""
    for _ in range(240):
        for run in api.runs("brake__careful"):
            if run["state"] in ("queued", "running"):
                return question(api, "brake__careful", run["dag_run_id"])
        time.sleep(1)
    pytest.fail("no run was woken")
