"""Damage of every kind, and what audit and repair make of it; tiers that are away or full."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from homes import Archive, codes, only, snapshot
from tiers import flip

from preservation.errors import NoSpaceError, TierUnavailableError
from preservation.files.remove import remove_tree
from preservation.ingest.result import DepositResult
from preservation.model.outcome import Outcome

FILES = {"a.txt": b"one", "deep/er/b.txt": b"two" * 1000, "c.bin": b"three"}


@pytest.fixture
def kept(archive: Archive) -> tuple[Archive, DepositResult]:
    """One AIP, verified on three tiers."""
    result = archive.ingest(archive.put("first", FILES))
    assert {one.state for one in archive.replicate()} == {"verified"}
    return archive, result


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def flip_payload(bag: Path) -> None:
    flip(bag / "data/a.txt")


def remove_payload(bag: Path) -> None:
    (bag / "data/a.txt").unlink()


def add_a_stranger(bag: Path) -> None:
    (bag / "data/stranger.txt").write_bytes(b"?")


def add_a_stranger_beside(bag: Path) -> None:
    (bag / "metadata/stranger.txt").write_bytes(b"?")


def link_in_the_place_of_a_file(bag: Path) -> None:
    (bag / "data/a.txt").unlink()
    (bag / "data/a.txt").symlink_to("/etc/passwd")


def fifo_in_the_place_of_a_file(bag: Path) -> None:
    (bag / "data/a.txt").unlink()
    os.mkfifo(bag / "data/a.txt")


def folder_in_the_place_of_a_file(bag: Path) -> None:
    (bag / "data/a.txt").unlink()
    (bag / "data/a.txt").mkdir()


def file_in_the_place_of_the_bag(bag: Path) -> None:
    remove_tree(bag)
    bag.write_bytes(b"not a bag")


def no_replica_at_all(bag: Path) -> None:
    remove_tree(bag)


def no_aip_folder(bag: Path) -> None:
    remove_tree(bag.parent)


def truncated_to_nothing(bag: Path) -> None:
    rewrite(bag / "manifest-sha256.txt", b"")


def a_consistent_lie(bag: Path) -> None:
    """Payload, manifests and tag manifest rewritten so that every other tool calls it valid."""
    for path in bag.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    rewrite(bag / "data/a.txt", b"lie")
    bagit.Bag(str(bag)).save(processes=1, manifests=True)
    bagit.Bag(str(bag)).validate(processes=1)


def no_sidecar(bag: Path) -> None:
    bag.with_name("v1.seal.json").unlink()


def sidecar_of_noise(bag: Path) -> None:
    rewrite(bag.with_name("v1.seal.json"), b"{rot")


def sidecar_with_another_seal(bag: Path) -> None:
    path = bag.with_name("v1.seal.json")
    document = json.loads(path.read_bytes())
    rewrite(path, json.dumps({**document, "seal": "sha256:" + "0" * 64}).encode())


HARMS: list[Callable[[Path], None]] = [
    flip_payload,
    remove_payload,
    add_a_stranger,
    add_a_stranger_beside,
    link_in_the_place_of_a_file,
    fifo_in_the_place_of_a_file,
    folder_in_the_place_of_a_file,
    file_in_the_place_of_the_bag,
    no_replica_at_all,
    no_aip_folder,
    truncated_to_nothing,
    a_consistent_lie,
    no_sidecar,
    sidecar_of_noise,
    sidecar_with_another_seal,
]
# What needs no octets of another replica.
OWN = {
    add_a_stranger,
    add_a_stranger_beside,
    no_sidecar,
    sidecar_of_noise,
    sidecar_with_another_seal,
}


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_invariant_7_every_damage_is_found_and_healed_from_verified_bytes(
    kept: tuple[Archive, DepositResult], harm: Callable[[Path], None]
) -> None:
    archive, result = kept
    good = {path: row[-1] for path, row in snapshot(archive.bag(result)).items()}
    bag = archive.bag(result, "mirror")
    harm(bag)
    found = archive.audit()
    assert found.outcomes["intact"] == 2
    assert len(found.findings) == 1
    repaired = only(archive.repair())
    assert (repaired.state, repaired.source) == ("repaired", "mirror" if harm in OWN else "vault")
    assert {path: row[-1] for path, row in snapshot(bag).items()} == good
    assert archive.audit().outcomes["intact"] == 3
    assert archive.standing()["sidecars"] == ["deep", "mirror", "vault"]
    with archive.opened() as (parts, _):
        assert {finding.state for finding in parts.catalogue.findings()} == {"resolved"}
    assert archive.unfinished() == []


def cut(tar: Path) -> None:
    os.truncate(tar, tar.stat().st_size // 2)


def lengthened(tar: Path) -> None:
    tar.write_bytes(tar.read_bytes() + bytes(512))


def flipped_in_a_header(tar: Path) -> None:
    flip(tar, 5)


def flipped_in_the_padding(tar: Path) -> None:
    flip(tar, tar.stat().st_size - 10)


def folder_in_its_place(tar: Path) -> None:
    tar.unlink()
    tar.mkdir()


@pytest.mark.parametrize(
    "harm",
    [
        cut,
        lengthened,
        flipped_in_a_header,
        flipped_in_the_padding,
        folder_in_its_place,
        Path.unlink,
    ],
    ids=lambda harm: harm.__name__,
)
def test_invariant_7_every_damage_of_a_tar_is_found_and_healed(
    kept: tuple[Archive, DepositResult], harm: Callable[[Path], None]
) -> None:
    archive, result = kept
    tar = archive.bag(result, "deep").with_suffix(".tar")
    good = tar.read_bytes()
    tar.chmod(0o644)
    harm(tar)
    assert len(archive.audit().findings) == 1
    assert only(archive.repair()).state == "repaired"
    assert tar.read_bytes() == good
    assert archive.audit().outcomes["intact"] == 3


def test_two_aips_that_changed_places_are_both_found_and_healed(archive: Archive) -> None:
    one = archive.ingest(archive.put("one", FILES))
    two = archive.ingest(archive.put("two", {"other.txt": b"x"}))
    archive.replicate()
    first, second = archive.bag(one, "mirror"), archive.bag(two, "mirror")
    first.rename(first.with_name("aside"))
    second.rename(first)
    first.with_name("aside").rename(second)
    assert len(archive.audit().findings) == 2
    assert [repaired.state for repaired in archive.repair()] == ["repaired", "repaired"]
    assert archive.audit().outcomes["intact"] == 6


def test_a_source_that_is_damaged_too_is_passed_over_and_told(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    flip_payload(archive.bag(result, "mirror"))
    assert len(archive.audit("mirror").findings) == 1
    flip_payload(archive.bag(result))
    repaired = only(archive.repair())
    assert (repaired.state, repaired.source) == ("repaired", "deep")
    with archive.opened() as (parts, policy):
        assert only(parts.repair.plan(policy)).tier == "vault"
    assert only(archive.repair()).state == "repaired"
    assert archive.audit().outcomes["intact"] == 3


def test_where_no_replica_is_intact_it_is_critical_until_one_is_brought_back(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    bag = archive.bag(result)
    good = (bag / "data/a.txt").read_bytes()
    flip_payload(bag)
    flip_payload(archive.bag(result, "mirror"))
    archive.bag(result, "deep").with_suffix(".tar").unlink()
    assert len(archive.audit().findings) == 3
    assert {repaired.state for repaired in archive.repair()} == {"hopeless"}
    with archive.opened() as (parts, _):
        critical = [f for f in parts.catalogue.findings() if f.severity == "critical"]
    assert only(critical).code == "FIX-NO-INTACT-REPLICA"
    rewrite(bag / "data/a.txt", good)
    assert archive.audit().outcomes["intact"] == 1
    assert {repaired.state for repaired in archive.repair()} == {"repaired"}
    with archive.opened() as (parts, _):
        assert {finding.state for finding in parts.catalogue.findings()} == {"resolved"}


def test_a_source_that_is_away_is_not_a_loss(kept: tuple[Archive, DepositResult]) -> None:
    archive, result = kept
    flip_payload(archive.bag(result, "mirror"))
    archive.audit("mirror")
    for name in ("vault", "deep"):
        archive.tier(name).rename(archive.tier(f"{name}-unmounted"))
        archive.tier(name).mkdir()
    repaired = only(archive.repair())
    assert repaired.state == "unfinished"
    assert "TIER" in repaired.reason or "marker" in repaired.reason
    with archive.opened() as (parts, _):
        assert {f.code for f in parts.catalogue.findings()} == {"FIX-ALTERED"}


def test_a_repair_waits_for_its_approval(ground: Path) -> None:
    archive = Archive(ground, {"repair": {"mode": "approved", "approvers": ["archivist"]}})
    result = archive.ingest(archive.put("first", FILES))
    archive.replicate()
    flip_payload(archive.bag(result, "mirror"))
    archive.audit()
    assert only(archive.repair()).state == "waiting"
    stranger = only(archive.repair(approved_by="somebody else"))
    assert (stranger.state, "not by somebody else" in stranger.reason) == ("waiting", True)
    assert only(archive.repair(approved_by="archivist: I looked at it")).state == "repaired"


def other_marker(tier: Path) -> None:
    rewrite(tier / "samarkand-tier.json", b'{"id":"another","schema":"samarkand.tier/1"}\n')


def no_marker(tier: Path) -> None:
    (tier / "samarkand-tier.json").unlink()


def unmounted(tier: Path) -> None:
    tier.rename(tier.with_name("elsewhere"))
    tier.mkdir()


@pytest.mark.parametrize("harm", [other_marker, no_marker, unmounted], ids=lambda h: h.__name__)
def test_a_tier_that_is_not_itself_is_not_written_to_and_nothing_is_missing(
    kept: tuple[Archive, DepositResult], harm: Callable[[Path], None]
) -> None:
    archive, _ = kept
    path = archive.put("second", {"new.txt": b"new"})
    archive.ingest(path)
    harm(archive.tier("mirror"))
    before = snapshot(archive.tier("mirror"))
    found = archive.audit("mirror")
    assert found.outcomes[Outcome.UNCHECKED.value] == 1
    assert found.checked == 0
    # The other tier gets its replica all the same; only one that is alone in the way raises.
    assert {(one.tier, one.state) for one in archive.replicate()} == {
        ("mirror", "not now"),
        ("deep", "verified"),
    }
    with pytest.raises(TierUnavailableError):
        archive.replicate()
    assert snapshot(archive.tier("mirror")) == before
    with archive.opened() as (parts, _):
        assert parts.catalogue.findings() == []
        states = {(row.tier, row.state.value) for row in parts.catalogue.replicas()}
    assert ("mirror", "verified") in states


@pytest.mark.parametrize("harm", [other_marker, no_marker, unmounted], ids=lambda h: h.__name__)
def test_a_deposit_waits_while_its_tier_is_not_itself(
    archive: Archive, harm: Callable[[Path], None]
) -> None:
    path = archive.put("first", FILES)
    harm(archive.tier("vault"))
    before = snapshot(archive.tier("vault"))
    with pytest.raises(TierUnavailableError):
        archive.ingest(path)
    assert snapshot(archive.tier("vault")) == before
    with archive.opened() as (parts, policy):
        assert len(parts.ingest.scan(policy)) == 1


def test_one_aip_without_a_source_keeps_no_other_from_being_replicated(archive: Archive) -> None:
    bad = archive.ingest(archive.put("bad", FILES))
    archive.ingest(archive.put("good", {"x.txt": b"x"}))
    flip_payload(archive.bag(bad))
    states = sorted((one.tier, one.state) for one in archive.replicate())
    assert states == [
        ("deep", "not made"),
        ("deep", "verified"),
        ("mirror", "not made"),
        ("mirror", "verified"),
    ]
    with archive.opened() as (parts, _):
        assert [f.code for f in parts.catalogue.findings()] == ["FIX-ALTERED"]
    assert archive.unfinished() == []


@pytest.fixture
def narrow() -> object:
    """No file of this process may grow beyond 64 KiB: a full disk, as far as a write can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(octets: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (octets or before[0], before[1]))

    yield limit
    limit(None)
    signal.signal(signal.SIGXFSZ, handler)


