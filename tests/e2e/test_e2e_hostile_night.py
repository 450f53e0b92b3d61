"""A night in which everything is shot at, and buttons that change nothing."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from running import question

from preservation.app.parts import open_home
from preservation.errors import SamarkandError
from preservation.model.event import Event, EventType
from preservation.supervise import healthy, processes
from preservation.supervise.places import Places
from preservation.supervise.state import State

if TYPE_CHECKING:
    from running import Archive

    from preservation.supervise.rest import AirflowApi, TaskInstance


pytestmark = [pytest.mark.airflow, pytest.mark.slow]

AUDIT, REPAIR, STANDING = "audit__guarded", "repair__guarded", "standing__guarded"
LETTER = b"the letter that was read twice\n" * 10_000  # 310 kB: seconds, at the rate below
PARTS = 4  # of the AIP: a file each


def until(true: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while True:
        try:
            if found := true():
                return found
        except SamarkandError:
            found = None  # Airflow, or its database, is coming back
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.5)


def instances(api: AirflowApi, dag: str, run: str, state: str) -> list[TaskInstance]:
    return [one for one in api.task_instances(dag, run) if one.state == state]


def findings(archive: Archive) -> list[dict[str, Any]]:
    said = archive.preserve("finding", "list", "--community", "guarded", "--json")
    rows: list[dict[str, Any]] = json.loads(said.stdout)["findings"]
    return rows


def events(archive: Archive) -> list[Event]:
    with open_home(archive.home) as parts:
        return list(parts.all_events())


def shoot(archive: Archive) -> None:
    """The scheduler with all its workers, and Airflow's database: SIGKILL, at once."""
    state = State.load(Places(archive.home).state)
    scheduler = state.components["scheduler"]
    workers = processes.session_of(scheduler)
    assert len(workers) > 1
    for who in (*workers, scheduler, state.postgres):
        processes.send(who, signal.SIGKILL)
    processes.wait_until_gone([scheduler, state.postgres], 30)


@pytest.fixture(scope="module")
def letter(archive: Archive) -> str:
    """The AIP of a deposit that two tiers keep."""
    deposit = archive.home / "inbox" / "guarded" / "letters"
    deposit.mkdir(parents=True)
    for name in ("letter.txt", *(f"enclosure {number}.txt" for number in range(1, PARTS))):
        (deposit / name).write_bytes(LETTER)
    taken = archive.preserve("ingest", str(deposit), "--community", "guarded", "--json")
    assert taken.returncode == 0, taken.stdout + taken.stderr
    made = archive.preserve("replicate", "--community", "guarded")
    assert made.returncode == 0, made.stdout + made.stderr
    return str(json.loads(taken.stdout)["deposits"][0]["aip"])


def test_a_night_that_is_shot_at_ends_as_if_undisturbed(archive: Archive, letter: str) -> None:
    with open_home(archive.home) as parts:
        ref = parts.store.governing("guarded").ref
        held = {(row.key.aip, row.tier) for row in parts.catalogue.replicas("guarded")}
    api = archive.api("admin")
    api.wait_for_dag(AUDIT)
    slow = archive.home / "audit.rate"
    slow.write_text("100 KiB\n")
    run = api.trigger(AUDIT, {"everything": True})
    until(lambda: [one for one in instances(api, AUDIT, run, "running") if "audit" in one.task])
    policy = archive.policies / "guarded.yaml"
    policy.write_text(policy.read_text("utf-8").replace("within: 1h", "within: 30m"), "utf-8")
    applied = archive.preserve("policy", "apply", "--reason", "in the middle of a night")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    shoot(archive)
    slow.unlink()
    until(lambda: healthy(archive.home))
    assert until(lambda: api.wait(AUDIT, run, 300)) == "success"
    checks = [
        event
        for event in events(archive)
        if event.type is EventType.FIXITY_CHECK and run in event.agent
    ]
    counted = Counter((event.aip, event.tier) for event in checks)
    assert set(counted) == held
    assert set(counted.values()) == {1}  # what a killed task had recorded is not read again
    assert {event.detail["parts"] for event in checks if event.aip == letter} == {PARTS}
    assert {(event.outcome, event.policy) for event in checks} == {("intact", ref)}
    assert findings(archive) == []


def test_no_button_of_airflow_changes_an_outcome(archive: Archive, letter: str) -> None:
    """A run or a task that is marked a success stays what it was, in all that is kept."""
    damaged = next((archive.home / "tiers/mirror/guarded").rglob("letter.txt"))
    sound = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(b"X" + sound[1:])
    archive.preserve("audit", "--aip", letter)
    (finding,) = findings(archive)
    admin, archivist = archive.api("admin"), archive.api("archivist")
    admin.wait_for_dag(STANDING)
    run = admin.trigger(STANDING)
    assert admin.wait(STANDING, run, 300) == "failed"
    admin.call("PATCH", f"/dags/{STANDING}/dagRuns/{quote(run)}", {"state": "success"})
    assert admin.run(STANDING, run)["state"] == "success"
    assert findings(archive) == [finding]

    asked = admin.trigger(REPAIR)
    question(admin, REPAIR, asked)
    place = f"/dags/{REPAIR}/dagRuns/{quote(asked)}/taskInstances/approve"
    admin.call("PATCH", place, {"new_state": "success"})
    (refused, *_) = until(lambda: instances(admin, REPAIR, asked, "failed"), 300)
    assert refused.task in ("tier-mirror.damaged", "tier-vault.damaged")
    assert damaged.read_bytes() != sound
    assert findings(archive) == [finding]

    again = admin.trigger(REPAIR)  # the list is asked anew, and an answer binds the account
    put = question(admin, REPAIR, again)
    with pytest.raises(SamarkandError):
        admin.answer(put, ["Approve"], {"reason": "I am not the approver"})
    archivist.answer(put, ["Approve"], {"reason": "the disk is new"})
    assert admin.wait(REPAIR, again, 300) == "success"
    assert damaged.read_bytes() == sound
    assert findings(archive) == []
    begun = [event for event in events(archive) if event.type is EventType.REPAIR_BEGUN]
    assert begun[-1].detail["approved_by"].startswith("archivist: the disk is new [list sha256:")
