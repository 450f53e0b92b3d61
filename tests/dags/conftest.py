"""A real home, a real Airflow database, and DAGs that really run in this process.

Airflow reads its settings when it is first imported, so they are set here, before any test
of this folder is.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_homes import PROJECT, load, make_home

AIRFLOW = Path(tempfile.mkdtemp(prefix="samarkand-airflow-"))
atexit.register(shutil.rmtree, AIRFLOW, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=str(AIRFLOW),
    AIRFLOW__CORE__DAGS_FOLDER=str(PROJECT / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__EXECUTOR="LocalExecutor",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{AIRFLOW}/airflow.db",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
)

Ran = dict[str, list[str]]  # task -> the states of its instances, or their labels


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.airflow)


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Airflow's own database, migrated once for all tests of this folder."""
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new home with the shipped policies in force."""
    return make_home(tmp_path / "home", PROJECT / "policies", monkeypatch)


@pytest.fixture
def run(airflow_database: None, home: Path) -> Callable[..., Ran]:
    """Run a DAG to its end by ``dag.test()``; no task of it is tried twice.

    ``succeed`` names tasks that are marked a success instead of being run.
    """

    def really_run(dag_id: str, succeed: str | None = None, **conf: Any) -> Ran:
        dag = load().dags[dag_id]
        for task in dag.tasks:
            settings = getattr(task, "partial_kwargs", None)
            settings.update(retries=0) if settings is not None else setattr(task, "retries", 0)
        dag_run = dag.test(run_conf=conf, mark_success_pattern=succeed)
        ran: Ran = {"": [str(dag_run.state)]}
        for ti in sorted(dag_run.get_task_instances(), key=lambda ti: (ti.task_id, ti.map_index)):
            shown = str(ti.state)
            if ti.rendered_map_index and shown == "success":
                shown = ti.rendered_map_index
            ran.setdefault(ti.task_id, []).append(shown)
        return ran

    return really_run
