"""One real Airflow for all end-to-end tests: started by ``preserve up``, as a user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from preservation.supervise.rest import AirflowApi

PROJECT = Path(__file__).parents[2]
PRESERVE = Path(sys.executable).with_name("preserve")

GUARDED = """\
version: 1
community: guarded
title:
  en: Repairs only after approval
replicas:
  - {tier: vault, packaging: folder, within: 1h}
  - {tier: mirror, packaging: folder, within: 1h}
minimum:
  replicas: 2
  failure_domains: 1
  sites: 1
repair:
  mode: approved
  approvers: [archivist]
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


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    place = tmp_path_factory.mktemp("e2e")
    home, policies = place / "home", place / "policies"
    shutil.copytree(PROJECT / "policies", policies)
    (policies / "guarded.yaml").write_text(GUARDED, "utf-8")
    made = preserve(home, policies, "init")
    assert made.returncode == 0, made.stderr
    up = preserve(home, policies, "up", "--json")
    assert up.returncode == 0, up.stderr
    said: dict[str, Any] = json.loads(up.stdout)
    passwords = {user["name"]: user["password"] for user in said["users"]}
    yield Archive(home, policies, said["url"], passwords)
    down = preserve(home, policies, "down")
    assert down.returncode == 0, down.stderr
    assert of_home(home) == []


@pytest.fixture(scope="session")
def told(archive: Archive) -> str:
    """What `preserve demo` says, run once over the running Airflow."""
    demo = archive.preserve("demo")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    return demo.stdout
