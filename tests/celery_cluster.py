"""The services of ``docker/compose.yaml`` without Docker: the same commands and settings.

Names of containers and folders are exchanged for those of this machine; every service is a session
of processes of its own, so that it can be killed with all that it forked.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from buckets import free_port
from private_postgres import PrivatePostgres, private_postgres
from running import PROJECT, preserve

from preservation.files import process
from preservation.supervise import processes
from preservation.supervise.rest import AirflowApi

DOCKER = PROJECT / "docker"
QUEUES = "AIRFLOW__PRESERVATION__QUEUES"
SECRET = secrets.token_hex(32)  # every password and key
_NAMING = "import os\n\ndef name():\n    return os.environ['WORKER']\n"


@dataclass
class Cluster:
    """Airflow as compose runs it, and its workers.

    Attributes:
        place: holds the home, Airflow's folder, the logs.
        sessions: the leading process of each service that was started, by name.
        given: what each worker's environment has beside that of compose.
        one_queue: any worker takes the work of all tiers, as compose has it; else each tier has
            a queue of its own.
    """

    place: Path
    names: Mapping[str, str]
    services: Mapping[str, Any]
    port: int
    one_queue: bool
    sessions: dict[str, str] = field(default_factory=dict)
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    given: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.place / "lib" / "home"

    @property
    def policies(self) -> Path:
        return self.place / "policies"

    def log(self, name: str) -> str:
        return (self.place / f"{name}.log").read_text(errors="replace")

    def environment(self, service: str, **more: str) -> dict[str, str]:
        """What compose gives a service."""
        given = {**_image(), **self.services[service]["environment"]}
        here = {name: self._here(str(value)) for name, value in given.items()}
        if not self.one_queue:
            here.pop(QUEUES)
        kept = ("PATH", "LANG", "TMPDIR", "PYTHONPYCACHEPREFIX")
        mine = {name: os.environ[name] for name in kept if name in os.environ}
        mine["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), mine.get("PATH", "")))
        fixed = {
            "HOME": str(self.place),
            "PRESERVATION_POLICIES": str(self.policies),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "NO_PROXY": "127.0.0.1,localhost",
        }
        paths = (more.get("PYTHONPATH"), here.get("PYTHONPATH"), os.environ.get("PYTHONPATH"))
        found = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        root = {"C_FORCE_ROOT": "1"} if os.geteuid() == 0 else {}
        return mine | here | fixed | root | more | found

    def run(self, service: str, **more: str) -> None:
        """Run a service that ends."""
        command, variables = self._command(service), self.environment(service, **more)
        done = subprocess.run(command, cwd=PROJECT, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, service: str, name: str = "", *words: str, **more: str) -> None:
        """Start a service that stays, ``words`` behind its command, ``more`` in its environment."""
        name = name or service
        with (self.place / f"{name}.log").open("ab") as log:
            started = subprocess.Popen(
                [*self._command(service), *words],
                cwd=PROJECT,
                env=self.environment(service, **more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started[name] = started
        self.sessions[name] = process.identity(started.pid)

    def work(self, queue: str, **more: str) -> None:
        """Start a worker that takes the work of one queue, and calls its machine like that."""
        words = ("--queues", queue, "--celery-hostname", f"{queue}@%h", "--concurrency", "2")
        named = {
            "WORKER": queue,
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "worker_name.name",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "PYTHONPATH": str(self.place),
        }
        self.given[queue] = more
        self.start("worker", queue, *words, **named, **more)

    def is_well(self, service: str) -> bool:
        """What compose's health check says of a service."""
        kind, program, *words = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        words = [word.replace(":8080/", f":{self.port}/") for word in words]
        told = subprocess.run([program, *words], env=self.environment(service), capture_output=True)
        return told.returncode == 0

    def shoot(self, name: str) -> None:
        """SIGKILL for a service and everything that it forked."""
        leader = self.sessions.pop(name)
        for who in (*processes.session_of(leader), leader):
            processes.send(who, signal.SIGKILL)
        self.started.pop(name).wait()

    def api(self, user: str = "admin") -> AirflowApi:
        return AirflowApi(f"http://127.0.0.1:{self.port}", user, SECRET, patience_seconds=120)

    def preserve(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in more.items():
                patch.setenv(name, value)
            return preserve(self.home, self.policies, *words)

    def _command(self, service: str) -> list[str]:
        program, *words = self.services[service]["command"]
        found = program if "/" in program else Path(sys.executable).with_name(program)
        return [str(found), *words]

    def _here(self, value: str) -> str:
        value = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: SECRET, value)
        for name, here in self.names.items():
            value = value.replace(name, here)
        return value


