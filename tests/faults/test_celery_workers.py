"""Real Celery workers, one for each tier, in an Airflow as ``docker/compose.yaml`` has it.

By hand, since it takes minutes: ``SAMARKAND_SOAK=1 pytest tests/faults/test_celery_workers.py``.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from buckets import CREDENTIAL, KEYS, described, serving
from celery_cluster import Cluster, cluster, wait_until_healthy
from clocks import FakeClock
from post_offices import Mailbox, mail_server

from preservation.app.notifying import notify
from preservation.app.parts import open_home
from preservation.errors import SamarkandError
from preservation.model.event import Event, EventType
from preservation.notices.mail import MailSettings
from preservation.storage.credentials import variable
from preservation.supervise import processes
from preservation.supervise.rest import AirflowApi, TaskInstance

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("SAMARKAND_SOAK"), reason="SAMARKAND_SOAK is not set"),
]

TIERS = ("vault", "mirror", "west")  # folders, and a bucket that wants keys
POLICY = """\
version: 1
community: silk
title: {en: Work next to the data}
replicas:
  - {tier: vault, packaging: folder, within: 1h}
  - {tier: mirror, packaging: folder, within: 1h}
  - {tier: west, packaging: tar, within: 1h}
minimum: {replicas: 3, failure_domains: 1, sites: 1}
intake: {schedule: "0 0 1 1 *"}
notify:
  - {to: "mailto:digest@example.org", findings: now, digest: daily, alive: never}
  - {to: "mailto:alive@example.org", findings: now, digest: never, alive: monthly}
"""
GUARDED = "repair__guarded"
LETTER = b"the letter that was read twice\n" * 10_000  # 310 kB: seconds, at the rate below


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, box: Mailbox) -> Iterator[Cluster]:
    with serving("rclone") as bucket, cluster(tmp_path_factory.mktemp("celery")) as made:
        west = json.dumps(described(bucket.endpoint, "west"))
        folder = "kind: local, site: here, operator: us, technology: a folder"
        (made.policies / "tiers.yaml").write_text(
            f"version: 1\ntiers:\n  vault: {{{folder}, path: tiers/vault}}\n"
            f"  mirror: {{{folder}, path: tiers/mirror}}\n  west: {west}\n"
        )
        baseline = Path(__file__).parents[2] / "policies" / "baseline.yaml"
        text = baseline.read_text("utf-8").replace("    deep: {", "    west: {")
        (made.policies / "baseline.yaml").write_text(text, "utf-8")
        (made.policies / "silk.yaml").write_text(POLICY)
        made.run("prepare", **KEYS)
        for service in ("api-server", "scheduler", "dag-processor", "triggerer"):
            made.start(service)
        post = {"conn_type": "smtp", "host": "127.0.0.1", "port": box.port}
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "archive@example.org"}
        mail = json.dumps({**post, "extra": extra})
        made.work("default", AIRFLOW_CONN_SAMARKAND_MAIL=mail)
        for tier in TIERS:
            made.work(tier, **(KEYS if tier == "west" else {}))
        wait_until_healthy(made)
        for kind in ("ingest", "replicate", "audit", "repair", "standing"):
            made.api().wait_for_dag(f"{kind}__silk", 120)
        made.api().wait_for_dag("tiers", 120)
        yield made


def until(true: Callable[[], Any], seconds: float = 300) -> Any:
    end = time.monotonic() + seconds
    while True:
        try:
            if found := true():
                return found
        except SamarkandError:
            found = None
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(1)


def ran(api: AirflowApi, dag: str, run: str) -> list[dict[str, Any]]:
    """The instances of a run's tasks, as Airflow tells them."""
    path = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances?limit=100"
    rows: list[dict[str, Any]] = api.call("GET", path)["task_instances"]
    return rows


