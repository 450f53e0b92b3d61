"""The real Airflow, supervised: used, shot at, orphaned, stopped. One life of it for all tests.

Each test leaves it healthy, but the last one, which orphans it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from preservation.errors import BusyError
from preservation.files import process
from preservation.model.progress import Silence
from preservation.supervise import (
    Running,
    Settings,
    database_place,
    down,
    healthy,
    processes,
    status,
    up,
)
from preservation.supervise.places import Places
from preservation.supervise.state import Phase, State

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

DAGS = """
import os
from datetime import timedelta
from airflow.sdk import dag, get_current_context, task

@dag(schedule=None)
def nothing():
    @task
    def look():
        return {name: value for name, value in os.environ.items() if name.startswith("PRES")}
    look()

@dag(schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)})
def twenty():
    @task
    def plan():
        return [f"deposit {n}" for n in range(20)]

    @task(map_index_template="{{ label }}", pool="vault")
    def work(name):
        get_current_context()["label"] = name
    work.expand(name=plan())

@dag(schedule=None)
def long():
    @task
    def wait():
        import time
        time.sleep(600)
    wait()

nothing()
twenty()
long()
"""


@dataclass
class World:
    """One running Airflow and what the tests ask of it."""

    settings: Settings
    running: Running
    refused: list[BusyError]

    @property
    def places(self) -> Places:
        return Places(self.settings.home)

    @property
    def state(self) -> State:
        return State.load(self.places.state)

    def run(self, dag: str) -> list[str]:
        """Run a DAG to its end; the labels of its mapped tasks."""
        api = self.running.api("archivist")
        api.wait_for_dag(dag)
        run = api.trigger(dag)
        assert api.wait(dag, run, 120) == "success"
        return [each.label for each in api.task_instances(dag, run) if each.label]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[World]:
    compiled = pytestconfig.cache.mkdir("airflow-bytecode")
    base = tmp_path_factory.mktemp("supervised")
    for name in ("home", "dags", "policies"):
        (base / name).mkdir()
    (base / "dags" / "small.py").write_text(DAGS)
    settings = Settings(
        base / "home",
        base / "policies",
        base / "dags",
        parallelism=4,
        pools={"vault": 2},
        environment={"PYTHONPYCACHEPREFIX": str(compiled)},
    )
    refused: list[BusyError] = []
    second = threading.Thread(target=_up_once_it_is_starting, args=(settings, refused))
    second.start()
    places = Places(settings.home)
    try:
        running = up(settings, Silence())
        second.join()
        yield World(settings, running, refused)
    finally:
        down(settings.home, Silence())
        data = database_place.known(places)
        if data is not None and not data.is_relative_to(settings.home):
            shutil.rmtree(data.parent)


def _up_once_it_is_starting(settings: Settings, refused: list[BusyError]) -> None:
    until(lambda: State.load(Places(settings.home).state).supervisor != "", 60)
    try:
        up(settings, Silence())
    except BusyError as error:
        refused.append(error)


def until(true: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def shoot(who: str) -> None:
    assert processes.send(who, signal.SIGKILL)
    assert processes.wait_until_gone([who], 30)


def test_of_two_ups_at_once_one_says_that_the_other_is_at_it(world: World) -> None:
    (error,) = world.refused
    assert error.exit_code == 5
    assert "already starting" in error.message
    assert str(processes.number_of(world.state.supervisor)) in error.message


def test_up_again_finds_it_running(world: World) -> None:
    again = up(world.settings, Silence())
    assert again.already
    assert (again.url, again.users) == (world.running.url, world.running.users)


def test_tasks_know_the_home_and_run_in_pools_with_labels(world: World) -> None:
    api = world.running.api("archivist2")
    assert api.pools()["vault"] == 2
    api.wait_for_dag("nothing")
    run = api.trigger("nothing")
    assert api.wait("nothing", run, 120) == "success"
    told = f"/dags/nothing/dagRuns/{run}/taskInstances/look/xcomEntries/return_value"
    assert api.call("GET", f"{told}?map_index=-1&deserialize=true")["value"] == {
        "PRESERVATION_HOME": str(world.settings.home),
        "PRESERVATION_POLICIES": str(world.settings.policies),
    }
    assert sorted(world.run("twenty")) == sorted(f"deposit {n}" for n in range(20))


def test_each_killed_component_comes_back_and_leaves_nothing_behind(world: World) -> None:
    before = world.state
    sessions = {name: processes.session_of(who) for name, who in before.components.items()}
    assert len(sessions["scheduler"]) > 4  # LocalExecutor's workers
    for who in before.components.values():
        shoot(who)
    until(lambda: healthy(world.settings.home))
    after = world.state
    assert after.supervisor == before.supervisor
    for name, who in before.components.items():
        assert after.components[name] != who
        assert after.restarts[name] >= 1
        assert not any(processes.runs(each) for each in sessions[name])


def test_a_killed_database_comes_back_and_work_goes_on(world: World) -> None:
    before = world.state.postgres
    shoot(before)
    until(lambda: world.state.postgres not in ("", before))
    until(lambda: healthy(world.settings.home))
    assert len(world.run("twenty")) == 20


def test_down_ends_an_orphaned_airflow_and_nothing_else(world: World) -> None:
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    try:
        api = world.running.api()
        run = api.trigger("long")
        until(lambda: [each.state for each in api.task_instances("long", run)] == ["running"])
        state = world.state
        shoot(state.supervisor)
        assert status(world.settings.home).phase is Phase.FAILED
        all_of_it = [state.postgres, *state.components.values()]
        all_of_it += [m for who in state.components.values() for m in processes.session_of(who)]
        # As if a component had ended long ago and its number were the stranger's now.
        elapsed = process.identity(stranger.pid).rpartition("-")[0] + "-1"
        state.components["triggerer of another time"] = elapsed
        state.save(world.places.state)

        assert down(world.settings.home, Silence())

        assert not any(processes.runs(who) for who in all_of_it)
        assert processes.marked(world.places.token()) == []
        assert stranger.poll() is None
        assert status(world.settings.home).phase is Phase.STOPPED
        assert not down(world.settings.home, Silence())
    finally:
        os.killpg(stranger.pid, signal.SIGKILL)
        stranger.wait()
