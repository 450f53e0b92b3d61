"""Airflow's settings, all through the environment of its processes.

Nothing of the caller's own Airflow comes in (``AIRFLOW*``, ``PG*`` are dropped), and secrets do
not lie in the environment but in files that only we can read: Airflow fetches them by ``cat``.

Source: Airflow 3.3 configuration reference; every value here was tried.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

from preservation.files import durable
from preservation.model.deferred import dataclass
from preservation.supervise import processes
from preservation.supervise.places import Places
from preservation.supervise.settings import Settings

_FOREIGN = ("AIRFLOW", "PG", "_AIRFLOW", "CELERY")
_FORKING = Path(__file__).parents[1] / "orchestration" / "forking"  # loaded before tasks are forked
_ROLES = {"admin": "admin", "archivist": "op", "archivist2": "op"}

_FIXED = {
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    # The default asks the name servers, which takes seconds where there are none.
    "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "API__WORKERS": "1",
    "API__EXPOSE_CONFIG": "False",
    # The supervisor migrates; each process looking again costs it a second.
    "DATABASE__CHECK_MIGRATIONS": "False",
    "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    "DAG_PROCESSOR__PARSING_PROCESSES": "1",
    # A killed scheduler or task is noticed in a minute, not in five.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
    "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    # A task whose pipes close a moment before it ends is seen to have ended one heartbeat later:
    # five seconds by default, in which an answer to its question would be lost.
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "LOGGING__COLORED_CONSOLE_LOG": "False",
    "LOGGING__LOGGING_LEVEL": "WARNING",
    "LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
}
_QUIET = "airflow.jobs=WARNING airflow.executors=WARNING airflow.models=WARNING"


@dataclass(frozen=True, slots=True)
class User:
    """A login of the local Airflow."""

    name: str
    role: str
    password: str


def users(places: Places) -> tuple[User, ...]:
    """The logins, as they are in Airflow's password file; made at the first call."""
    path = places.run / "passwords.json"
    try:
        known = dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        known = {}
    passwords = {name: str(known.get(name) or secrets.token_urlsafe(12)) for name in _ROLES}
    if passwords != known:
        durable.replace(path, json.dumps(passwords).encode() + b"\n", mode=0o600)
    return tuple(User(name, role, passwords[name]) for name, role in _ROLES.items())


def environment(settings: Settings, places: Places, database: str, port: int) -> dict[str, str]:
    """What every process of Airflow gets. ``database`` is a URL with ``{driver}`` in it."""
    url = f"http://{settings.host}:{port}"
    own = {
        "CORE__DAGS_FOLDER": str(settings.dags),
        "CORE__PLUGINS_FOLDER": str(places.airflow / "plugins"),
        "CORE__PARALLELISM": str(settings.parallelism),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{n}:{r}" for n, r in _ROLES.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(places.run / "passwords.json"),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY_CMD": _cat(places, "fernet-key", _fernet_key),
        "API__HOST": settings.host,
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__SECRET_KEY_CMD": _cat(places, "secret-key", _key),
        "DATABASE__SQL_ALCHEMY_CONN": database.format(driver="psycopg2"),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": database.format(driver="asyncpg"),
        "LOGGING__BASE_LOG_FOLDER": str(places.logs / "tasks"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(places.logs / "dag-files"),
    }
    return (
        _inherited()
        | _bytecode(places)
        | {f"AIRFLOW__{name}": value for name, value in (_FIXED | own).items()}
        | {
            "AIRFLOW_HOME": str(places.airflow),
            "PRESERVATION_HOME": str(settings.home),
            "PRESERVATION_POLICIES": str(settings.policies),
            processes.MARK: places.token(),
        }
        | dict(settings.environment)
    )


def for_component(name: str, places: Places, variables: Mapping[str, str]) -> dict[str, str]:
    """What one of the components gets beyond that.

    The key of the tokens goes to those that sign or check them; the scheduler's processes are
    the tasks, and what these say is for people. Who forks tasks, or parsers of DAG files, loads
    what all of them need before.
    """
    more: dict[str, str] = {}
    if name in ("api-server", "scheduler"):
        more["AIRFLOW__API_AUTH__JWT_SECRET_CMD"] = _cat(places, "jwt-secret", _key)
    if name == "scheduler":
        more["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "INFO"
        more["AIRFLOW__LOGGING__NAMESPACE_LEVELS"] = _QUIET
    if name in ("dag-processor", "scheduler"):
        paths = str(_FORKING), variables.get("PYTHONPATH")
        more["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return {**variables, **more}


def _inherited() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    here = {"PATH": os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", "")))}
    # Tasks talk to the api-server of this machine: no proxy between the two.
    for name in ("NO_PROXY", "no_proxy"):
        here[name] = ",".join(filter(None, (kept.get(name), "127.0.0.1", "localhost")))
    return kept | here | {"PYTHONUNBUFFERED": "1"}


def _bytecode(places: Places) -> dict[str, str]:
    """Where compiled Python is kept. Compiling Airflow anew doubles the start of each process."""
    if os.environ.get("PYTHONPYCACHEPREFIX"):
        return {"PYTHONDONTWRITEBYTECODE": ""}
    writable = os.access(sysconfig.get_path("purelib"), os.W_OK)
    if writable and not os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return {}
    return {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(places.airflow / "bytecode"),
    }


def _cat(places: Places, name: str, make: Callable[[], str]) -> str:
    path = places.run / name
    if not path.exists():
        durable.replace(path, make().encode(), mode=0o600)
    return f"cat {shlex.quote(str(path))}"


def _key() -> str:
    return secrets.token_hex(32)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
