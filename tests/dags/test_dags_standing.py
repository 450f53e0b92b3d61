"""Who looks only at the grid sees the truth: a finding, a broken promise, an overdue check; and
drills, which put all of it to the test.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_homes import PROJECT, make_home, policy_object, put_in_force

Run = Callable[..., dict[str, list[str]]]
STANDING = "standing__silk-road"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one community and one AIP, which every promise is kept for."""
    from preservation.app.parts import open_home
    from preservation.model.progress import Silence

    policies = tmp_path / "policies"
    shutil.copytree(PROJECT / "policies", policies)
    (policies / "field-notes.yaml").unlink()
    home = make_home(tmp_path / "home", policies, monkeypatch)
    folder = home / "inbox" / "silk-road" / "Станция 7"
    folder.mkdir(parents=True)
    (folder / "read me.txt").write_text("the station\n", "utf-8")
    with open_home(home) as parts:
        policy = parts.store.governing("silk-road")
        parts.ingest.take(policy, parts.ingest.arrive(policy, folder), Silence())
        for shard in parts.replication.plan(policy):
            parts.replication.run(policy, shard, Silence())
    return home


def said(home: Path) -> str:
    """The note that audit and repair hand to the standing."""
    from preservation.app.parts import open_home
    from preservation.orchestration.work import telling as work

    with open_home(home) as parts:
        return work.standing(parts, "silk-road").note()


def audit(home: Path) -> None:
    from preservation.app.parts import open_home
    from preservation.model.progress import Silence

    with open_home(home) as parts:
        policy = parts.store.governing("silk-road")
        for shard in parts.audit.plan(policy, everything=True):
            parts.audit.run(policy, shard, Silence())


def notes() -> list[str]:
    """The notes of the runs of the standing that were started with one."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        runs = session.query(DagRun).filter(DagRun.dag_id == STANDING).order_by(DagRun.id)
        return [run.note for run in runs if run.note]


def in_force(home: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(policy_object(home, "silk-road").read_bytes())
    return document


def test_the_standing_is_red_for_each_reason_and_says_the_next_step(home: Path, run: Run) -> None:
    ran = run(STANDING)
    assert (ran[""], ran["note"]) == (["success"], ["skipped"])
    was = in_force(home)

    put_in_force(home, "silk-road", minimum={**was["minimum"], "replicas": 4})
    note = said(home)
    assert "with too few verified replicas" in note.partition("\n")[0]
    assert "Next: " in note
    before = notes()  # of runs of other tests
    ran = run(STANDING)  # as by its schedule, or by hand
    assert (ran[""], ran["note"]) == (["failed"], ["success"])
    assert notes() == [*before, note]
    ran = run(STANDING, noted=True)
    assert (ran[""], ran["note"]) == (["failed"], ["skipped"])
    assert notes() == [*before, note]

    ages = {tier: {**rule, "max_age": 0} for tier, rule in was["audit"]["tiers"].items()}
    audits = {**was["audit"], "tiers": ages}
    put_in_force(home, "silk-road", minimum=was["minimum"], audit=audits)
    note = said(home)
    assert "with an overdue check" in note.partition("\n")[0]
    assert "Next: run `preserve audit`" in note
    assert run(STANDING)[""] == ["failed"]

    put_in_force(home, "silk-road", audit=was["audit"])
    victim = next((home / "tiers/mirror/silk-road").rglob("read me.txt"))
    victim.chmod(0o644)
    victim.write_text("another\n", "utf-8")
    audit(home)
    note = said(home)
    assert "1 open finding" in note.partition("\n")[0]
    assert "FIX-ALTERED" in note
    assert "Next: run `preserve repair`" in note
    assert run(STANDING)[""] == ["failed"]

    victim.write_text("the station\n", "utf-8")
    audit(home)
    assert said(home) == "**Every promise is kept for 1 AIP version**"
    assert run(STANDING)[""] == ["success"]


def test_a_catalogue_restored_from_a_backup_is_red_and_nothing_acts_on_it(
    home: Path, run: Run
) -> None:
    from preservation.app.parts import open_home

    catalogue = home / "catalogue.sqlite"
    backup = catalogue.read_bytes()
    audit(home)
    with open_home(home) as parts:
        parts.drain()
    for path in home.glob("catalogue.sqlite*"):
        path.unlink()
    catalogue.write_bytes(backup)
    assert run(STANDING)[""] == ["failed"]
    assert catalogue.read_bytes() == backup


def test_automatic_repair_that_stopped_asks_and_no_button_lets_it_go_on(
    home: Path, run: Run
) -> None:
    """A whole tier damaged at once is more than chance allows; its repair is a question."""
    from preservation.app.parts import open_home
    from preservation.catalogue.brake import brakes
    from preservation.model.event import EventType

    finding = {
        "finding": "0f0e6ad7-3b9f-4d4c-8a53-5d7a0f3c2b11",
        "code": "AUD-BRAKE",
        "severity": "error",
        "subject": "silk-road on mirror",
        "message": "5 of 5 replicas that were read are damaged",
        "hint": "look",
        "localised": {},
    }
    with open_home(home) as parts:
        opened = EventType.FINDING_OPENED
        made = parts.events.of("silk-road", opened, "fail", finding, tier="mirror")
        parts.catalogue.record([made])
    assert run("repair__silk-road")[""] == ["success"]  # nothing else waits for the answer
    tried = run("brake__silk-road", succeed="ask")
    assert (tried["ask"], tried["release"]) == (["success"], ["failed"])
    assert tried[""] == ["failed"]
    with open_home(home) as parts:
        assert [row.state for row in brakes(parts.catalogue, "silk-road")] == ["open"]
        ending = {"finding": finding["finding"], "by": "a test", "reason": "over", "event": ""}
        resolved = EventType.FINDING_RESOLVED
        parts.catalogue.record([parts.events.of("silk-road", resolved, "success", ending)])
    quiet = run("brake__silk-road")
    assert quiet[""] == ["success"]
    assert quiet["ask"] == quiet["release"] == ["skipped"]


def test_a_drill_is_held_when_its_day_has_come_and_no_other_day(home: Path, run: Run) -> None:
    nobody = run("drill")
    assert nobody[""] == ["success"]
    assert nobody["drill"] == ["skipped"]
    put_in_force(home, "silk-road", drill={"every": 86_400, "tiers": ["mirror"]})
    held = run("drill")
    assert held[""] == ["success"]
    assert held["drill"] == ["Silk Road research data · 8 of 8 harms found, 8 healed"]
    assert run("drill")["drill"] == ["skipped"]
