"""The invariants of the design that no single kind of fault proves: each test names its own.

Invariants 6, 7 and 11 are in ``test_service_kills``, ``test_service_damage`` and
``test_service_races``; 9 in ``test_ingest_hostile``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from homes import SILENCE, Archive, only, snapshot
from tiers import flip

from preservation.app.home import find_home
from preservation.app.parts import Parts
from preservation.app.policies import apply_policies, read_policies
from preservation.app.upkeep import check_catalogue, rebuild_catalogue
from preservation.files.remove import remove_tree
from preservation.model.digest import Digest
from preservation.model.event import EventType
from preservation.policy.policy import Policy
from preservation.storage import incoming

FILES = {"a.txt": b"one", "deep/er/b.txt": b"two" * 1000, "c.bin": b"three"}
DOI = {"datacite.json": b'{"doi": "10.1234/invariants"}'}


@pytest.fixture
def busy(archive: Archive) -> Archive:
    """An archive to which most things have happened: versions, a rejection, a repair."""
    first = archive.ingest(archive.put("first", FILES | DOI))
    archive.ingest(archive.put("second", FILES | DOI | {"new.txt": b"new"}))
    archive.ingest(archive.put("first again", FILES | DOI))
    os.mkfifo(archive.put("bad", FILES) / "pipe")
    archive.ingest(archive.inbox / "bad")
    archive.replicate()
    flip(archive.bag(first, "mirror") / "data/a.txt")
    archive.audit()
    archive.repair()
    return archive


def test_invariant_1_no_deposit_is_changed_whatever_becomes_of_it(archive: Archive) -> None:
    archive.put("good", FILES)
    archive.put("same", FILES)
    (archive.put("bad", {"x.txt": b"x"}) / "link").symlink_to("/")
    before = snapshot(archive.inbox)
    assert [result.outcome for result in archive.take_inbox()] == [
        "rejected",
        "accepted",
        "held already",
    ]
    archive.replicate()
    archive.audit()
    assert snapshot(archive.inbox) == before


def test_invariant_2_a_sealed_version_never_changes(archive: Archive) -> None:
    first = archive.ingest(archive.put("first", FILES | DOI))
    archive.replicate()
    before = [snapshot(archive.bag(first, tier)) for tier in ("vault", "mirror")]
    tar = archive.bag(first, "deep").with_suffix(".tar").read_bytes()
    second = archive.ingest(archive.put("second", {"corrected.txt": b"!"} | DOI))
    archive.replicate()
    archive.audit()
    assert (second.aip, second.version) == (first.aip, 2)
    assert [snapshot(archive.bag(first, tier)) for tier in ("vault", "mirror")] == before
    assert archive.bag(first, "deep").with_suffix(".tar").read_bytes() == tar


def test_invariant_3_a_replica_counts_only_after_it_was_read_back(archive: Archive) -> None:
    archive.ingest(archive.put("first", FILES))
    with archive.opened() as (parts, policy):
        for shard in parts.replication.plan(policy):
            parts.replication.run(policy, shard, SILENCE)
    events = archive.events()
    for tier in ("vault", "mirror", "deep"):
        acts = [event.type for event in events if event.tier == tier]
        assert acts == [EventType.REPLICATION, EventType.FIXITY_CHECK]
    with archive.opened() as (parts, _):
        for row in parts.catalogue.replicas():
            assert row.verified_at is not None
            assert row.verified_at > row.written_at


def test_invariant_3_what_reads_back_otherwise_does_not_count(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = incoming.LocalIncoming.commit

    def rotten(self: incoming.LocalIncoming, sidecar: object) -> None:
        flip(self.folder / "data/a.txt")
        commit(self, sidecar)  # type: ignore[arg-type]

    monkeypatch.setattr(incoming.LocalIncoming, "commit", rotten)
    result = archive.ingest(archive.put("first", FILES))
    assert only(result.replicas).state == "damaged"


def test_invariant_4_every_outcome_has_its_evidence(busy: Archive) -> None:
    with busy.opened() as (_, policy):
        ref = policy.ref
    acts = {event.type for event in busy.events()}
    assert acts >= {EventType.INGESTION, EventType.REPLICATION, EventType.FIXITY_CHECK}
    for event in busy.events():
        assert event.agent == "a test"
        assert event.at.tzinfo is not None
        if event.type is not EventType.POLICY_ASSIGNMENT:
            assert event.policy == ref
        if event.type in (EventType.INGESTION, EventType.REPLICATION):
            Digest.parse_tagged(event.detail["seal"])
        if event.type is EventType.FIXITY_CHECK:
            assert event.detail["level"] == "E3"
            # All of them, where damage was found before.
            assert event.detail["algorithms"] in (["sha256"], ["sha256", "sha512"])
            assert event.detail["bytes_read"] > 0
            assert bool(event.detail["result"]) == (event.outcome != "intact")


def test_invariant_5_the_catalogue_is_rebuilt_from_tiers_and_journal(busy: Archive) -> None:
    with busy.opened() as (parts, _):
        parts.drain()
    before = busy.standing()
    assert check_catalogue(busy.home)[1] == []
    for file in busy.home.glob("catalogue.sqlite*"):
        file.unlink()
    rebuild_catalogue(busy.home)
    assert busy.standing() == before
    assert busy.ingest(busy.inbox / "first").outcome == "held already"


def test_invariant_5_what_was_not_drained_is_found_by_its_sidecars(archive: Archive) -> None:
    result = archive.ingest(archive.put("first", FILES | DOI))
    for file in archive.home.glob("catalogue.sqlite*"):
        file.unlink()
    rebuild_catalogue(archive.home)
    again = archive.ingest(archive.inbox / "first")
    assert (again.outcome, again.aip, again.seal) == ("held already", result.aip, result.seal)
    assert {one.state for one in archive.replicate()} == {"verified"}


@pytest.mark.slow
def test_invariant_8_memory_does_not_grow_with_the_number_of_files(archive: Archive) -> None:
    path = archive.inbox / "many"
    for folder in range(8):
        (path / str(folder)).mkdir(parents=True)
        for number in range(1000):
            (path / f"{folder}/{number}.txt").write_bytes(b"%d %d" % (folder, number))
    archive.write_policies({"intake": {"limits": {"files": 50_000}}})
    checked = read_policies(archive.policies).require()
    apply_policies(find_home(archive.home), checked, "us", "many files", archive.clock)
    used = peak_memory(archive, "ingest", str(path), "--community", "notes")
    assert only(archive.standing()["versions"])[2] == 8_000
    assert used < 200 * 1024 * 1024


PEAK = """
import sys
from pathlib import Path
from preservation.cli.main import call
code = call(sys.argv[1:])
(peak,) = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""


