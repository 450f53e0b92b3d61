"""A confined thread keeps what is open, and gets nothing more."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from preservation.files.workers import WorkerPool

ALLOWED = {"read what is open", "read what is allowed"}


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """Workers find the module that lies beside this one."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])


def test_a_confined_worker_opens_writes_runs_and_calls_nothing(tmp_path):
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    allowed.mkdir()
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server, WorkerPool("confined_worker") as pool:
        item = {"allowed": str(allowed), "secret": str(secret), "port": server.getsockname()[1]}
        [said] = pool.run([item], 30)
    assert isinstance(said, dict), said
    if not said.pop("confined"):
        if os.environ.get("CI"):
            pytest.fail("this kernel has no Landlock")
        pytest.skip("this kernel has no Landlock")
    assert {word for word, one in said.items() if one == "done"} == ALLOWED
    assert {said[word] for word in said if word not in ALLOWED} == {"refused"}
    assert secret.exists()
    assert list(allowed.iterdir()) == []
