"""Homes with policies in force, and what Airflow makes of ``dags/`` for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from preservation.app.create import create_home
from preservation.ledger.policies import PolicyFiles

PROJECT = Path(__file__).parents[2]


def make_home(path: Path, policies: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new home, and the environment that names it."""
    create_home(path, policies, by="a test")
    monkeypatch.setenv("PRESERVATION_HOME", str(path))
    monkeypatch.setenv("PRESERVATION_POLICIES", str(policies))
    return path


def load() -> Any:
    """The DAGs as Airflow parses them; no file may fail."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(PROJECT / "dags"))
    assert bag.import_errors == {}
    return bag


def policy_object(home: Path, community: str) -> Path:
    """The file of the policy that governs a community."""
    lines = PolicyFiles(home / "policies").in_force()
    return home / "policies" / "objects" / f"{lines[community].digest.hex}.json"


def put_in_force(home: Path, *communities: str, **changes: Any) -> None:
    """Put copies of one community's policy in force, with changes."""
    document = json.loads(policy_object(home, "silk-road").read_bytes()) | changes
    store = PolicyFiles(home / "policies")
    lines = store.in_force()
    store.apply(
        {name: {**document, "community": name} for name in communities},
        by="a test",
        reason="a test",
        at=lines["silk-road"].at,
        expected={name: line.digest for name, line in lines.items()},
    )
