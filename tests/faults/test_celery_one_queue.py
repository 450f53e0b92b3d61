"""``docker/compose.yaml`` as it stands, without Docker: one worker, one queue for all tiers.

By hand, since it takes minutes: ``SAMARKAND_SOAK=1 pytest tests/faults/test_celery_one_queue.py``.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from celery_cluster import Cluster, cluster, wait_until_healthy
from running import PROJECT

from preservation.app.parts import open_home

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("SAMARKAND_SOAK"), reason="SAMARKAND_SOAK is not set"),
]

STAYING = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("compose"), one_queue=True) as made:
        shutil.copytree(PROJECT / "policies", made.policies, dirs_exist_ok=True)
        made.run("prepare")
        for service in STAYING[:-1]:
            made.start(service)
        end = time.monotonic() + 300
        while not made.is_well("api-server"):  # which the worker waits for
            assert time.monotonic() < end, made.log("api-server")
            time.sleep(1)
        made.start("worker")
        wait_until_healthy(made)
        yield made


def test_all_that_stays_is_started_and_what_has_a_health_check_is_well(made: Cluster) -> None:
    assert set(made.services) == {*STAYING, "prepare", "postgres", "redis"}
    waits = made.services["worker"]["depends_on"]
    assert waits["api-server"] == {"condition": "service_healthy"}
    assert [name for name, one in made.started.items() if one.poll() is not None] == []
    assert not any("Traceback" in made.log(name) for name in STAYING)
    made.run("prepare")  # at every start, over what is there


def test_one_worker_does_the_work_of_all_tiers(made: Cluster) -> None:
    api = made.api()
    deposit = made.home / "inbox" / "silk-road" / "letters"
    deposit.mkdir()
    (deposit / "one.txt").write_text("a letter that was kept\n", "utf-8")
    for kind, conf in (
        ("ingest", {"deposit": "letters"}),
        ("replicate", {}),
        ("audit", {"everything": True}),
    ):
        dag = f"{kind}__silk-road"
        api.wait_for_dag(dag, 120)
        assert api.wait(dag, api.trigger(dag, conf)) == "success"
    with open_home(made.home) as parts:
        policy = parts.store.governing("silk-road")
        states = {row.tier: row.state.value for row in parts.catalogue.replicas("silk-road")}
    assert states == {rule.tier: "verified" for rule in policy.replicas}
    assert "tiers" not in {dag["dag_id"] for dag in api.dags()}  # any worker looks at any tier
