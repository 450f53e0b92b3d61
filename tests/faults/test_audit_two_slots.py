"""Shards that check two replicas at a time, in a real Airflow, in a pool of two slots.

By hand, since it takes minutes: ``SAMARKAND_SOAK=1 pytest tests/faults/test_audit_two_slots.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from private_postgres import PrivatePostgres, private_postgres
from running import PROJECT, Archive, preserve

from preservation.app.parts import open_home
from preservation.errors import SamarkandError
from preservation.model.event import EventType
from preservation.supervise import healthy, processes
from preservation.supervise.places import Places
from preservation.supervise.rest import AirflowApi, TaskInstance
from preservation.supervise.state import State

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("SAMARKAND_SOAK"), reason="SAMARKAND_SOAK is not set"),
]

COMMUNITIES = ("east", "north", "south")  # whose shards want the pool's two slots at once
AIPS = 4
SIZE = 17 * 1024**2  # octets: of larger ones than 16 MiB each lease is taken by itself
POLICY = """\
version: 1
community: {name}
title: {{en: One of three}}
replicas:
  - {{tier: vault, packaging: folder, within: 1h}}
  - {{tier: mirror, packaging: folder, within: 1h}}
minimum: {{replicas: 2, failure_domains: 1, sites: 1}}
"""
AUDIT = "tier-vault.audit"


class Night:
    """An archive whose catalogue is in a PostgreSQL that can be taken away."""

    def __init__(self, archive: Archive, database: PrivatePostgres) -> None:
        self.archive, self.database = archive, database
        self.api: AirflowApi = archive.api("admin")
        self.rate = archive.home / "audit.rate"

    def begin(self, *communities: str) -> dict[str, str]:
        """Start an audit of all for each; the runs by their DAGs."""
        self.rate.write_text("1 MiB\n")
        aim = {"tier": "vault", "everything": True}
        return {f"audit__{name}": self.api.trigger(f"audit__{name}", aim) for name in communities}

    def checks(self, runs: dict[str, str], state: str) -> list[TaskInstance]:
        found = [one for dag, run in runs.items() for one in self.api.task_instances(dag, run)]
        return [one for one in found if one.task == AUDIT and one.state == state]

    def leases(self) -> list[tuple[str, str]]:
        """The replicas that are being read, and who reads them."""
        with psycopg.connect(self.database.url("catalogue")) as connection:
            return connection.execute(
                "SELECT name, holder FROM samarkand.lease WHERE name LIKE 'replica:%'"
            ).fetchall()

    def end(self, runs: dict[str, str]) -> None:
        """See all runs to a good end: each replica was checked once in each, and is free again."""
        for dag, run in runs.items():
            assert until(lambda dag=dag, run=run: self.api.wait(dag, run, 300)) == "success"
        with open_home(self.archive.home) as parts:
            events = list(parts.all_events())
            findings = list(parts.catalogue.findings())
        for run in runs.values():
            checks = [
                event
                for event in events
                if event.type is EventType.FIXITY_CHECK and run in event.agent
            ]
            assert set(Counter(event.aip for event in checks).values()) == {1}
            assert [event.outcome for event in checks] == ["intact"] * AIPS
        assert (findings, self.leases()) == ([], [])


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    place = tmp_path_factory.mktemp("slots")
    home, policies = place / "home", place / "policies"
    policies.mkdir()
    home.mkdir()
    baseline = (PROJECT / "policies" / "baseline.yaml").read_text("utf-8")
    (policies / "baseline.yaml").write_text(baseline, "utf-8")
    tiers = (PROJECT / "policies" / "tiers.yaml").read_text("utf-8")
    two = "    path: tiers/vault\n    checks_at_once: 2\n"
    (policies / "tiers.yaml").write_text(tiers.replace("    path: tiers/vault\n", two), "utf-8")
    for name in COMMUNITIES:
        (policies / f"{name}.yaml").write_text(POLICY.format(name=name), "utf-8")
    with private_postgres() as database:
        database.sql("CREATE DATABASE catalogue")
        url = database.url("catalogue").replace("postgresql:", "postgresql+psycopg:")
        (home / "samarkand.toml").write_text(
            f'format = "samarkand.home/1"\ncatalogue = "{url}"\n', "utf-8"
        )
        for name in COMMUNITIES:
            for number in range(AIPS):
                deposit = home / "inbox" / name / f"{number}"
                deposit.mkdir(parents=True)
                (deposit / "a.bin").write_bytes(os.urandom(SIZE))
        for words in (("init",), ("ingest", "--inbox", "--replicate")):
            done = preserve(home, policies, *words)
            assert done.returncode == 0, done.stdout + done.stderr
        shutil.rmtree(home / "inbox")
        said = preserve(home, policies, "up", "--json")
        assert said.returncode == 0, said.stderr
        up = json.loads(said.stdout)
        passwords = {user["name"]: user["password"] for user in up["users"]}
        night = Night(Archive(home, policies, up["url"], passwords), database)
        try:
            for name in COMMUNITIES:
                night.api.wait_for_dag(f"audit__{name}")
            yield night
        finally:
            assert preserve(home, policies, "down").returncode == 0


def until(true: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while True:
        try:
            if found := true():
                return found
        except (SamarkandError, psycopg.Error):
            found = None  # it is coming back
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.5)


def readers(night: Night, how_many: int) -> Counter[str]:
    """How many replicas each process reads, once that many are read together."""

    def found() -> Counter[str] | None:
        leases = night.leases()
        return Counter(holder for _, holder in leases) if len(leases) == how_many else None

    counted: Counter[str] = until(found)
    return counted


def test_two_shards_read_two_replicas_each_and_the_third_waits(night: Night) -> None:
    runs = night.begin(*COMMUNITIES)
    assert sorted(readers(night, 4).values()) == [2, 2]
    for _ in range(10):
        assert len(night.checks(runs, "running")) <= 2
        assert len(night.leases()) <= 4
        time.sleep(0.5)
    night.rate.write_text("40 MiB\n")  # while they run
    night.end(runs)
    logs = Path(night.archive.home).rglob(f"*{AUDIT}/**/*.log")
    told = "".join(log.read_text() for log in logs)
    assert "reading at most 1.0 MiB a second" in told
    assert "reading at most 40.0 MiB a second" in told


def test_a_task_that_is_killed_holds_neither_of_its_two_replicas(night: Night) -> None:
    runs = night.begin("east")
    (holder,) = readers(night, 2)
    assert processes.send(holder, signal.SIGKILL)
    night.rate.unlink()
    night.end(runs)
    ((dag, run),) = runs.items()
    rows = night.api.call("GET", f"/dags/{dag}/dagRuns/{run}/taskInstances?limit=100")
    (tried,) = [row["try_number"] for row in rows["task_instances"] if row["task_id"] == AUDIT]
    assert tried > 1


@pytest.mark.parametrize("both", [False, True], ids=["the catalogue's", "airflow's, too"])
def test_a_database_that_restarts_costs_no_check(night: Night, both: bool) -> None:
    runs = night.begin("north")
    readers(night, 2)
    night.database.stop()
    if both:
        processes.send(State.load(Places(night.archive.home).state).postgres, signal.SIGKILL)
    night.rate.unlink()  # what is being read ends while there is nothing to record it in
    time.sleep(10)
    night.database.run(
        "pg_ctl", "-D", str(night.database.folder / "data"), "-o",
        f"-c listen_addresses='' -c unix_socket_directories='{night.database.folder}'",
        "-l", str(night.database.folder / "log"), "-w", "start",
    )  # fmt: skip
    until(lambda: healthy(night.archive.home))
    night.end(runs)