def finished(api: AirflowApi, dag: str) -> list[str]:
    """The ids of its runs, once there are any and none goes on."""
    runs = api.runs(dag)
    going = [run for run in runs if run["state"] in ("queued", "running")]
    return [] if going else [run["dag_run_id"] for run in runs]


def events(made: Cluster) -> list[Event]:
    with open_home(made.home) as parts:
        return list(parts.all_events())


def expect_its_own_worker(rows: list[dict[str, Any]]) -> Counter[str]:
    """Tasks of a tier on that tier's worker, all others on the common one; how many each ran."""
    counts: Counter[str] = Counter()
    for row in rows:
        if row["state"] in ("success", "failed"):
            mapped = row["map_index"] >= 0
            tier = row["task_id"].partition(".")[0].removeprefix("tier-")
            queue = tier if mapped and tier in TIERS else row["queue"]
            assert row["queue"] == queue, row
            assert row["hostname"] == queue, row
            counts[queue] += 1
    return counts


def test_each_tier_is_looked_at_by_its_own_worker(made: Cluster) -> None:
    api = made.api()
    run = api.trigger("tiers")
    assert api.wait("tiers", run) == "success"
    rows = ran(api, "tiers", run)
    assert {(row["task_id"], row["queue"], row["hostname"]) for row in rows} == {
        (tier, tier, tier) for tier in TIERS
    }


def test_each_deposit_is_taken_in_replicated_and_audited_next_to_the_data(made: Cluster) -> None:
    deposit = made.home / "inbox" / "silk" / "letters"
    deposit.mkdir(parents=True)
    for name in ("one.txt", "two.txt"):
        (deposit / name).write_bytes(LETTER)
    api = made.api()
    taken = api.trigger("ingest__silk", {"deposit": "letters"})
    assert api.wait("ingest__silk", taken) == "success"
    rows = ran(api, "ingest__silk", taken)
    (take,) = [row for row in rows if row["task_id"].endswith("take")]
    assert (take["queue"], take["hostname"]) == ("vault", "vault")

    copied = until(lambda: finished(api, "replicate__silk"))
    counts = Counter[str]()
    for run in copied:
        assert api.run("replicate__silk", run)["state"] == "success"
        counts += expect_its_own_worker(ran(api, "replicate__silk", run))
    assert counts["mirror"] == counts["west"] == 1

    audit = api.trigger("audit__silk", {"everything": True})
    assert api.wait("audit__silk", audit) == "success"
    counts = expect_its_own_worker(ran(api, "audit__silk", audit))
    assert [counts[tier] for tier in TIERS] == [1, 1, 1]
    until(lambda: finished(api, "standing__silk"))
    stands = api.runs("standing__silk")[-1]
    assert stands["state"] == "success", stands["note"]
    states = {row.tier: row.state.value for row in replicas(made)}
    assert states == dict.fromkeys(TIERS, "verified")


def replicas(made: Cluster) -> list[Any]:
    with open_home(made.home) as parts:
        return list(parts.catalogue.replicas("silk"))


def test_no_worker_but_the_tiers_own_has_its_keys(made: Cluster) -> None:
    """Looked for in the memory of every process: what titles itself overwrites its environment."""
    secret = KEYS[variable(CREDENTIAL, "SECRET")].encode()
    having = set()
    for name, leader in made.sessions.items():
        for who in (leader, *processes.session_of(leader)):
            if remembers(processes.number_of(who), secret):
                having.add(name)
        assert secret.decode() not in made.log(name), name
    assert having == {"west"}
    signing = made.environment("worker"), made.environment("scheduler")
    assert ["AIRFLOW__API_AUTH__JWT_SECRET" in one for one in signing] == [False, True]


def remembers(pid: int, what: bytes) -> bool:
    """Whether these octets are in the writable memory of a process."""
    with suppress(OSError):  # it has ended
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                place, rights, *_ = line.split()
                if rights.startswith("rw"):
                    start, end = (int(part, 16) for part in place.split("-"))
                    with suppress(OSError, ValueError, OverflowError):
                        if what in os.pread(memory.fileno(), end - start, start):
                            return True
    return False


