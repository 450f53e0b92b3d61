"""An AIP version comes back whole from whatever replicas verify, each byte under the seal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from homes import SILENCE, Archive
from tiers import flip

from preservation.bags.validate import validate
from preservation.errors import SourceDamagedError, TierUnavailableError, UsageError
from preservation.fixity.engine import EngineSettings
from preservation.replication.restore import Restored

FILES = {f"{name}.bin": os.urandom(3 << 20) for name in "abc"}


@pytest.fixture
def full(archive: Archive) -> Archive:
    archive.ingest(archive.put("three", FILES))
    archive.replicate()
    return archive


def restore(archive: Archive, dest: Path, only: tuple[bytes, ...] = ()) -> Restored:
    dest.mkdir()
    with archive.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
        return parts.restore.restore(version, dest, SILENCE, frozenset(only))


def damage(archive: Archive, tier: str, name: str) -> None:
    """Far into the file: what comes before it is good."""
    flip(next(archive.tier(tier).glob(f"notes/*/*/*/v1/data/{name}")), 2 << 20)


def payload(bag: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (bag / "data").iterdir()}


def is_valid(bag: Path) -> bool:
    return validate(bag, settings=EngineSettings(workers=1), progress=SILENCE).valid


def test_the_nearest_replica_gives_the_bag(full: Archive, tmp_path: Path) -> None:
    restored = restore(full, tmp_path / "out")
    assert restored.tiers in [("vault",), ("mirror",)]
    assert payload(tmp_path / "out") == FILES
    assert is_valid(tmp_path / "out")


def test_each_file_comes_from_the_first_replica_in_which_it_is_intact(
    full: Archive, tmp_path: Path
) -> None:
    damage(full, "vault", "b.bin")
    damage(full, "mirror", "c.bin")
    restored = restore(full, tmp_path / "out")
    assert restored.tiers == ("vault", "mirror", "deep") or restored.tiers == ("mirror", "vault")
    assert payload(tmp_path / "out") == FILES
    assert is_valid(tmp_path / "out")


def test_a_file_that_no_replica_has_intact_is_an_error_that_names_each(
    full: Archive, tmp_path: Path
) -> None:
    damage(full, "vault", "b.bin")
    damage(full, "mirror", "b.bin")
    flip(next(full.tier("deep").glob("notes/*/*/*/v1.tar")), (3 << 20) + (2 << 20))
    with pytest.raises(SourceDamagedError) as told:
        restore(full, tmp_path / "out")
    assert told.value.code == "AIP-NO-SOURCE"
    assert all(tier in told.value.message for tier in ("vault", "mirror", "deep"))


def test_tiers_that_are_all_away_are_no_damage(full: Archive, tmp_path: Path) -> None:
    for tier in ("vault", "mirror", "deep"):
        (full.tier(tier) / "samarkand-tier.json").rename(full.tier(tier) / "away")
    with pytest.raises(TierUnavailableError) as told:
        restore(full, tmp_path / "out")
    assert told.value.code == "AIP-AWAY"
    assert all(tier in told.value.message for tier in ("vault", "mirror", "deep"))


def test_a_tier_that_is_away_is_passed_over(full: Archive, tmp_path: Path) -> None:
    for tier in ("vault", "mirror"):
        (full.tier(tier) / "samarkand-tier.json").rename(full.tier(tier) / "away")
    assert restore(full, tmp_path / "out").tiers == ("deep",)
    assert payload(tmp_path / "out") == FILES


@pytest.mark.parametrize("only_the_tar", [False, True])
def test_single_files_are_written_alone(full: Archive, tmp_path: Path, only_the_tar: bool) -> None:
    if only_the_tar:
        for tier in ("vault", "mirror"):
            (full.tier(tier) / "samarkand-tier.json").rename(full.tier(tier) / "away")
    restored = restore(full, tmp_path / "out", (b"data/b.bin", b"bag-info.txt"))
    assert restored.files == 2
    found = {
        str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert found == {"data/b.bin", "bag-info.txt"}
    assert payload(tmp_path / "out") == {"b.bin": FILES["b.bin"]}


def test_a_single_file_does_not_mind_damage_elsewhere(full: Archive, tmp_path: Path) -> None:
    for tier in ("vault", "mirror"):
        damage(full, tier, "c.bin")
    assert len(restore(full, tmp_path / "out", (b"data/b.bin",)).tiers) == 1


def test_a_file_that_is_not_in_the_bag_is_named(full: Archive, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data/z\.bin") as told:
        restore(full, tmp_path / "out", (b"data/b.bin", b"data/z.bin"))
    assert told.value.code == "AIP-NO-FILE"
