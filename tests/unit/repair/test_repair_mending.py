"""A folder is mended where it lies: what is not damaged is neither read elsewhere nor written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from homes import SILENCE, Archive, only
from tiers import flip

from preservation.errors import TierUnavailableError
from preservation.files import durable
from preservation.files.held import Held, HeldTar
from preservation.model.digest import Digest
from preservation.model.event import EventType
from preservation.model.replica import Packaging, VersionKey
from preservation.repair.exchanging import Exchange
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


def test_a_folder_in_the_place_of_a_file_is_kept_aside_and_told_of_even_empty(
    archive: Archive, mirror: Path
) -> None:
    os.unlink(mirror / "data/a.txt")
    (mirror / "data/a.txt/deeper").mkdir(parents=True)
    repaired = healed(archive)
    assert (mirror / "data/a.txt").read_bytes() == b"one"
    kept = archive.tier("mirror") / repaired.quarantine
    assert [str(path.relative_to(kept)) for path in sorted(kept.rglob("*"))] == [
        "data", "data/a.txt", "data/a.txt/deeper",
    ]  # fmt: skip
    told = only(one for one in archive.events() if one.type is EventType.QUARANTINE)
    assert told.detail["place"] == repaired.quarantine
    with archive.opened() as (parts, _):
        (one,) = parts.journal.result(Digest.parse_tagged(repaired.difference))["files"]
    assert (one["path"], one["damaged_bytes"], one["unreadable"]) == (
        "data/a.txt", None, "Is a directory",
    )  # fmt: skip


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
        finding = only(parts.catalogue.findings(policy.community, "open", tier="mirror"))
    assert finding.detail["compared_with"] == "deep"
    assert [one["ranges"] for one in finding.detail["files"]] == [[{"offset": 0, "bytes": 1}]]
    assert asked == [len(FILES["b.txt"])]


def maps(archive: Archive) -> list[dict[str, Any]]:
    """The difference maps that events of quarantine cite, in order."""
    told = [one for one in archive.events() if one.type is EventType.QUARANTINE]
    with archive.opened() as (parts, _):
        return [parts.journal.result(Digest.parse_tagged(one.detail["difference"])) for one in told]


def test_the_map_tells_of_each_file_that_was_set_aside(archive: Archive) -> None:
    many = {f"{number:03}.txt": b"%d" % number for number in range(30)}
    result = archive.ingest(archive.put("first", many | {"z/late.txt": b"late"}))
    archive.replicate()
    bag = archive.bag(result, "mirror")
    for name in many:
        flip(bag / "data" / name)
    archive.audit()
    flip(bag / "data/z/late.txt")  # after the check that opened the finding
    (bag / "data/z/new").write_bytes(b"?")
    assert only(archive.repair()).state == "repaired"
    told = {one["path"]: one for one in only(maps(archive))["files"]}
    assert sorted(told) == [*(f"data/{name}" for name in many), "data/z/late.txt", "data/z/new"]
    assert all(one["ranges"] for path, one in told.items() if path != "data/z/new")


def test_what_a_stopped_mending_set_aside_is_told_by_the_one_after_it(
    archive: Archive, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", "sub/c.txt"):
        flip(mirror / "data" / name)
    archive.audit()
    exchange = durable.exchange

    def going_away(one: Any, other: Any) -> None:
        if b"c.txt" in os.fsencode(other):
            raise OSError(errno.EIO, "the disk went away")
        exchange(one, other)

    with monkeypatch.context() as patched:
        patched.setattr(durable, "exchange", going_away)
        with archive.opened() as (parts, policy), pytest.raises(TierUnavailableError):
            parts.repair.repair(policy, only(parts.repair.plan(policy)).id, SILENCE)
    assert only(archive.repair()).state == "repaired"
    former, latter = ([one["path"] for one in each["files"]] for each in maps(archive))
    assert former == ["data/a.txt"]  # and not the good copy of the other, which was not used
    assert sorted(latter) == ["data/a.txt", "data/sub/c.txt"]  # the check had named both


def test_a_mending_that_nobody_can_look_at_is_left_as_it_is(
    archive: Archive, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(mirror / "data/a.txt")
    archive.audit()
    before = inodes(mirror)
    settled = Exchange.complete

    def then_away(exchange: Exchange, *args: Any) -> tuple[str, str]:
        done = settled(exchange, *args)
        (archive.tier("mirror") / "samarkand-tier.json").rename(archive.home / "away")
        return done

    monkeypatch.setattr(Exchange, "complete", then_away)
    repaired = only(archive.repair())
    (archive.home / "away").rename(archive.tier("mirror") / "samarkand-tier.json")
    assert repaired.state == "unfinished"
    after = inodes(mirror)
    assert [path for path in before if before[path] != after[path]] == ["data/a.txt"]
    assert archive.audit().outcomes["intact"] == 3


def test_what_a_killed_repair_left_unprotected_is_protected_by_the_next(
    archive: Archive, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(mirror / "data/a.txt")
    archive.audit()

    def killed(*_: Any) -> None:
        raise TierUnavailableError("between the exchange and the flag")

    with monkeypatch.context() as patched:
        patched.setattr(Exchange, "complete", killed)
        with archive.opened() as (parts, policy), pytest.raises(TierUnavailableError):
            parts.repair.repair(policy, only(parts.repair.plan(policy)).id, SILENCE)
    guarded: list[str] = []
    monkeypatch.setattr(LocalTier, "guarded", lambda tier, _: tier.id in guarded)
    monkeypatch.setattr(LocalTier, "guard", lambda tier, _: guarded.append(tier.id))
    assert only(archive.repair()).state == "repaired"
    assert guarded == ["mirror"]
