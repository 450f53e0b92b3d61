"""Invariant 8: what a bag is opened, validated and verified with does not grow with its files."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from bagmaker import QUIET, by_hand

from preservation.bags import origin, verify_folder
from preservation.bags.layout import open_bag
from preservation.bags.sealed import verify
from preservation.bags.validate import validate
from preservation.files import scan, sorting
from preservation.files.held import HeldFolder
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm, Digest

ALONE = EngineSettings(workers=1)
FEW, MANY = 1_000, 4_000


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return {count: make(tmp_path_factory.mktemp("bags") / "bag", count) for count in (FEW, MANY)}


def make(folder: Path, count: int) -> Path:
    """A sealed bag of so many empty files, all links to one."""
    by_hand(folder, {"data/first": b""}, files={"manifest-sha512.txt": None})
    names = ["data/first"]
    for number in range(count - 1):
        names.append(f"data/a name that is as long as names are {number:08d}.dat")
        os.link(folder / "data/first", folder / names[-1])
    for algorithm in ("sha256", "sha512"):
        empty = hashlib.new(algorithm).hexdigest()
        text = "".join(f"{empty}  {name}\n" for name in sorted(names))
        (folder / f"manifest-{algorithm}.txt").write_text(text)
    listed = ["bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt"]
    lines = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in listed]
    (folder / "tagmanifest-sha256.txt").write_text("".join(lines))
    return folder


def seal(folder: Path) -> Digest:
    data = (folder / "tagmanifest-sha256.txt").read_bytes()
    return Digest(Algorithm.SHA256, hashlib.sha256(data).digest())


def full(folder: Path) -> None:
    assert validate(folder, settings=ALONE, progress=QUIET).fixity_checked


def opened(folder: Path) -> None:
    for _ in open_bag(folder).payload_digests():
        pass


def verified(folder: Path) -> None:
    held = HeldFolder(folder, cache_bypassed=True)
    assert verify(held, seal(folder), settings=ALONE, progress=QUIET).more == 0


def nothing_listed(folder: Path) -> None:
    for name in ("manifest-sha256.txt", "manifest-sha512.txt"):
        (folder / name).rename(folder / f"kept-{name}")
    try:
        assert not validate(folder, settings=ALONE, progress=QUIET).valid
    finally:
        for name in ("manifest-sha256.txt", "manifest-sha512.txt"):
            (folder / f"kept-{name}").rename(folder / name)


@pytest.mark.parametrize("act", [full, opened, verified, nothing_listed])
def test_invariant_8_memory_of_a_bag_does_not_grow_with_its_files(
    bags: dict[int, Path], monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(sorting, "LOT", 100)
    monkeypatch.setattr(sorting, "_FAN", 4)
    monkeypatch.setattr(sorting, "_ALL_BLOCKS", 1)
    monkeypatch.setattr(scan, "_LOT", 100)
    for room in (origin, verify_folder):
        monkeypatch.setattr(room, "BLOCK", 8 << 10)
    act(bags[FEW])  # what is loaded and kept at the first time is no growth
    peaks = {}
    for count, folder in bags.items():
        tracemalloc.start()
        try:
            act(folder)
            peaks[count] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    grown = peaks[MANY] - peaks[FEW]
    assert grown < 100 * (MANY - FEW), peaks  # octets a file: less than its path and one digest
