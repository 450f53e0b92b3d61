"""Who is believed when replicas disagree, and what becomes of a catalogue of another day."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path

import bagit
import pytest
from homes import SILENCE, Archive, only, snapshot

from preservation.app.freshness import clock_is_behind
from preservation.app.upkeep import rebuild_catalogue, settling_of
from preservation.catalogue.authority import judge
from preservation.errors import CatalogueUnavailableError, UsageError
from preservation.files.remove import remove_tree
from preservation.ingest.result import DepositResult
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import EventType
from preservation.model.replica import VersionKey

FILES = {"a.txt": b"one", "b.txt": b"two" * 1000}


@pytest.fixture
def kept(archive: Archive) -> tuple[Archive, DepositResult]:
    """One AIP, verified on three tiers, everything in the journal."""
    result = archive.ingest(archive.put("first", FILES))
    archive.replicate()
    drain(archive)
    return archive, result


def drain(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        parts.drain()


def lie(bag: Path) -> Digest:
    """Payload, manifests, tag manifest and sidecar, all rewritten to agree with each other."""
    for path in bag.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (bag / "data/a.txt").write_bytes(b"a lie")
    made = bagit.Bag(str(bag))
    made.save(processes=1, manifests=True)
    made.validate(processes=1)
    sealed = (bag / "tagmanifest-sha256.txt").read_bytes()
    digest = Digest(Algorithm.SHA256, hashlib.sha256(sealed).digest())
    sidecar = bag.with_name("v1.seal.json")
    document = json.loads(sidecar.read_bytes()) | {"seal": str(digest)}
    sidecar.chmod(0o644)
    sidecar.write_bytes(json.dumps(document).encode())
    return digest


def contents(bag: Path) -> dict[bytes, object]:
    return {path: row[-1] for path, row in snapshot(bag).items()}


def lose_catalogue(archive: Archive) -> None:
    for path in archive.home.glob("catalogue.sqlite*"):
        path.unlink()


def lose_journal(archive: Archive) -> None:
    """Here and on the tiers that keep copies."""
    for journal in (archive.home / "journal", *archive.home.glob("tiers/*/.samarkand/journal")):
        remove_tree(journal)
    (archive.home / "journal").mkdir()


def test_a_replica_rewritten_with_manifests_and_sidecar_wins_over_no_catalogue(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    good = contents(archive.bag(result))
    lie(archive.bag(result, "mirror"))
    assert archive.audit().outcomes["altered"] == 1
    assert only(archive.repair()).state == "repaired"
    assert contents(archive.bag(result, "mirror")) == good


def test_nor_over_the_journal_when_the_catalogue_is_gone(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    good = contents(archive.bag(result, "mirror"))
    lie(archive.bag(result))  # on the first tier, and on most of them
    lie(archive.bag(result, "mirror"))
    lose_catalogue(archive)
    report, _ = rebuild_catalogue(archive.home)
    assert dict(report.disputes) == {}
    assert archive.audit().outcomes["altered"] == 2
    with archive.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
        assert {row.seal for row in parts.catalogue.replicas()} == {version.seal}
    assert {one.state for one in archive.repair()} == {"repaired"}
    assert contents(archive.bag(result)) == contents(archive.bag(result, "mirror")) == good


def test_without_a_journal_a_majority_only_proposes_and_a_person_decides(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    good = contents(archive.bag(result))
    with archive.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
    false = lie(archive.bag(result, "mirror"))
    lose_journal(archive)
    lose_catalogue(archive)
    report, _ = rebuild_catalogue(archive.home)
    (claims,) = report.disputes.values()
    assert claims == {"vault": version.seal, "mirror": false, "deep": version.seal}
    archive.audit()
    with archive.opened() as (parts, policy):
        dispute = only([f for f in parts.catalogue.findings() if f.code == "RBD-SEAL-DISPUTED"])
        assert f"Most say {version.seal}" in dispute.message
        assert list(parts.catalogue.versions()) == []
        assert parts.replication.plan(policy) == []
        settling = settling_of(parts)
        with pytest.raises(UsageError) as refused:
            settling.settle(policy, dispute, Digest(Algorithm.SHA256, bytes(32)), "ann", "a guess")
        assert refused.value.code == "FND-NO-SUCH-SEAL"
        settling.settle(policy, dispute, version.seal, "ann", "it stands on the receipt")
    assert archive.audit().outcomes["altered"] == 1
    assert only(archive.repair()).state == "repaired"
    assert contents(archive.bag(result, "mirror")) == good
    drain(archive)
    rebuild_catalogue(archive.home)  # the answer is in the journal now
    with archive.opened() as (parts, _):
        assert {f.state for f in parts.catalogue.findings()} == {"resolved"}
        (again,) = parts.catalogue.versions()
    assert (again.seal, again.title, again.files) == (version.seal, version.title, 2)


def test_a_dispute_stops_a_repair_until_it_is_answered(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    lie(archive.bag(result, "mirror"))
    lose_journal(archive)
    lose_catalogue(archive)
    rebuild_catalogue(archive.home)
    (archive.bag(result) / "data/b.txt").unlink()
    archive.audit()
    before = snapshot(archive.home / "tiers")
    waiting = archive.repair()
    assert {one.state for one in waiting} == {"waiting"}
    assert "preserve finding settle" in waiting[0].reason
    with archive.opened() as (parts, _):  # accepting it answers nothing
        (one,) = [f for f in parts.catalogue.findings() if f.code == "RBD-SEAL-DISPUTED"]
        key = VersionKey(one.community, one.aip, one.version)
        detail = {"finding": one.id, "by": "ann", "reason": "later", "event": ""}
        parts.catalogue.record(
            [parts.events.about(key, EventType.FINDING_ACCEPTED, "success", detail)]
        )
    still = archive.repair()
    assert {(one.state, "rebuild" in one.reason) for one in still} == {("waiting", True)}
    assert snapshot(archive.home / "tiers") == before


ONE, TWO = (Digest(Algorithm.SHA256, bytes([n]) * 32) for n in (1, 2))


@pytest.mark.parametrize(
    ("claims", "keepers", "seal", "proposal"),
    [
        ({"a": ONE, "b": ONE, "c": TWO}, {"a": "here", "b": "here", "c": "far"}, None, ONE),
        ({"a": ONE, "b": ONE, "c": TWO}, {"a": "here", "b": "far", "c": "here"}, ONE, ONE),
        ({"a": TWO, "b": TWO, "c": ONE, "d": ONE}, {"a": "x", "b": "x", "c": "x", "d": "y"}, ONE,
         None),
        ({"a": TWO, "b": TWO, "c": ONE, "d": ONE}, {"a": "x", "b": "y", "c": "x", "d": "y"}, None,
         None),
        ({"a": ONE, "b": TWO}, {"a": "x", "b": "y"}, None, None),
        ({"a": ONE, "b": ONE, "c": TWO}, {}, None, ONE),
    ],
)  # fmt: skip
def test_only_seals_that_no_single_credential_could_write_hold(
    claims: dict[str, Digest], keepers: dict[str, str], seal: Digest | None, proposal: Digest | None
) -> None:
    judged = judge(claims, keepers)
    assert (judged.seal, judged.proposal) == (seal, proposal)


def test_a_catalogue_of_last_month_is_not_acted_upon_and_is_made_again(
    kept: tuple[Archive, DepositResult], ground: Path
) -> None:
    archive, result = kept
    saved = ground / "last-month.sqlite"
    shutil.copyfile(archive.home / "catalogue.sqlite", saved)
    second = archive.ingest(archive.put("second", {"new.txt": b"new"}))
    archive.replicate()
    bag = archive.bag(result, "mirror")
    (bag / "data/a.txt").unlink()
    archive.audit()
    archive.repair()
    drain(archive)
    with archive.opened() as (parts, _):
        now = list(parts.catalogue.replicas())
        events = [event.id for event in parts.journal.events()]
    for left in archive.home.glob("catalogue.sqlite*"):
        left.unlink()
    shutil.copyfile(saved, archive.home / "catalogue.sqlite")
    with archive.opened() as (parts, _):
        with pytest.raises(CatalogueUnavailableError) as told:
            parts.expect_today()
        with pytest.raises(CatalogueUnavailableError):
            parts.drain()
    assert told.value.code == "CAT-BEHIND-JOURNAL"
    assert "catalogue rebuild" in told.value.hint
    rebuild_catalogue(archive.home)
    with archive.opened() as (parts, _):
        parts.expect_today()
        assert list(parts.catalogue.replicas()) == now
        assert {f.state for f in parts.catalogue.findings()} == {"resolved"}
        parts.drain()
        after = [event.id for event in parts.journal.events()]
    assert after[: len(events)] == events
    assert len(set(after)) == len(after)
    assert second.aip in {row.key.aip for row in now}
    assert archive.audit().outcomes["intact"] == 6


def test_a_replica_in_the_place_of_another_is_valid_and_yet_altered(archive: Archive) -> None:
    """Bag, sidecar and all of another AIP, or of another version's content."""
    one = archive.ingest(archive.put("one", FILES))
    two = archive.ingest(archive.put("two", {"other.txt": b"x"}))
    archive.replicate()
    place, other = archive.bag(one, "mirror"), archive.bag(two, "mirror")
    good = contents(place)
    remove_tree(place)
    shutil.copytree(other, place)
    shutil.copyfile(other.with_name("v1.seal.json"), place.with_name("v1.other"))
    place.with_name("v1.other").replace(place.with_name("v1.seal.json"))
    found = archive.audit()
    assert found.outcomes["altered"] == 1
    assert "preserve repair" in only(list(found.findings)).hint
    assert only(archive.repair()).state == "repaired"
    assert contents(place) == good


