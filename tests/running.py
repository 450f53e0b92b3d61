"""A home with its Airflow, as end-to-end tests see it: through the command and REST."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from preservation.supervise.rest import AirflowApi, TaskInstance

PROJECT = Path(__file__).parents[1]
PRESERVE = Path(sys.executable).with_name("preserve")

GUARDED = """\
version: 1
community: guarded
title:
  en: Repairs and disposals only after approval
replicas:
  - {tier: vault, packaging: folder, within: 1h}
  - {tier: mirror, packaging: folder, within: 1h}
minimum:
  replicas: 2
  failure_domains: 1
  sites: 1
audit: {split_above: 1 MiB}
repair:
  mode: approved
  approvers: [archivist]
retention:
  keep: 1s
  approvals: 2
  approvers: [archivist, archivist2]
"""

CAREFUL = """\
version: 1
community: careful
title:
  en: Repairs by itself, but for mass loss
replicas:
  - {tier: vault, packaging: folder, within: 1h}
  - {tier: mirror, packaging: folder, within: 1h}
minimum:
  replicas: 2
  failure_domains: 1
  sites: 1
"""


@dataclass(frozen=True)
class Archive:
    """A home with its Airflow."""

    home: Path
    policies: Path
    url: str
    passwords: dict[str, str]

    def preserve(self, *words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        return preserve(self.home, self.policies, *words, timeout=timeout)

    def api(self, user: str) -> AirflowApi:
        return AirflowApi(self.url, user, self.passwords[user])


def preserve(
    home: Path, policies: Path, *words: str, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    command = [str(PRESERVE), "--home", str(home), "--policies", str(policies), *words]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=timeout)


def of_home(home: Path) -> list[str]:
    """The processes that have this home in their environment or command line."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(home) in words:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def question(api: AirflowApi, dag: str, run: str) -> TaskInstance:
    """The task that waits for a person, once Airflow can take an answer."""
    return questions(api, dag, run, 1)[0]


def questions(api: AirflowApi, dag: str, run: str, count: int) -> list[TaskInstance]:
    """The tasks that wait for people, once there are so many.

    Airflow 3.3 shows a task as waiting before the attempt that asks has ended; an answer that comes
    so soon counts only after a retry, so that tests which are about something else wait.
    """
    for _ in range(240):
        asked = [one for one in api.task_instances(dag, run) if one.state == "awaiting_input"]
        if len(asked) >= count:
            time.sleep(5)
            return asked
        time.sleep(0.5)
    pytest.fail(f"not {count} were asked")


def approve(api: AirflowApi, asked: TaskInstance, reason: str) -> None:
    """Answer, and wait until the answer was taken: on a busy machine it may take a retry."""
    api.answer(asked, ["Approve"], {"reason": reason})
    for _ in range(480):
        tasks = api.task_instances(asked.dag, asked.run)
        if next(one for one in tasks if one.task == asked.task).state == "success":
            return
        time.sleep(0.5)
    pytest.fail(f"the answer to {asked.task} does not count")