def peak_memory(archive: Archive, *words: str) -> int:
    """Octets that `preserve` used at most, by the kernel's count of its own memory.

    Not by ``wait4``: that counts what the parent had when it made the child, and pytest is large.
    """
    where = ["--home", str(archive.home), "--policies", str(archive.policies)]
    command = [sys.executable, "-c", PEAK, *where, *words]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return int(ended.stderr.split()[-1]) * 1024


def test_invariant_9_nothing_outside_is_read_through_a_deposits_links(
    archive: Archive, ground: Path
) -> None:
    outside = ground / "outside"
    outside.mkdir()
    os.mkfifo(outside / "opening this would hang")
    path = archive.put("first", FILES)
    (path / "sha256sums.txt").symlink_to(outside / "opening this would hang")
    (path / "bagit.txt").symlink_to(outside / "opening this would hang")
    (path / "datacite.json").symlink_to(outside / "opening this would hang")
    assert archive.ingest(path).outcome == "rejected"


def test_invariant_12_the_policy_in_force_is_obeyed_not_the_edited_one(archive: Archive) -> None:
    archive.write_policies({"intake": {"limits": {"files": 1}}})
    assert archive.ingest(archive.put("first", FILES)).outcome == "accepted"
    checked = read_policies(archive.policies).require()
    apply_policies(find_home(archive.home), checked, "us", "less", archive.clock)
    assert archive.ingest(archive.put("second", FILES | {"d": b"4"})).outcome == "rejected"


def due(parts: Parts, policy: Policy) -> set[str]:
    """The tiers that replicas are planned for; one shard may serve several."""
    return {tier for shard in parts.replication.plan(policy) for tier in shard.tiers}


def test_invariant_12_a_replica_that_is_promised_and_not_there_is_due_until_it_is(
    archive: Archive,
) -> None:
    archive.ingest(archive.put("first", FILES))
    with archive.opened() as (parts, policy):
        assert due(parts, policy) == {"mirror", "deep"}
    remove_tree(archive.tier("deep"))
    archive.tier("deep").mkdir()
    with archive.opened() as (parts, policy):
        for shard in parts.replication.plan(policy, tier="mirror"):
            parts.replication.run(policy, shard, SILENCE)
        assert due(parts, policy) == {"deep"}
