"""A small client of Airflow's REST API: what the demo, ``up`` and the tests need of it.

Source: Airflow 3.3, "Stable REST API" (``/api/v2``).
"""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from preservation.errors import NotNowError, SamarkandError, UsageError
from preservation.model.deferred import dataclass

_PAGE = 100  # the server's own limit
_FINISHED = frozenset({"success", "failed"})
# No proxy: this server is on this machine, or wherever the caller says, but never behind one.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Health:
    """What the api-server says of one part. ``heartbeat`` is its last sign of life, if it has."""

    healthy: bool
    heartbeat: datetime | None


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task of one run; ``label`` is its map index as a person reads it."""

    dag: str
    run: str
    task: str
    map_index: int
    label: str
    state: str
    tries: int
    seconds: float | None


def health(url: str, timeout_seconds: float = 5.0) -> dict[str, Health]:
    """Ask ``GET /api/v2/monitor/health``: metadatabase, scheduler, triggerer, dag_processor.

    Returns:
        nothing at all if the api-server does not answer.
    """
    try:
        with _OPENER.open(f"{url}/api/v2/monitor/health", timeout=timeout_seconds) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return {}
    return {
        name: Health(part.get("status") == "healthy", _heartbeat(part))
        for name, part in found.items()
        if isinstance(part, dict)
    }


def warm_up(url: str) -> None:
    """Let the api-server make its interface for tasks, which it does at the first request.

    That takes it seconds, which the first task would wait. The answer is not waited for here.
    """
    with contextlib.suppress(OSError), _OPENER.open(f"{url}/execution/health", timeout=0.2):
        pass


def _heartbeat(part: Mapping[str, Any]) -> datetime | None:
    for name, value in part.items():
        if name.startswith("latest_") and value:
            return datetime.fromisoformat(value)
    return None


class AirflowApi:
    """One person's way in. The token is fetched when first needed, and again when it is refused.

    Args:
        url: like ``http://127.0.0.1:8080``.
        patience_seconds: how long a server that does not answer is asked again.
    """

    def __init__(
        self, url: str, user: str, password: str, *, patience_seconds: float = 30.0
    ) -> None:
        self._url = url.rstrip("/")
        self._user = user
        self._password = password
        self._patience = patience_seconds
        self._token = ""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request below ``/api/v2``; the answer's JSON, None if it has none.

        Raises:
            UsageError: the server refused it (4xx); the message has its reason.
            NotNowError: no answer within the patience, or the server failed (5xx).
        """
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._once(method, f"/api/v2{path}", body)
            except NotNowError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def dags(self) -> list[dict[str, Any]]:
        """All DAGs that Airflow has read."""
        return list(self._pages("/dags", "dags"))

    def wait_for_dag(self, dag: str, timeout_seconds: float = 60.0) -> None:
        """Wait until the dag-processor has read a DAG.

        Raises:
            NotNowError: it did not within the time; the message has Airflow's import errors.
        """
        end = time.monotonic() + timeout_seconds
        while all(found["dag_id"] != dag for found in self.dags()):
            if time.monotonic() > end:
                errors = self.call("GET", "/importErrors")["import_errors"]
                reason = "; ".join(e["stack_trace"].strip().splitlines()[-1] for e in errors)
                raise NotNowError(
                    f"Airflow has not read the DAG {dag!r}: {reason or 'no import error'}",
                    hint="look at `airflow/logs/dag-processor.log` in the home",
                    code="SUP-DAG-ABSENT",
                )
            time.sleep(0.5)

    def pools(self) -> dict[str, int]:
        """Slots by pool name."""
        return {found["name"]: found["slots"] for found in self._pages("/pools", "pools")}

    def trigger(self, dag: str, conf: Mapping[str, Any] | None = None, *, run_id: str = "") -> str:
        """Start a run by hand; its id.

        The id is chosen here, so that a request whose answer was lost starts no second run.
        """
        chosen = run_id or f"manual__{uuid4()}"
        body = {"logical_date": None, "conf": dict(conf or {}), "dag_run_id": chosen}
        try:
            self.call("POST", f"/dags/{_quoted(dag)}/dagRuns", body)
        except UsageError as error:
            if run_id or error.code != "SUP-HTTP-409":
                raise
        return chosen

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """All runs of a DAG, oldest first."""
        return list(self._pages(f"/dags/{_quoted(dag)}/dagRuns?order_by=id", "dag_runs"))

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        """One run, as Airflow tells it."""
        found: dict[str, Any] = self.call("GET", f"/dags/{_quoted(dag)}/dagRuns/{_quoted(run_id)}")
        return found

    def wait(self, dag: str, run_id: str, timeout_seconds: float = 600.0) -> str:
        """Wait for the end of a run: ``success`` or ``failed``.

        Raises:
            NotNowError: it is still going on.
        """
        end = time.monotonic() + timeout_seconds
        while True:
            state = str(self.run(dag, run_id)["state"])
            if state in _FINISHED:
                return state
            if time.monotonic() > end:
                raise NotNowError(f"run {run_id!r} of {dag!r} is still {state!r}")
            time.sleep(0.5)

    def task_instances(self, dag: str, run_id: str) -> list[TaskInstance]:
        """All task instances of a run as they began, mapped ones with their labels."""
        path = f"/dags/{_quoted(dag)}/dagRuns/{_quoted(run_id)}/taskInstances"
        began = sorted(
            self._pages(path, "task_instances"), key=lambda found: found["start_date"] or "~"
        )
        return [
            TaskInstance(
                dag=dag,
                run=run_id,
                task=found["task_id"],
                map_index=found["map_index"],
                label=found.get("rendered_map_index") or "",
                state=found["state"] or "",
                tries=found["try_number"],
                seconds=found["duration"],
            )
            for found in began
        ]

    def answer(
        self,
        instance: TaskInstance,
        options: list[str],
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Answer a task that waits for a person, as the user of this client."""
        path = (
            f"/dags/{_quoted(instance.dag)}/dagRuns/{_quoted(instance.run)}"
            f"/taskInstances/{_quoted(instance.task)}/{instance.map_index}/hitlDetails"
        )
        body = {"chosen_options": options, "params_input": dict(params or {})}
        self.call("PATCH", path, body)

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        mark = "&" if "?" in path else "?"
        offset = 0
        while True:
            page = self.call("GET", f"{path}{mark}limit={_PAGE}&offset={offset}")[key]
            yield from page
            offset += len(page)
            if len(page) < _PAGE:
                return

    def _once(self, method: str, path: str, body: Any) -> Any:
        if not self._token:
            login = {"username": self._user, "password": self._password}
            self._token = self._send("POST", "/auth/token", login)["access_token"]
        try:
            return self._send(method, path, body)
        except _UnauthorisedError:
            self._token = ""
            raise

    def _send(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the caller's own address
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with _OPENER.open(request, timeout=30) as answer:
                found = answer.read()
        except urllib.error.HTTPError as error:
            raise _refusal(error, f"{method} {path}") from error
        except OSError as error:
            raise NotNowError(
                f"Airflow at {self._url} does not answer: {error}",
                hint="is it up? `preserve up` starts it",
                code="SUP-NO-ANSWER",
            ) from error
        return json.loads(found) if found else None


class _UnauthorisedError(NotNowError):
    """The token is old, or of another life of the server: the next try fetches another."""


def _refusal(error: urllib.error.HTTPError, what: str) -> SamarkandError:
    said = error.read().decode("utf-8", "replace")
    try:
        said = str(json.loads(said)["detail"])
    except (ValueError, KeyError, TypeError):
        said = said.strip()
    message = f"Airflow answered {error.code} to {what}: {said[:500]}"
    if error.code == 401 and not what.startswith("POST /auth/"):
        return _UnauthorisedError(message, code="SUP-UNAUTHORISED")
    if error.code >= 500:
        return NotNowError(message, code="SUP-SERVER-FAILED")
    return UsageError(message, code=f"SUP-HTTP-{error.code}")


def _quoted(part: str) -> str:
    return urllib.parse.quote(part, safe="")


def ensure_pools(api: AirflowApi, pools: Mapping[str, int]) -> None:
    """Make pools, or change their slots, so that each has as many as wanted. Others stay."""
    there = api.pools()
    for name, slots in pools.items():
        if name not in there:
            body = {"name": name, "slots": slots, "include_deferred": False}
            api.call("POST", "/pools", body)
        elif there[name] != slots:
            api.call("PATCH", f"/pools/{_quoted(name)}", {"name": name, "slots": slots})
