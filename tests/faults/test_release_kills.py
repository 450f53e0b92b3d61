"""Releasing a deposit, killed at its writes: it is where it was, or on its way, never half lost."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from homes import SILENCE, Archive
from killing import killed_at, trace

from preservation.catalogue.sql import SqlCatalogue
from preservation.files.remove import remove_tree
from preservation.ingest import release

pytestmark = pytest.mark.slow

_COMMITS = [(SqlCatalogue, name) for name in ("record", "settle_arrival")]
_ALSO = [*_COMMITS, (release, "remove_tree"), (release, "_rename")]
_SAMPLE = 12 if not os.environ.get("SAMARKAND_SOAK") else 10_000
_FILES = {"a.txt": b"one", "deep/er/b.txt": b"two"}


def _scene(root: Path, mode: str) -> Archive:
    rules = {"intake": {"release": {"mode": mode, "after": "0s"}}, "minimum": {"replicas": 2}}
    root.mkdir()
    archive = Archive(root, rules)
    assert archive.ingest(archive.put("corpus", _FILES)).outcome == "accepted"
    archive.replicate()
    return archive


def _run(archive: Archive) -> None:
    with archive.opened() as (parts, policy):
        parts.release(policy, SILENCE)


@pytest.mark.parametrize("mode", ["move", "delete"])
def test_a_killed_release_is_completed_by_the_next_run(ground: Path, mode: str) -> None:
    whole = _scene(ground / "whole", mode)
    many = len(trace(lambda: _run(whole), _ALSO))
    draw = random.Random(5)
    points = sorted(draw.sample(range(1, many + 1), min(_SAMPLE, many)))
    deaths = 0
    for n in points:
        archive = _scene(ground / str(n), mode)
        deaths += killed_at(lambda: _run(archive), n, _ALSO)  # noqa: B023 (runs at once)
        _run(archive)
        assert not (archive.inbox / "corpus").exists()
        told = archive.told()
        assert 1 <= told["deposit release", "success", ""] <= 2
        if mode == "delete":
            assert os.listdir(archive.inbox / ".released") == []
        else:
            (place,) = (archive.home / "released" / "notes").iterdir()
            assert (place / "corpus" / "deep/er/b.txt").read_bytes() == b"two"
        with archive.opened() as (parts, policy):
            assert [one.state for one in parts.catalogue.arrivals()] == ["released"]
            assert parts.ingest.scan(policy) == []
        remove_tree(ground / str(n))
    assert deaths > len(points) * 0.8
