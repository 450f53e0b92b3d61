"""A folder is mended where it lies: what is not damaged is neither read elsewhere nor written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from homes import SILENCE, Archive, only
from tiers import flip

from preservation.files.held import Held, HeldTar
from preservation.model.event import EventType
from preservation.model.replica import Packaging, VersionKey
from preservation.repair.result import RepairResult
from preservation.storage.local import LocalTier

FILES = {"a.txt": b"one", "b.txt": b"two" * 9000, "sub/c.txt": b"three", "sub/d.txt": b"four"}


@pytest.fixture
def mirror(archive: Archive) -> Path:
    """A replica to harm; another folder and a tar are intact."""
    result = archive.ingest(archive.put("first", FILES))
    archive.replicate()
    return archive.bag(result, "mirror")


def inodes(bag: Path) -> dict[str, int]:
    return {str(path.relative_to(bag)): path.stat().st_ino for path in sorted(bag.rglob("*"))}


def healed(archive: Archive) -> RepairResult:
    archive.audit()
    repaired: RepairResult = only(archive.repair())
    assert repaired.state == "repaired"
    assert archive.audit().outcomes["intact"] == 3
    return repaired


def test_only_the_damaged_file_is_exchanged(archive: Archive, mirror: Path) -> None:
    before = inodes(mirror)
    flip(mirror / "data/a.txt")
    repaired = healed(archive)
    after = inodes(mirror)
    assert [path for path in before if before[path] != after[path]] == ["data/a.txt"]
    assert (mirror / "data/a.txt").read_bytes() == b"one"
    kept = archive.tier("mirror") / repaired.quarantine
    assert [path.name for path in kept.rglob("*") if path.is_file()] == ["a.txt"]
    begun = only(one for one in archive.events() if one.type is EventType.REPAIR_BEGUN)
    assert (begun.detail["files"], begun.detail["strangers"]) == (1, 0)


def test_what_is_missing_comes_back_and_what_is_not_listed_goes(
    archive: Archive, mirror: Path
) -> None:
    os.unlink(mirror / "data/sub/c.txt")
    os.unlink(mirror / "data/sub/d.txt")
    os.rmdir(mirror / "data/sub")
    (mirror / "data/elsewhere").symlink_to("/etc/passwd")
    (mirror / "data/new").mkdir()
    (mirror / "data/new/e.txt").write_bytes(b"not of the bag")
    before = inodes(mirror)
    repaired = healed(archive)
    assert (mirror / "data/sub/d.txt").read_bytes() == b"four"
    assert inodes(mirror)["data/b.txt"] == before["data/b.txt"]
    kept = archive.tier("mirror") / repaired.quarantine / "data"
    assert sorted(path.name for path in kept.rglob("*")) == ["e.txt", "elsewhere", "new"]
    assert (kept / "elsewhere").is_symlink()


def test_a_sidecar_alone_is_written_again(archive: Archive, mirror: Path) -> None:
    before = inodes(mirror)
    os.unlink(mirror.with_name("v1.seal.json"))
    assert healed(archive).quarantine == ""
    assert inodes(mirror) == before


def test_a_damaged_tag_manifest_is_mended_before_what_it_hid(
    archive: Archive, mirror: Path
) -> None:
    before = inodes(mirror)
    for name in ("tagmanifest-sha256.txt", "manifest-sha256.txt", "manifest-sha512.txt"):
        flip(mirror / name)
    flip(mirror / "data/sub/c.txt")
    healed(archive)
    assert (mirror / "data/sub/c.txt").read_bytes() == b"three"
    assert inodes(mirror)["data/b.txt"] == before["data/b.txt"]


def test_something_else_in_the_place_of_a_folder_is_replaced_whole(
    archive: Archive, mirror: Path
) -> None:
    before = inodes(mirror)
    (mirror / "data/sub").rename(mirror.parent / "elsewhere")
    (mirror / "data/sub").symlink_to(mirror.parent / "elsewhere")
    healed(archive)
    assert inodes(mirror)["data/b.txt"] != before["data/b.txt"]
    assert not (mirror / "data/sub").is_symlink()


@contextmanager
def only_by_range(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Tars cannot be read through; how many octets of them were asked for."""
    asked: list[int] = []
    held_of = LocalTier.held

    def held(tier: LocalTier, key: VersionKey, packaging: Packaging) -> Held:
        found = held_of(tier, key, packaging)
        if not isinstance(found, HeldTar):
            return found
        at = found.at
        assert at is not None

        def counted(offset: int, octets: int) -> BinaryIO:
            asked.append(octets)
            return at(offset, octets)

        def through() -> BinaryIO:
            raise AssertionError("the tar is read through")

        return HeldTar(through, found.octets, found.cache_bypassed, at=counted, index=found.index)

    with monkeypatch.context() as patched:
        patched.setattr(LocalTier, "held", held)
        yield asked


