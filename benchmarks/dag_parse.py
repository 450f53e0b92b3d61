"""What parsing costs: all DAG files with a hundred communities, and one DAG for one task.

Prints seconds beyond Airflow's own import (its SDK and the operators that we use), each the
best of three, in processes of their own; and how much of it was CPU, for machines that
others use too. Goals: all files under 5 s, one DAG under 0.5 s.

    python benchmarks/dag_parse.py [--communities 100]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from preservation.app.create import create_home
from preservation.ledger.policies import PolicyFiles

PROJECT = Path(__file__).parents[1]
MEASURE = """
import sys, time
from pathlib import Path
import airflow.sdk, airflow.sdk.exceptions
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, CronTriggerTimetable, task, task_group
with DAG("warm", schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC")):
    @task
    def warm(): ...
    warm()
began, worked = time.perf_counter(), time.process_time()
bag = DagBag(dag_folder=sys.argv[1])
print(time.perf_counter() - began, time.process_time() - worked, bag.size(), len(bag.import_errors))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--communities", type=int, default=100)
    count = parser.parse_args().communities
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        create_home(home, PROJECT / "policies", by="a benchmark")
        crowd(home, count)
        every = best(home, PROJECT / "dags")
        one = best(home, PROJECT / "dags" / "audit.py", "audit__community-000")
    print(f"all DAG files, {count} communities, {every[2]} DAGs: {told(every)} (goal 10 s at 200)")
    print(f"one DAG for one task, of {count} communities: {told(one)} (goal 0.5 s)")


def told(run: tuple[float, float, int]) -> str:
    return f"{run[0]:.2f} s, of it {run[1]:.2f} s of CPU"


def crowd(home: Path, count: int) -> None:
    """Put copies of a shipped policy in force until there are so many communities."""
    store = PolicyFiles(home / "policies")
    lines = store.in_force()
    line = lines["silk-road"]
    document = json.loads((home / "policies/objects" / f"{line.digest.hex}.json").read_bytes())
    names = [f"community-{number:03}" for number in range(count - len(lines))]
    store.apply(
        {name: {**document, "community": name} for name in names},
        by="a benchmark",
        reason="a crowd",
        at=line.at,
        expected={name: each.digest for name, each in lines.items()},
    )


def best(home: Path, folder: Path, dag_id: str = "") -> tuple[float, float, int]:
    """Seconds, seconds of CPU, and DAGs: the best of three processes."""
    env = os.environ | {
        "PRESERVATION_HOME": str(home),
        "AIRFLOW_HOME": str(home.parent / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }
    if dag_id:
        env["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    runs = []
    for _ in range(3):
        command = [sys.executable, "-c", MEASURE, str(folder)]
        said = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        seconds, cpu, dags, errors = said.stdout.split()[-4:]
        assert errors == "0", said.stdout
        runs.append((float(seconds), float(cpu), int(dags)))
    return min(runs)


if __name__ == "__main__":
    main()