def test_a_worker_killed_in_the_middle_of_a_night_is_made_good(made: Cluster) -> None:
    """What it had recorded is not read again, and other tiers' workers go on meanwhile."""
    api, slow = made.api(), made.home / "audit.rate"
    slow.write_text("50 KiB\n")
    run = api.trigger("audit__silk", {"everything": True})
    until(
        lambda: [
            row
            for row in ran(api, "audit__silk", run)
            if row["task_id"] == "tier-vault.audit" and row["state"] == "running"
        ]
    )
    time.sleep(3)
    made.shoot("vault")
    slow.unlink()
    made.work("vault")
    assert api.wait("audit__silk", run) == "success"
    tries = {row["task_id"]: row["try_number"] for row in ran(api, "audit__silk", run)}
    assert tries["tier-vault.audit"] > 1
    assert tries["tier-mirror.audit"] == tries["tier-west.audit"] == 1
    checks = [
        event.tier
        for event in events(made)
        if event.type is EventType.FIXITY_CHECK and run in event.agent
    ]
    assert sorted(checks) == sorted(TIERS)


def test_damage_reddens_the_standing_and_is_healed_by_the_tiers_worker(made: Cluster) -> None:
    api = made.api()
    damaged = next((made.home / "tiers/mirror/silk").rglob("one.txt"))
    damaged.chmod(0o644)
    damaged.write_bytes(b"X" + LETTER[1:])
    api.call("PATCH", "/dags/repair__silk", {"is_paused": True})  # it would be too quick to be seen
    assert api.wait("audit__silk", api.trigger("audit__silk", {"everything": True})) == "success"
    until(lambda: finished(api, "standing__silk"))
    stands = api.runs("standing__silk")[-1]
    assert stands["state"] == "failed"
    assert "1 open finding" in stands["note"]
    api.call("PATCH", "/dags/repair__silk", {"is_paused": False})
    api.trigger("repair__silk")  # a paused DAG is not woken, and the hourly sweep may have been
    until(lambda: damaged.read_bytes() == LETTER)
    repairs = until(lambda: finished(api, "repair__silk"))
    healed = [
        row
        for run in repairs
        for row in ran(api, "repair__silk", run)
        if row["task_id"].endswith("replica.repair") and row["state"] == "success"
    ]
    assert {(row["queue"], row["hostname"]) for row in healed} == {("mirror", "mirror")}
    until(lambda: finished(api, "standing__silk"))
    assert api.runs("standing__silk")[-1]["state"] == "success"


@pytest.fixture(scope="module")
def guarded(made: Cluster) -> Path:
    """A file of a community whose repairs are asked for, on the tier that is to be damaged."""
    text = POLICY.replace("silk", "guarded").partition("notify:")[0]
    approved = "repair: {mode: approved, approvers: [archivist]}\n"
    (made.policies / "guarded.yaml").write_text(text + approved)
    deposit = made.home / "inbox" / "guarded" / "letters"
    for words in (
        ("policy", "apply", "--reason", "repairs are asked for"),
        ("ingest", str(deposit), "--community", "guarded", "--replicate"),
    ):
        done = made.preserve(*words, **KEYS)
        assert done.returncode == 0, done.stdout + done.stderr
        deposit.mkdir(parents=True, exist_ok=True)
        (deposit / "one.txt").write_bytes(LETTER)
    made.api().wait_for_dag(GUARDED, 120)
    return next((made.home / "tiers/mirror/guarded").rglob("one.txt"))


def ask(made: Cluster, damaged: Path) -> TaskInstance:
    """Damage the file, and start the repair; what it asks, as soon as Airflow shows it."""
    damaged.chmod(0o644)
    damaged.write_bytes(b"X" + LETTER[1:])
    words = ("audit", "--community", "guarded", "--tier", "mirror", "--all")
    assert made.preserve(*words, **KEYS).returncode == 4
    run = made.api().trigger(GUARDED)
    return until(lambda: question(made, run))


