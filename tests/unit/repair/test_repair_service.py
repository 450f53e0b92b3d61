"""What repair says when there is nothing to do, or nothing that it may do."""

from __future__ import annotations

import pytest
from homes import SILENCE, Archive, only
from tiers import flip

from preservation.errors import UsageError
from preservation.files.remove import remove_tree
from preservation.repair import localising


@pytest.fixture
def damaged(archive: Archive) -> Archive:
    result = archive.ingest(archive.put("first", {"a.txt": b"one"}))
    archive.replicate()
    flip(archive.bag(result, "mirror") / "data/a.txt")
    archive.audit()
    return archive


def test_a_finding_that_nobody_knows_is_refused(archive: Archive) -> None:
    with archive.opened() as (parts, policy), pytest.raises(UsageError) as told:
        parts.repair.repair(policy, "00000000-0000-4000-8000-000000000000", SILENCE)
    assert told.value.code == "FND-UNKNOWN"


def test_a_replica_that_somebody_mended_by_hand_is_not_replaced(damaged: Archive) -> None:
    bag = next(damaged.tier("mirror").glob("notes/*/*/*/v1"))
    flip(bag / "data/a.txt")
    assert only(damaged.repair()).state == "intact"
    assert list((damaged.tier("mirror") / ".quarantine").iterdir()) == []
    assert damaged.repair() == []


def test_the_damaged_bytes_lie_in_quarantine_with_a_map_of_where_they_differ(
    damaged: Archive,
) -> None:
    repaired = only(damaged.repair())
    kept = damaged.tier("mirror") / repaired.quarantine
    assert (kept / "data/a.txt").read_bytes() == b"nne"
    digest = repaired.difference.removeprefix("sha256:")
    document = (damaged.home / f"journal/results/{digest[:2]}/{digest}.json").read_text()
    assert '"ranges":[{"bytes":1,"damaged":"6e","intact":"6f","offset":0}]' in document


def test_a_finding_that_was_closed_meanwhile_is_left_alone(damaged: Archive) -> None:
    with damaged.opened() as (parts, policy):
        finding = only(parts.repair.plan(policy))
        assert parts.repair.repair(policy, finding.id, SILENCE).state == "repaired"
        assert parts.repair.repair(policy, finding.id, SILENCE).state == "intact"


def test_a_tier_that_was_taken_out_of_the_home_leaves_the_repair_unfinished(
    damaged: Archive,
) -> None:
    with damaged.opened() as (parts, policy):
        finding = only(parts.repair.plan(policy))
        del parts.tiers["mirror"]  # type: ignore[attr-defined]
        result = parts.repair.repair(policy, finding.id, SILENCE)
    assert (result.state, "no tier" in result.reason) == ("unfinished", True)


@pytest.mark.parametrize("tier", ["mirror", "deep"])
def test_a_finding_says_before_the_repair_which_octets_of_which_file_differ(
    archive: Archive, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"The seal fixes every byte of it. " * 40
    result = archive.ingest(archive.put("first", {"a.txt": text, "b.txt": b"two"}))
    archive.replicate()
    path = archive.bag(result, tier).with_name("v1.tar" if tier == "deep" else "v1")
    path = path if tier == "deep" else path / "data/a.txt"
    start = path.read_bytes().index(text)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(start + 600)
        file.write(b"XYZ")
    monkeypatch.setattr(localising, "READ_AGAIN", 1)  # as if the tar were a long one
    archive.audit()
    with archive.opened() as (parts, policy):
        finding = only(parts.catalogue.findings(policy.community, "open"))
        assert finding.life == "open"
        (file_,) = finding.detail["files"]
        assert file_["path"] == "data/a.txt"
        assert finding.detail["compared_with"] not in ("", tier)
        assert file_["ranges"] == [{"offset": 600, "bytes": 3}]
        parts.repair.repair(policy, finding.id, SILENCE)
        closed = parts.catalogue.finding(finding.id)
    assert closed is not None
    assert closed.life == "resolved"
    assert closed.detail["repair"]["difference"].startswith("sha256:")
    assert closed.detail["repair"]["quarantine"]


def test_so_much_damage_at_once_waits_for_a_person(archive: Archive) -> None:
    """A tier that is mounted empty, with its marker: not one replica is missing by chance."""
    for number in range(12):
        archive.ingest(archive.put(f"deposit {number}", {"a.txt": b"%d" % number}))
    archive.replicate()
    remove_tree(archive.tier("mirror") / "notes")
    assert archive.audit().outcomes["missing"] == 12
    with archive.opened() as (parts, _):
        brakes = [one for one in parts.catalogue.findings(state="open") if one.code == "AUD-BRAKE"]
        assert [one.tier for one in brakes] == ["mirror"]
    results = archive.repair()
    assert {one.state for one in results} == {"waiting"}
    assert "AUD-BRAKE" in results[0].reason
    assert not (archive.tier("mirror") / "notes").exists()
    assert {one.state for one in archive.repair(approved_by="ann: the disk is new")} == {"repaired"}
    assert archive.audit().outcomes["intact"] == 36
    with archive.opened() as (parts, _):
        assert parts.catalogue.findings(state="open") == []


def test_where_a_long_tar_without_an_index_differs_is_known_by_an_intact_folder(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = archive.ingest(archive.put("first", {"a.txt": b"a" * 900, "b.txt": b"b" * 700}))
    archive.replicate()
    tar = archive.bag(result, "deep").with_name("v1.tar")
    tar.with_name("v1.index").unlink()
    octets = bytearray(tar.read_bytes())
    octets[octets.index(b"b" * 700) + 20] ^= 1
    tar.chmod(0o644)
    tar.write_bytes(octets)
    monkeypatch.setattr(localising, "READ_AGAIN", 1)
    archive.audit()
    with archive.opened() as (parts, policy):
        finding = only(parts.catalogue.findings(policy.community, "open"))
    assert finding.detail["compared_with"] in ("vault", "mirror")
    assert only(finding.detail["files"])["ranges"] == [{"offset": 20, "bytes": 1}]
