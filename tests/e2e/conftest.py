"""One real Airflow for all end-to-end tests: started by ``preserve up``, as a user would."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from running import CAREFUL, GUARDED, PROJECT, Archive, of_home, preserve


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    place = tmp_path_factory.mktemp("e2e")
    home, policies = place / "home", place / "policies"
    shutil.copytree(PROJECT / "policies", policies)
    (policies / "guarded.yaml").write_text(GUARDED, "utf-8")
    (policies / "careful.yaml").write_text(CAREFUL, "utf-8")
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