def question(made: Cluster, run: str) -> TaskInstance | None:
    asked = made.api().task_instances(GUARDED, run)
    return next((one for one in asked if one.state == "awaiting_input"), None)


def test_an_answer_counts_however_soon_it_comes(made: Cluster, guarded: Path) -> None:
    """Airflow shows a question before the attempt that puts it has ended."""
    for _ in range(3):
        asked = ask(made, guarded)
        made.api("archivist").answer(asked, ["Approve"], {"reason": "the disk is new"})
        assert made.api().wait(GUARDED, asked.run) == "success"
        assert guarded.read_bytes() == LETTER


def test_an_answer_outlives_the_attempt_that_it_was_given_to(made: Cluster, guarded: Path) -> None:
    """No worker is there to take it, and the task is begun anew before one is."""
    api, asked = made.api(), ask(made, guarded)
    made.shoot("default")
    made.api("archivist").answer(asked, ["Approve"], {"reason": "the disk is new"})
    clear = {"dry_run": False, "dag_run_id": asked.run, "task_ids": ["approve"]}
    more = {"only_failed": False, "reset_dag_runs": False}
    api.call("POST", f"/dags/{GUARDED}/clearTaskInstances", clear | more)
    made.work("default", **made.given["default"])
    assert api.wait(GUARDED, asked.run) == "success"
    assert guarded.read_bytes() == LETTER
    (row,) = [row for row in ran(api, GUARDED, asked.run) if row["task_id"] == "approve"]
    assert row["try_number"] > 1


def test_a_question_that_was_put_is_not_taken_for_another(made: Cluster, guarded: Path) -> None:
    """Airflow would show the text of the first list, and take its answer for the second one."""
    api, asked = made.api(), ask(made, guarded)
    again = guarded.read_bytes()
    guarded.write_bytes(b"YY" + again[2:])
    words = ("audit", "--community", "guarded", "--all")
    assert made.preserve(*words, **KEYS).returncode == 4
    other = next((made.home / "tiers/vault/guarded").rglob("one.txt"))
    sound = other.read_bytes()
    other.chmod(0o644)
    other.write_bytes(b"Z" + sound[1:])
    assert made.preserve(*words, **KEYS).returncode == 4
    clear = {"dry_run": False, "dag_run_id": asked.run, "task_ids": ["find", "approve"]}
    more = {"only_failed": False, "reset_dag_runs": True}
    api.call("POST", f"/dags/{GUARDED}/clearTaskInstances", clear | more)
    assert api.wait(GUARDED, asked.run) == "failed"
    states = {row["task_id"]: row["state"] for row in ran(api, GUARDED, asked.run)}
    assert (states["find"], states["approve"]) == ("success", "failed")
    assert guarded.read_bytes() != LETTER


def test_digests_and_signs_of_life_come_by_themselves(made: Cluster, box: Mailbox) -> None:
    """The first of each recipient are of 40 days ago; nobody starts the run that sends the next."""
    then = datetime.now(UTC) - timedelta(days=40)
    server = MailSettings("127.0.0.1", box.port, "none", "archive@example.org", "", "")
    with open_home(made.home, clock=FakeClock(then)) as parts:
        policy = parts.store.governing("silk")
        assert not notify(parts, [policy], mail=server).failed
        parts.drain()
    box.raw.clear()
    api = made.api()
    known = {run["dag_run_id"] for run in api.runs("notices")}
    sent = until(
        lambda: [
            run
            for run in api.runs("notices")
            if run["dag_run_id"] not in known and run["state"] == "success"
        ],
        1200,
    )
    assert sent[0]["run_type"] == "scheduled"
    to = {str(letter["To"]): str(letter["Subject"]) for letter in box.letters}
    assert set(to) == {"digest@example.org", "alive@example.org"}, to
