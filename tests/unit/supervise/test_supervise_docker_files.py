"""No Docker engine is needed to see that what the image and compose file name exists."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from preservation.supervise import Settings
from preservation.supervise.components import COMMANDS
from preservation.supervise.environment import environment, for_component
from preservation.supervise.places import Places

ROOT = Path(__file__).parents[3]
DOCKER = ROOT / "docker"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def instructions() -> list[list[str]]:
    text = (DOCKER / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


def airflow_settings() -> set[str]:
    """Names of the environment variables of all settings that Airflow and its Celery know."""
    (folder,) = importlib.util.find_spec("airflow").submodule_search_locations
    reference = yaml.safe_load((Path(folder) / "config_templates/config.yml").read_text("utf-8"))
    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, found in reference.items()
        for option in found["options"]
    }
    celery = (Path(folder) / "providers/celery/get_provider_info.py").read_text("utf-8")
    known |= {f"AIRFLOW__CELERY__{o}".upper() for o in re.findall(r'"(\w+)": \{', celery)}
    return known | {"AIRFLOW__PRESERVATION__QUEUES"}


def test_all_that_the_image_copies_is_there_and_sent_to_the_builder(
    instructions: list[list[str]],
) -> None:
    sent = (DOCKER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    sources = [s for words in instructions if words[0] == "COPY" for s in words[1:-1]]
    assert {"preservation", "dags", "policies"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in sent


def test_the_lock_of_the_image_names_no_host_and_hashes_everything() -> None:
    text = (DOCKER / "requirements.txt").read_text("utf-8")
    assert "://" not in text
    pins = re.findall(r"^([\w.\[\]-]+)==", text, re.MULTILINE)
    assert {"apache-airflow", "celery", "redis", "psycopg"} <= {p.split("[")[0] for p in pins}
    assert text.count("==") == len(re.findall(r"==\S+ .*\\\n    --hash=sha256:", text))


def test_the_script_makes_a_home_and_a_pool_for_each_tier(tmp_path: Path) -> None:
    home, said = tmp_path / "home", tmp_path / "said"
    home.mkdir()
    settings = 'format = "samarkand.home/1"\ncatalogue = "sqlite:///catalogue.sqlite"\n'
    (home / "samarkand.toml").write_text(settings)  # else it would want PostgreSQL
    airflow = tmp_path / "airflow"
    airflow.write_text(f'#!/bin/sh\necho "$@" >>"{said}"\n')
    airflow.chmod(0o755)
    variables = {
        "PATH": os.pathsep.join(
            (str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"])
        ),
        "AIRFLOW_HOME": str(tmp_path),
        "PRESERVATION_HOME": str(home),
        "PRESERVATION_POLICIES": str(ROOT / "policies"),
    }
    for _ in range(2):
        done = subprocess.run(DOCKER / "prepare.sh", env=os.environ | variables, cwd=tmp_path)
        assert done.returncode == 0
    tiers = yaml.safe_load((ROOT / "policies/tiers.yaml").read_text("utf-8"))["tiers"]
    pools = json.loads((tmp_path / "pools.json").read_bytes())
    assert set(pools) == {f"tier-{tier}" for tier in tiers}
    told = said.read_text().splitlines()
    assert told == ["db migrate", f"pools import {tmp_path}/pools.json"] * 2


def test_services_wait_for_services_and_volumes_that_are_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(COMMANDS) | {"worker", "postgres", "redis"} <= set(services)
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            there = (DOCKER / source).exists() if "/" in source else source in compose["volumes"]
            assert there, volume


def test_every_variable_is_one_that_airflow_or_the_example_knows(compose: dict[str, Any]) -> None:
    known = airflow_settings()
    given = {name for s in compose["services"].values() for name in s.get("environment", {})}
    assert {name for name in given if name.startswith("AIRFLOW__")} <= known
    asked = set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text("utf-8")))
    example = (DOCKER / "example.env").read_text("utf-8")
    assert asked == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


def test_every_setting_of_the_local_airflow_is_one_that_it_knows(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.make()
    common = environment(Settings(tmp_path, tmp_path, tmp_path), places, "{driver}", 8080)
    given = set(for_component("scheduler", places, common))
    given = {name.removesuffix("_CMD") for name in given if name.startswith("AIRFLOW__")}
    assert given <= airflow_settings()


def test_workers_do_not_get_the_key_of_the_tokens(compose: dict[str, Any]) -> None:
    key = "AIRFLOW__API_AUTH__JWT_SECRET"
    services = compose["services"]
    having = {name for name, found in services.items() if key in found.get("environment", {})}
    assert having == {"api-server", "scheduler"}


def test_who_forks_tasks_has_loaded_what_they_need(compose: dict[str, Any]) -> None:
    copied = "COPY preservation preservation"
    assert copied in (DOCKER / "Dockerfile").read_text("utf-8")
    for name in ("dag-processor", "worker"):
        folder = compose["services"][name]["environment"]["PYTHONPATH"]
        inside = DOCKER.parent / folder.removeprefix("/opt/samarkand/")
        assert (inside / "airflow_local_settings.py").is_file()


@pytest.mark.airflow
def test_every_command_exists(compose: dict[str, Any], tmp_path: Path) -> None:
    lines = (DOCKER / "prepare.sh").read_text("utf-8").splitlines()
    wanted = [found["command"] for found in compose["services"].values() if "command" in found]
    wanted += [shlex.split(line) for line in lines if line.strip().startswith(("airflow", "pres"))]
    airflow = [words[1:] for words in wanted if words[0] == "airflow"]
    assert len(airflow) >= 7
    script = (
        "import json, sys; from airflow.cli.cli_parser import get_parser; parser = get_parser()\n"
        "for words in json.loads(sys.argv[1]): parser.parse_args(words)"
    )
    asked = [sys.executable, "-c", script, json.dumps(airflow)]
    # The parser offers a command of an executor only where that one is configured.
    variables = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}
    done = subprocess.run(asked, capture_output=True, text=True, env=os.environ | variables)
    assert done.returncode == 0, done.stderr
    for words in wanted:
        if words[0] == "preserve":
            program = Path(sys.executable).with_name("preserve")
            assert subprocess.run([program, *words[1:], "--help"]).returncode == 0
        elif words[0].startswith("docker/"):
            assert os.access(ROOT / words[0], os.X_OK)
