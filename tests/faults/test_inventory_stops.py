"""A refresh that stops at any write, and the next one: the same inventory as if undisturbed.

It stops by an exception that nothing catches: a forked child could not be killed here, since
Arrow's threads do not survive the fork.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from homes import COMMUNITY, SILENCE, Archive

from preservation.app.holdings import inventory_of
from preservation.files import durable
from preservation.formats.inventory.store import CommunityInventory

WRITES = (
    (os, "fsync"),
    (Path, "unlink"),
    (durable, "rename_exclusive"),
    (durable, "fsync_dir"),
    (durable, "replace"),
)


class Stopped(BaseException):
    """The power is gone."""


@contextmanager
def stopping(n: int) -> Iterator[None]:
    """Stop before the n-th write."""
    left = n
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in WRITES:
            original = getattr(owner, name)

            def stop(*args: Any, _original: Any = original, **how: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Stopped
                return _original(*args, **how)

            patch.setattr(owner, name, stop)
        yield


def refresh(archive: Archive, stop_at: int = 0) -> bool:
    with archive.opened() as (parts, _):
        service = inventory_of(parts)
        try:
            with stopping(stop_at):
                service.refresh(COMMUNITY, SILENCE)
        except Stopped:
            return False
    return True


def held(archive: Archive) -> list[tuple[str, str]]:
    inventory = CommunityInventory(archive.home / "inventory", COMMUNITY)
    return sorted((row["aip"], row["path"]) for row in inventory.rows(inventory.versions))


def test_a_refresh_that_stops_anywhere_leaves_nothing_half_made(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("preservation.formats.inventory.store.MANY", 2)
    archive.ingest(archive.put("one", {"a.txt": b"a", "b.txt": b"b"}))
    refresh(archive)
    archive.ingest(archive.put("two", {"c.txt": b"c"}))
    before, place = held(archive), archive.home / "inventory"
    shutil.copytree(place, archive.home / "kept")
    for n in range(1, 100):
        shutil.rmtree(place)
        shutil.copytree(archive.home / "kept", place)
        ended = refresh(archive, n)
        assert set(before) <= set(held(archive))
        assert refresh(archive)
        assert len(held(archive)) == 3
        assert len(list(place.rglob("part-*"))) == 1
        assert not list(place.rglob(".part-*"))
        if ended:
            break
    assert n > 5
