"""The difference map says where damaged bytes differ, and never stands in a repair's way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from preservation.files.held import HeldFolder
from preservation.model.replica import VersionKey
from preservation.repair.difference import BLOCK, RANGES, difference, difference_map

KEY = VersionKey("notes", "0b3d6c5a-8f5e-4f4e-9d5b-0123456789ab", 1)


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    damaged, intact = tmp_path / "damaged", tmp_path / "intact"
    damaged.mkdir()
    intact.mkdir()
    return damaged, intact


def test_one_flipped_octet_is_one_range_of_one(sides: tuple[Path, Path]) -> None:
    damaged, intact = sides
    good = bytes(range(256)) * (BLOCK // 128)
    at = BLOCK + 5
    (intact / "a").write_bytes(good)
    (damaged / "a").write_bytes(good[:at] + b"\xff" + good[at + 1 :])
    found = difference(damaged, intact, b"a")
    (one,) = found["ranges"]
    assert one == {"offset": at, "bytes": 1, "damaged": "ff", "intact": f"{good[at]:02x}"}
    assert (found["truncated"], found["unreadable"]) == (False, "")


@pytest.mark.parametrize(("bad", "start", "octets"), [(b"good", 4, 3), (b"good morning", 7, 5)])
def test_what_is_cut_off_or_too_much_is_the_last_range(
    sides: tuple[Path, Path], bad: bytes, start: int, octets: int
) -> None:
    damaged, intact = sides
    (intact / "a").write_bytes(b"good mo")
    (damaged / "a").write_bytes(bad)
    (one,) = difference(damaged, intact, b"a")["ranges"]
    assert (one["offset"], one["bytes"]) == (start, octets)


def test_a_file_that_differs_in_many_places_is_told_so_far(sides: tuple[Path, Path]) -> None:
    damaged, intact = sides
    (intact / "a").write_bytes((b"a" * 99 + b"b") * 500)
    (damaged / "a").write_bytes((b"a" * 99 + b"x") * 500)
    found = difference(damaged, intact, b"a")
    assert (len(found["ranges"]), found["truncated"]) == (RANGES, True)


def test_a_garbled_stretch_is_one_range_also_over_the_ends_of_blocks(
    sides: tuple[Path, Path],
) -> None:
    damaged, intact = sides
    (intact / "a").write_bytes(bytes(3 * BLOCK))
    (damaged / "a").write_bytes(bytes(10) + b"ab\0" * BLOCK + bytes(10))
    (one,) = difference(damaged, intact, b"a")["ranges"]
    assert (one["offset"], one["bytes"]) == (10, 3 * BLOCK + 10)


def test_a_file_that_one_side_lacks_has_no_ranges(sides: tuple[Path, Path]) -> None:
    damaged, intact = sides
    (intact / "gone").write_bytes(b"x")
    (damaged / "extra").write_bytes(b"yy")
    gone, extra = difference(damaged, intact, b"gone"), difference(damaged, intact, b"extra")
    assert (gone["damaged_bytes"], gone["intact_bytes"], gone["ranges"]) == (None, 1, [])
    assert (extra["damaged_bytes"], extra["intact_bytes"], extra["ranges"]) == (2, None, [])


def test_whatever_stands_in_a_files_place_is_no_file(sides: tuple[Path, Path]) -> None:
    damaged, intact = sides
    for name in ("link", "fifo", "folder"):
        (intact / name).write_bytes(b"x")
    (damaged / "link").symlink_to("/etc/passwd")
    os.mkfifo(damaged / "fifo")
    (damaged / "folder").mkdir()
    paths = [b"link", b"fifo", b"folder"]
    document = difference_map(HeldFolder(damaged, False), HeldFolder(intact, False), paths, KEY)
    assert [row["damaged_bytes"] for row in document["files"]] == [None, None, None]


def test_a_folder_that_is_gone_altogether_is_no_obstacle(sides: tuple[Path, Path]) -> None:
    damaged, intact = sides
    (intact / "a").write_bytes(b"x")
    damaged.rmdir()
    damaged.write_bytes(b"a file")
    assert difference(damaged, intact, b"a")["damaged_bytes"] is None