def test_of_a_tar_only_the_index_and_the_damaged_files_are_read(
    archive: Archive, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = next(archive.tier("vault").glob("notes/*/*/*/v1"))
    for bag in (mirror, vault):
        flip(bag / "data/a.txt")
    archive.audit()
    with only_by_range(monkeypatch) as asked:
        results = archive.repair()
    assert [(one.state, one.source) for one in results] == [
        ("repaired", "deep"),
        ("repaired", results[1].source),
    ]
    tags = sum(
        (mirror / f"{name}-sha256.txt").stat().st_size for name in ("tagmanifest", "manifest")
    )
    assert 0 < sum(asked) <= 2 * (tags + len(b"one"))
    assert archive.audit().outcomes["intact"] == 3


def test_each_file_comes_from_whichever_replica_has_it(archive: Archive, mirror: Path) -> None:
    vault = next(archive.tier("vault").glob("notes/*/*/*/v1"))
    flip(mirror / "data/a.txt")
    flip(mirror / "data/sub/c.txt")
    flip(vault / "data/sub/c.txt")
    deep = next(archive.tier("deep").glob("notes/*/*/*/v1.tar"))
    archive.audit()
    octets = bytearray(deep.read_bytes())
    octets[octets.index(b"one" + bytes(509))] ^= 1
    deep.chmod(0o644)
    deep.write_bytes(octets)
    with archive.opened() as (parts, policy):
        finding = only(one for one in parts.repair.plan(policy) if one.tier == "mirror")
        repaired = parts.repair.repair(policy, finding.id, SILENCE)
    assert (repaired.state, repaired.source) == ("repaired", "deep+vault")


def test_what_does_not_read_back_is_not_put_in_place(
    archive: Archive, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(mirror / "data/a.txt")
    archive.audit()
    settle = "preservation.storage.place.LocalPlace.settle_folder"

    def rotting(_place: object, folder: Path) -> None:
        flip(folder / "data/a.txt")

    monkeypatch.setattr(settle, rotting)
    before = inodes(mirror)
    with archive.opened() as (parts, policy), pytest.raises(Exception, match="reads back altered"):
        parts.repair.repair(policy, only(parts.repair.plan(policy)).id, SILENCE)
    assert inodes(mirror) == before


def test_where_octets_differ_is_looked_up_in_a_tar_and_no_more_of_it_is_read(
    archive: Archive, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = next(archive.tier("vault").glob("notes/*/*/*/v1"))
    flip(vault / "data/a.txt")
    archive.audit("vault")  # then only the tar is left to compare with
    flip(mirror / "data/b.txt")
    with only_by_range(monkeypatch) as asked:
        archive.audit("mirror")
    with archive.opened() as (parts, policy):
        finding = only(one for one in parts.repair.plan(policy) if one.tier == "mirror")
    assert finding.detail["compared_with"] == "deep"
    assert [one["ranges"] for one in finding.detail["files"]] == [[{"offset": 0, "bytes": 1}]]
    assert asked == [len(FILES["b.txt"])]
