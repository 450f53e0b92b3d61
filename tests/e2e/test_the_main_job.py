"""The main job, run by DAG runs of a real Airflow, and what the demo promises about it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from preservation.cli.demo_engines import InAirflow
from preservation.supervise.control import Running
from preservation.supervise.environment import User
from preservation.supervise.rest import AirflowApi, TaskInstance

if TYPE_CHECKING:
    from conftest import Archive

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

SILK_ROAD, FIELD_NOTES = 5, 2  # sample deposits that are sound


@pytest.fixture(scope="module")
def told(archive: Archive) -> str:
    demo = archive.preserve("demo")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    return demo.stdout


def test_the_demo_finds_and_heals_the_byte_that_it_flipped(told: str) -> None:
    assert "1 altered" in told
    assert "again: healed" in told
    assert "All of it worked." in told


def test_the_hostile_deposit_is_rejected_with_all_of_its_findings(
    archive: Archive, told: str
) -> None:
    hostile = archive.home / "inbox" / "silk-road" / "hostile deposit" / "data"
    for code in ("DEP-FIFO", "DEP-LINK-ESCAPES", "DEP-NAME-ENCODING"):
        assert code in told
    assert sorted(path.is_symlink() for path in hostile.iterdir()) == [False, False, False, True]


def test_every_promised_replica_is_verified_and_every_promise_kept(
    archive: Archive, told: str
) -> None:
    status = archive.preserve("policy", "status", "--json")
    assert status.returncode == 0, status.stdout
    tiers = json.loads(status.stdout)["communities"]["silk-road"]["tiers"]
    assert {tier["tier"]: tier["verified"] for tier in tiers} == {
        "vault": SILK_ROAD,
        "mirror": SILK_ROAD,
        "deep": SILK_ROAD,
    }


def test_other_peoples_tools_agree(told: str) -> None:
    for tool in ("tar -xf", "sha256sum --quiet -c manifest-sha256.txt", "bagit.py --quiet"):
        assert f"    {tool}" in told
    assert "✗" not in told


def test_the_report_is_one_page_that_opens_from_a_file(told: str) -> None:
    pages = [line.split(": ", 1)[1] for line in told.splitlines() if line.startswith("report ")]
    assert len(pages) == 2
    for page in map(Path, pages):
        assert page.read_text("utf-8").lower().startswith("<!doctype html>")
        assert json.loads(page.with_name("report.json").read_text("utf-8"))


def test_the_deposits_are_still_in_their_inbox(archive: Archive, told: str) -> None:
    samples = Path(__file__).parents[2] / "examples" / "deposits"
    for community, count in (("silk-road", SILK_ROAD), ("field-notes", FIELD_NOTES)):
        sent = {path.name for path in (samples / community).iterdir()}
        assert len(sent) == count
        assert sent <= {path.name for path in (archive.home / "inbox" / community).iterdir()}


def test_what_was_in_the_home_stays_and_nothing_is_taken_in_twice(
    archive: Archive, told: str
) -> None:
    before = json.loads(archive.preserve("aip", "list", "--json").stdout)["aips"]
    again = archive.preserve("ingest", "--inbox", "--json")
    assert json.loads(again.stdout)["deposits"] == []
    assert json.loads(archive.preserve("aip", "list", "--json").stdout)["aips"] == before


def test_the_catalogue_can_be_deleted_and_says_the_same_when_it_is_made_again(
    archive: Archive, told: str
) -> None:
    drained = archive.preserve("journal", "drain")
    assert drained.returncode == 0, drained.stderr
    check = archive.preserve("catalogue", "check", "--json")
    assert json.loads(check.stdout)["differences"] == []


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
    (finding,) = json.loads(findings.stdout)["findings"]
    assert finding["state"] == "resolved"
    approved = finding["detail"]["repair"]["approved_by"]
    assert approved.startswith("archivist: I looked at the page")


def _question(api: AirflowApi) -> TaskInstance:
    """The task that waits for a person."""
    for _ in range(120):
        for run in api.runs("repair__guarded"):
            for task in api.task_instances("repair__guarded", run["dag_run_id"]):
                if task.state == "awaiting_input":
                    return task
        time.sleep(1)
    pytest.fail("nobody was asked")