@contextmanager
def cluster(place: Path, *, one_queue: bool = False) -> Iterator[Cluster]:
    """Redis, PostgreSQL and a place for the rest; all that was started is ended."""
    redis = shutil.which("redis-server")
    if redis is None:
        reason = "there is no redis-server: install Debian's redis-server"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    port, broker = free_port(), free_port()
    with private_postgres() as database:
        database.sql("CREATE DATABASE airflow")
        database.sql("CREATE DATABASE catalogue")
        made = Cluster(place, _names(place, database, port, broker), _services(), port, one_queue)
        _furnish(made, database)
        words = ["--port", str(broker), "--bind", "127.0.0.1", *_redis_words()]
        with subprocess.Popen([redis, *words], cwd=place, stdout=subprocess.DEVNULL) as queue:
            try:
                yield made
            finally:
                for name in list(made.sessions):
                    made.shoot(name)
                queue.kill()


def wait_until_healthy(one: Cluster, seconds: float = 300) -> None:
    """Until all of Airflow's parts say that they live."""
    end = time.monotonic() + seconds
    address = f"http://127.0.0.1:{one.port}/api/v2/monitor/health"
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                if answer.read().count(b'"healthy"') >= 4:
                    return
        except OSError:
            pass
        time.sleep(1)
    logs = "".join(f"--- {name}\n{one.log(name)[-2000:]}\n" for name in one.sessions)
    pytest.fail(f"Airflow did not become healthy\n{logs}")


def _services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    common = found["worker"]["environment"]
    return {name: {"environment": common, **service} for name, service in found.items()}


def _redis_words() -> list[str]:
    command: list[str] = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["redis"][
        "command"
    ]
    return command[1:]


def _image() -> dict[str, str]:
    """The environment that the image sets."""
    text = (DOCKER / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    (line,) = (line for line in text.splitlines() if line.startswith("ENV "))
    return dict(word.split("=", 1) for word in shlex.split(line)[1:])


def _names(place: Path, database: PrivatePostgres, port: int, broker: int) -> dict[str, str]:
    return {
        f"samarkand:{SECRET}@postgres/airflow": f"samarkand@/airflow?host={database.folder}",
        "redis://redis:6379": f"redis://127.0.0.1:{broker}",
        "http://api-server:8080": f"http://127.0.0.1:{port}",
        "/var/lib/samarkand": str(place / "lib"),
        "/opt/samarkand": str(PROJECT),
    }


def _furnish(one: Cluster, database: PrivatePostgres) -> None:
    one.home.mkdir(parents=True)
    (one.place / "worker_name.py").write_text(_NAMING)
    (one.place / "lib" / "airflow").mkdir()
    one.policies.mkdir()
    (one.home / "samarkand.toml").write_text(
        'format = "samarkand.home/1"\n'
        f'catalogue = "postgresql+psycopg://samarkand@/catalogue?host={database.folder}"\n'
    )
    users = one.environment("api-server")["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
    names = [user.partition(":")[0] for user in users.split(",")]
    passwords = "{" + ", ".join(f'"{name}": "{SECRET}"' for name in names) + "}"
    (one.place / "lib" / "airflow" / "passwords.json").write_text(passwords)