LARGE = {"a.txt": b"one", "large.bin": os.urandom(3 << 20)}


def test_ingest_on_a_full_disk_leaves_nothing_and_succeeds_later(
    archive: Archive, narrow: Callable[[int | None], None]
) -> None:
    path = archive.put("first", LARGE)
    before = snapshot(archive.inbox)
    narrow(2 << 20)
    with pytest.raises(NoSpaceError):
        archive.ingest(path)
    narrow(None)
    assert archive.standing()["sidecars"] == []
    assert archive.unfinished() == []
    assert snapshot(archive.inbox) == before
    assert archive.ingest(path).outcome == "accepted"


def test_replication_and_repair_on_a_full_disk_leave_nothing_and_succeed_later(
    archive: Archive, narrow: Callable[[int | None], None]
) -> None:
    result = archive.ingest(archive.put("first", LARGE))
    narrow(2 << 20)
    with pytest.raises(NoSpaceError):
        archive.replicate()
    narrow(None)
    assert archive.standing()["sidecars"] == ["vault"]
    assert archive.unfinished() == []
    assert [one.state for one in archive.replicate()] == ["verified", "verified"]
    for path in archive.bag(result, "mirror").glob("data/*"):
        flip(path)
    archive.audit()
    damaged = snapshot(archive.bag(result, "mirror"))
    narrow(2 << 20)
    with pytest.raises(NoSpaceError):
        archive.repair()
    narrow(None)
    assert snapshot(archive.bag(result, "mirror")) == damaged
    assert archive.unfinished() == []
    assert only(archive.repair()).state == "repaired"


def test_a_container_that_does_not_fit_into_scratch_waits(
    archive: Archive, narrow: Callable[[int | None], None], ground: Path
) -> None:
    source = archive.put("first", LARGE)
    packed = shutil.make_archive(str(archive.inbox / "packed"), "tar", source)
    narrow(2 << 20)
    with pytest.raises(NoSpaceError):
        archive.ingest(Path(packed))
    narrow(None)
    assert archive.unfinished() == []
    assert codes(archive.ingest(Path(packed))) == set()