@pytest.mark.parametrize("jump", [timedelta(days=-365), timedelta(days=365)])
def test_a_clock_that_jumps_a_year_stops_nothing_and_is_told(
    kept: tuple[Archive, DepositResult], jump: timedelta
) -> None:
    archive, result = kept
    archive.clock.at += jump
    (archive.bag(result, "mirror") / "data/a.txt").unlink()
    assert len(archive.audit().findings) == 1
    assert only(archive.repair()).state == "repaired"
    drain(archive)
    with archive.opened() as (parts, _):
        rows = list(parts.catalogue.replicas())
        lease = parts.catalogue.lease("anything", timedelta(minutes=10), archive.clock.now())
        assert lease is not None
        later = archive.clock.now() - 2 * jump
        renewed = parts.catalogue.lease("anything", timedelta(minutes=10), later)
        assert (renewed is None) == (jump > timedelta(0))
    archive.clock.at -= jump
    with archive.opened() as (parts, policy):
        future = parts.standing(policy).totals.get("STD-FUTURE", 0)
        planned = sum(len(shard.keys) for shard in parts.audit.plan(policy))
        assert (future, planned >= future) == (3 if jump > timedelta(0) else 0, True)
        assert bool(clock_is_behind(parts.journal, parts.clock)) == (jump > timedelta(0))
    if jump > timedelta(0):  # the next night mends what a wrong clock has dated
        with archive.opened() as (parts, policy):
            for shard in parts.audit.plan(policy):
                parts.audit.run(policy, shard, SILENCE)
            assert "STD-FUTURE" not in parts.standing(policy).totals
            parts.drain()
            rows = list(parts.catalogue.replicas())
    before = {(row.tier, row.state) for row in rows}
    lose_catalogue(archive)
    rebuild_catalogue(archive.home)
    with archive.opened() as (parts, _):
        assert {(row.tier, row.state) for row in parts.catalogue.replicas()} == before
