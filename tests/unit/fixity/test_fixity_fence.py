"""A file that changes while it is read does not pass the fence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from preservation.files.walk import walk
from preservation.fixity.fence import Fence


def grow(path: Path) -> None:
    path.write_bytes(b"before and after")


def rewrite_and_set_the_time_back(path: Path) -> None:
    kept = path.stat()
    path.write_bytes(b"BEFORE")
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"BEFORE")
    other.rename(path)


def fence(path: Path) -> Fence:
    with path.open("rb") as file:
        return Fence.of(file.fileno())


@pytest.mark.parametrize("change", [grow, rewrite_and_set_the_time_back, replace])
def test_every_change_shows(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"before")
    # Two times a kernel tick apart, whatever the file system's granularity.
    os.utime(path, ns=(0, 0))
    before = fence(path)
    change(path)
    assert fence(path) != before


def test_a_file_left_alone_looks_the_same_to_the_walk_and_to_its_reader(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    (entry,) = walk(tmp_path)
    assert Fence.seen(entry) == fence(path)
    path.read_bytes()
    assert Fence.seen(entry) == fence(path)
