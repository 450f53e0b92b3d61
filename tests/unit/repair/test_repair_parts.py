"""Of a tar in parts only the damaged part is replaced; the others are not touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from buckets import KEYS, Server, described, serving
from homes import SILENCE, Archive, only

from preservation.model.digest import Digest
from preservation.model.event import EventType
from preservation.repair.result import RepairResult
from preservation.storage.s3.incoming import S3Incoming

FILES = {f"{name}.bin": os.urandom((3 << 20) - 500) for name in "abcdef"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


@pytest.fixture
def far(ground: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """A home whose third tier is a bucket where an object has 8 MiB at most."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bucket = described(server.endpoint, ground.name, object_limit="8 MiB")
    archive = Archive(ground, tiers={"deep": bucket})
    archive.ingest(archive.put("six", FILES))
    archive.replicate()
    assert tars(archive) == {f"v1.tar.0000{n}" for n in (1, 2, 3)}
    return archive


def tars(archive: Archive) -> set[str]:
    with archive.opened() as (parts, _):
        (lying,) = parts.tiers["deep"].lying("notes")
        return {name for name in lying.names if ".tar" in name}


def harm(archive: Archive, number: int) -> None:
    """One octet in the middle of a part."""
    with archive.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
        place, name = parts.tiers["deep"]._place, f"{version.key.folder}/v1.tar.{number:05d}"
        data = bytearray(place.get(name))
        data[len(data) // 2] ^= 1
        place.replace(name, bytes(data))


def healed(archive: Archive) -> RepairResult:
    repaired: RepairResult = only(archive.repair())
    assert repaired.state == "repaired"
    assert archive.audit().outcomes["intact"] == 3
    with archive.opened() as (parts, policy):
        seen = parts.reconcile.reconcile(parts.tiers["deep"], {"notes": policy}, SILENCE)
    assert (seen.agreed, seen.count) == (1, 0)
    return repaired


def test_a_damaged_part_is_replaced_alone_and_told_like_any_other_damage(
    far: Archive, tmp_path: Path
) -> None:
    before = tars(far)
    harm(far, 2)
    far.audit()
    repaired = healed(far)
    assert tars(far) - before == {"v1.r1.tar.00002"}
    assert repaired.quarantine.endswith("/v1.tar.00002")
    told = only(one for one in far.events() if one.type is EventType.QUARANTINE)
    assert told.detail["place"] == repaired.quarantine
    with far.opened() as (parts, _):
        (compared,) = parts.journal.result(Digest.parse_tagged(repaired.difference))["files"]
        assert (compared["path"], compared["ranges"][0]["bytes"]) == ("v1.tar.00002", 1)
        assert compared["ranges"][0]["offset"] == compared["intact_bytes"] // 2
        # The index is of the tar, whatever its parts are called.
        (version,) = parts.catalogue.versions()
        (tmp_path / "out").mkdir()
        parts.restore.restore(version, tmp_path / "out", SILENCE, frozenset({b"data/c.bin"}))
    assert (tmp_path / "out/data/c.bin").read_bytes() == FILES["c.bin"]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_one_that_was_killed_around_the_exchange_is_completed(
    far: Archive, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    harm(far, 3)
    far.audit()
    swap = S3Incoming.swap

    def killed(self: S3Incoming, *said: object) -> str:
        if lost == "after":
            swap(self, *said)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(S3Incoming, "swap", killed)
        patch.setattr(S3Incoming, "discard", lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            far.repair()
    far.clock.at += timedelta(days=1)  # the lease of the killed one has run out
    assert healed(far).source in ("vault", "mirror")
    assert tars(far) == {"v1.tar.00001", "v1.tar.00002", "v1.tar.00003", "v1.r1.tar.00003"}
    told = [one for one in far.events() if one.type is EventType.QUARANTINE]
    assert [one.detail["place"].rpartition("/")[2] for one in told] == ["v1.tar.00003"]
