"""Who does the demo's work: DAG runs of a real Airflow, or the same services in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from preservation.app.home import SystemClock
from preservation.app.parts import open_home
from preservation.app.reporting import write_report
from preservation.cli.shell import Shell
from preservation.errors import NotNowError
from preservation.model.progress import Progress, Silence
from preservation.supervise.control import Running
from preservation.supervise.rest import AirflowApi, TaskInstance

Say = Callable[[str], None]

_POLL_SECONDS = 1.0
_WAIT_SECONDS = 600.0
_ENDED = {"success", "failed"}
_SILENT_STATES = {"", "none", "scheduled", "queued", "running", "skipped", "removed"}


class Engine(Protocol):
    """Does the main job's steps for some communities."""

    def ingest(self, communities: list[str]) -> None: ...

    def replicate(self, communities: list[str]) -> None: ...

    def audit(self, communities: list[str]) -> None: ...

    def repair(self, communities: list[str]) -> None: ...


class Sentences(Silence):
    """Progress that tells its sentences only."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def say(self, sentence: str) -> None:
        self._say(sentence)


class InProcess:
    """The services, called one after the other."""

    def __init__(self, here: Shell, say: Say) -> None:
        self._here = here
        self._progress: Progress = Sentences(say)
        self._say = say
        self._began = SystemClock().now()

    def ingest(self, communities: list[str]) -> None:
        with open_home(self._here.home) as parts:
            for policy in map(parts.store.governing, communities):
                for arrival in parts.ingest.scan(policy):
                    parts.ingest.take(policy, arrival, self._progress)

    def replicate(self, communities: list[str]) -> None:
        with open_home(self._here.home) as parts:
            for policy in map(parts.store.governing, communities):
                for shard in parts.replication.plan(policy):
                    results = parts.replication.run(policy, shard, self._progress)
                    verified = sum(one.state == "verified" for one in results)
                    self._say(f"{policy.community}: {shard.label}, {verified} verified")

    def audit(self, communities: list[str]) -> None:
        with open_home(self._here.home) as parts:
            for policy in map(parts.store.governing, communities):
                for shard in parts.audit.plan(policy, everything=True):
                    result = parts.audit.run(policy, shard, self._progress)
                    told = ", ".join(f"{n} {what}" for what, n in result.outcomes.items() if n)
                    self._say(f"{policy.community}: {shard.label}, {told}")

    def repair(self, communities: list[str]) -> None:
        with open_home(self._here.home) as parts:
            for policy in map(parts.store.governing, communities):
                for finding in parts.repair.plan(policy):
                    result = parts.repair.repair(policy, finding.id, self._progress)
                    self._say(f"{result.key} on {result.tier}: {result.state}")
                parts.drain()
                write_report(parts, policy, f"demo {self._began:%Y-%m-%dT%H:%M:%SZ}", self._began)


class InAirflow:
    """DAG runs, triggered and followed through the REST interface."""

    def __init__(self, running: Running, say: Say) -> None:
        self._api: AirflowApi = running.api()
        self._say = say
        self._before: dict[str, set[str]] = {}

    def ingest(self, communities: list[str]) -> None:
        self._note("replicate", communities)
        self._trigger("ingest", communities)

    def replicate(self, communities: list[str]) -> None:
        """Ingest's asset has woken the replication; where nothing came in, it has nothing to do."""
        self._follow_woken("replicate", communities)

    def audit(self, communities: list[str]) -> None:
        self._note("repair", communities)
        self._trigger("audit", communities, {"everything": True})

    def repair(self, communities: list[str]) -> None:
        self._follow_woken("repair", communities)

    def _note(self, kind: str, communities: list[str]) -> None:
        """Remember the runs that were there before the act that is to wake a new one."""
        for community in communities:
            dag = f"{kind}__{community}"
            self._api.wait_for_dag(dag)
            self._before[dag] = {run["dag_run_id"] for run in self._api.runs(dag)}

    def _trigger(
        self, kind: str, communities: list[str], conf: dict[str, object] | None = None
    ) -> None:
        runs = []
        for community in communities:
            dag = f"{kind}__{community}"
            self._api.wait_for_dag(dag)
            runs.append((dag, self._api.trigger(dag, conf)))
        for dag, run in runs:
            self._follow(dag, run)

    def _follow_woken(self, kind: str, communities: list[str]) -> None:
        for community in communities:
            dag = f"{kind}__{community}"
            self._follow(dag, self._woken(dag))

    def _woken(self, dag: str) -> str:
        """The run that an asset started; an hour later the sweep would have, so we start it
        where nothing woke it.
        """
        for _ in range(8):
            new = [
                run["dag_run_id"]
                for run in self._api.runs(dag)
                if run["dag_run_id"] not in self._before[dag]
            ]
            if new:
                return str(new[0])
            time.sleep(_POLL_SECONDS)
        return self._api.trigger(dag)

    def _follow(self, dag: str, run: str) -> None:
        """Tell each task's end until the run has ended.

        Raises:
            NotNowError: it failed, or took too long.
        """
        told: set[tuple[str, int]] = set()
        until = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < until:
            state = str(self._api.run(dag, run)["state"])
            for task in self._api.task_instances(dag, run):
                self._tell(dag, task, told)
            if state in _ENDED:
                break
            time.sleep(_POLL_SECONDS)
        if state != "success":
            raise NotNowError(
                f"the run {run} of {dag} ended as {state}",
                hint="`make up` keeps Airflow running, so that its grid and logs can be read",
                code="DEMO-RUN-FAILED",
            )

    def _tell(self, dag: str, task: TaskInstance, told: set[tuple[str, int]]) -> None:
        mark = (task.task, task.map_index)
        if mark in told or task.state in _SILENT_STATES:
            return
        told.add(mark)
        if task.label:
            self._say(f"{dag} · {task.label}: {task.state}")


def last_reports(home: Path, communities: list[str]) -> dict[str, Path]:
    """The newest report page of each community."""
    found = {}
    for community in communities:
        pages = (home / "reports" / community).glob("*/report.html")
        if newest := max(pages, key=lambda page: page.stat().st_mtime_ns, default=None):
            found[community] = newest
    return found
