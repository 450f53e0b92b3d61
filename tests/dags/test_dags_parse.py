"""What Airflow sees when it parses ``dags/``: every community, one task's DAG, no home at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dag_homes import PROJECT, load, policy_object, put_in_force

from preservation.ledger.policies import PolicyFiles
from preservation.policy.policy import Policy

KINDS = ("audit", "brake", "ingest", "repair", "replicate", "standing")
SINGLE = {"drill", "formats", "journal", "notices", "reports", "statements"}
NEVER = ("magic", "pyarrow", "pygfried", "preservation.app", "preservation.catalogue.sql")


def ids(*communities: str) -> set[str]:
    return {f"{kind}__{one}" for kind in KINDS for one in communities} | SINGLE


def test_each_community_has_one_dag_of_each_kind(home: Path) -> None:
    assert set(load().dags) == ids("field-notes", "silk-road")


def test_dags_survive_serialisation(home: Path) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in load().dags.values():
        again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert sorted(again.task_dict) == sorted(dag.task_dict)
        assert again.dag_display_name == dag.dag_display_name


def test_every_dag_says_what_it_does_and_what_red_means(home: Path) -> None:
    for dag in load().dags.values():
        assert dag.doc_md
        assert "**Red" in dag.doc_md or "Red while" in dag.doc_md, dag.dag_id
        assert dag.tags
        assert dag.max_active_runs == 1
        assert dag.catchup is False


def test_any_task_can_be_lost_and_is_tried_again(home: Path) -> None:
    """A lost worker costs a retry. Those that judge refuse in a way that is not retried."""
    for dag in load().dags.values():
        for task in dag.tasks:
            assert task.retries == 3, task
            # Whoever is asked may take days; that ends by a time of its own.
            assert task.execution_timeout or task.response_timeout, task


def test_work_on_a_tier_waits_in_the_pool_of_the_tier(home: Path) -> None:
    dags = load().dags
    assert (
        dags["audit__silk-road"].task_dict["tier-deep.audit"].partial_kwargs["pool"] == "tier-deep"
    )
    assert dags["ingest__silk-road"].task_dict["deposit.take"].pool == "tier-vault"


@pytest.mark.parametrize(
    ("executor", "queue"), [("LocalExecutor", "default"), ("CeleryExecutor", "deep")]
)
def test_a_queue_for_each_tier_is_the_rule_under_celery_only(
    home: Path, monkeypatch: pytest.MonkeyPatch, executor: str, queue: str
) -> None:
    from preservation.orchestration import settings

    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    settings._common_queue.cache_clear()
    try:
        dags = load().dags
        # Others can't look at a tier that has workers of its own.
        looks = [
            (task.task_id, task.queue)
            for dag in dags.values()
            for task in dag.tasks
            if dag.dag_id == "tiers"
        ]
        own = [(tier, tier) for tier in ("deep", "mirror", "vault")]
        assert sorted(looks) == (own if queue == "deep" else [])
        # One read may serve several tiers where any worker reaches all of them, and only there.
        assert settings.is_one_queue() is (queue == "default")
    finally:
        settings._common_queue.cache_clear()
    on_tier = {
        f"{kind}.{task.task_id}": task.partial_kwargs["queue"]
        for kind in ("audit", "replicate", "repair")
        for task in dags[f"{kind}__silk-road"].tasks
        if getattr(task, "partial_kwargs", {}).get("pool") == "tier-deep"
    }
    assert set(on_tier.values()) == {queue}
    assert {"audit.tier-deep.audit", "replicate.tier-deep.replicate"} <= set(on_tier)


def test_deposits_are_released_only_where_the_policy_says_so(home: Path) -> None:
    document = json.loads(policy_object(home, "silk-road").read_bytes())
    release = {**document["intake"]["release"], "mode": "move"}
    put_in_force(home, "movers", intake={**document["intake"], "release": release})

    dags = load().dags

    assert "release" in dags["ingest__movers"].task_dict
    assert "release" not in dags["ingest__silk-road"].task_dict
    assert "is moved to `released/" in dags["ingest__movers"].doc_md


def test_a_paused_community_keeps_only_the_dag_that_watches_its_promises(home: Path) -> None:
    store = PolicyFiles(home / "policies")
    lines = store.in_force()
    expected = {name: line.digest for name, line in lines.items()}
    left = {"effective": {}, "by": "a test", "reason": "they left", "at": lines["silk-road"].at}
    store.apply(**left, expected=expected, consent="ann", pausing=["silk-road"])

    assert set(load().dags) == ids("field-notes") | {"standing__silk-road"}


def test_without_a_home_there_are_no_dags_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PRESERVATION_HOME", str(tmp_path / "gone"))
    assert load().dags == {}


def test_a_broken_policy_reddens_its_own_community_and_no_other(home: Path) -> None:
    victim = policy_object(home, "silk-road")
    victim.chmod(0o644)
    victim.write_bytes(victim.read_bytes()[:-9])

    dags = load().dags

    # Whether it has a retention to run can't be known: its place is red, too.
    assert set(dags) == ids("field-notes", "silk-road") | {"retention__silk-road"}
    assert "policy_errors" in dags["audit__silk-road"].tags
    assert list(dags["audit__silk-road"].task_dict) == ["read_policy"]
    assert "policy_errors" not in dags["audit__field-notes"].tags


def test_an_unreadable_list_of_policies_is_an_import_error_not_an_empty_archive(
    home: Path,
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    (home / "policies" / "in-force.json").write_text("{")
    bag = DagBag(dag_folder=str(PROJECT / "dags"))
    assert {Path(name).stem for name in bag.import_errors} == {*KINDS, "retention"}
    assert set(bag.dags) == SINGLE


def crowd(home: Path, count: int) -> None:
    put_in_force(home, *(f"community-{number:03}" for number in range(count)))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The communities whose policy was read from its object."""
    from preservation.orchestration import factory

    factory._policy.cache_clear()
    read: list[str] = []
    really = Policy.from_effective

    def counting(data: Any) -> Policy:
        read.append(data["community"])
        return really(data)

    monkeypatch.setattr(Policy, "from_effective", counting)
    return read


def test_each_policy_is_read_once_for_all_files(home: Path, reads: list[str]) -> None:
    crowd(home, 18)
    reads.clear()
    assert len(load().dags) == len(KINDS) * 20 + len(SINGLE)
    assert len(reads) == len(set(reads)) == 20


def test_a_task_costs_the_parse_of_its_own_dag_only(
    home: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(home, 98)
    reads.clear()
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "audit__community-042")
    assert list(load().dags) == ["audit__community-042"]
    assert reads == ["community-042"]


def test_parsing_imports_nothing_heavy(home: Path) -> None:
    code = f"""
import runpy, sys
built = [runpy.run_path(str(path)) for path in {sorted((PROJECT / "dags").glob("*.py"))!r}]
assert sum(name.endswith("__silk-road") for names in built for name in names) == {len(KINDS)}
print([name for name in {NEVER!r} if name in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", "from pathlib import PosixPath" + code],
        capture_output=True,
        text=True,
        env=os.environ.copy(),
    )
    assert ran.stdout.splitlines()[-1:] == ["[]"], ran.stdout + ran.stderr
