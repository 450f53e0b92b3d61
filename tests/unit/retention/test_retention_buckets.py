"""Holds and disposals of homes whose third tier is a bucket that locks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from buckets import KEYS, Server, described, serving
from homes import SILENCE, Archive
from test_retention_service import RULES, approved, dispose, grow_old, kept, lying, retention

from preservation.app.keeping import holds_of
from preservation.model.replica import VersionKey


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


@pytest.fixture
def far(ground: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Archive:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bucket = described(server.endpoint, ground.name, bucket="locking")
    return Archive(ground, RULES, tiers={"deep": bucket})


def objects(archive: Archive, server: Server, key: VersionKey) -> list[dict[str, Any]]:
    """Every version of every object of a version, tombstones apart."""
    prefix = f"{archive.instead['deep']['prefix']}/{key.folder}"
    found = server.client().list_object_versions(Bucket="locking", Prefix=prefix)
    every = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
    return [one for one in every if "tombstone" not in one["Key"]]


def holds(archive: Archive, server: Server, key: VersionKey) -> set[str]:
    """What the service says of the holds on the current tar and its sidecar."""
    return {
        server.client()
        .get_object_legal_hold(Bucket="locking", Key=one["Key"], VersionId=one["VersionId"])
        .get("LegalHold", {})
        .get("Status", "OFF")
        for one in objects(archive, server, key)
        if one["IsLatest"] and not one["Key"].endswith(("index", "hold.json"))
    }


def test_a_replica_that_is_made_while_a_hold_is_open_is_held_by_its_place(
    far: Archive, server: Server
) -> None:
    result = far.ingest(far.put("first", {"a.txt": b"one"}))
    key = VersionKey("notes", result.aip, result.version)
    with far.opened() as (parts, _):
        holds_of(parts).add("notes", key.aip, 0, "bo", "a court asks")

    far.replicate()

    assert holds(far, server, key) == {"ON"}


def test_a_home_with_a_bucket_is_disposed_of_when_hold_and_lock_have_ended(
    far: Archive, server: Server
) -> None:
    key = kept(far)
    client = server.client()
    (tar,) = (one for one in objects(far, server, key) if one["Key"].endswith(".tar"))
    about = {"Bucket": "locking", "Key": tar["Key"], "VersionId": tar["VersionId"]}
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    client.put_object_retention(**about, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
    upload = client.create_multipart_upload(Bucket="locking", Key=tar["Key"])["UploadId"]
    client.upload_part(
        Bucket="locking", Key=tar["Key"], UploadId=upload, PartNumber=1, Body=b"half"
    )
    grow_old(far)

    done = dispose(far, approved(far))

    (deep,) = (one for one in done.removals if one.tier == "deep")
    assert (deep.state, deep.until) == ("pending", until)
    assert lying(far, key) == []
    with far.opened() as (parts, _):
        hold = holds_of(parts).add("notes", key.aip, 1, "bo", "a court asks for the rest")
        assert holds_of(parts).spread_all() == []
    with retention(far) as (service, parts, _):
        ((held,),) = [one.removals for one in service.finish(SILENCE)]
        assert (held.state, "held" in held.reason) == ("pending", True)
        assert objects(far, server, key)
        holds_of(parts).spread(holds_of(parts).release(hold.id, "bo", "the court has it"))
        service.finish(SILENCE)
    client.delete_object(**about, BypassGovernanceRetention=True)  # as if its day had come
    with retention(far) as (service, _, _):
        service.finish(SILENCE)
        assert service.finish(SILENCE) == []
    assert objects(far, server, key) == []
    uploads = client.list_multipart_uploads(Bucket="locking").get("Uploads", [])
    assert [one for one in uploads if one["Key"] == tar["Key"]] == []
    with far.opened() as (parts, _):
        assert parts.every_tier()["deep"].tombstoned(key)
        assert parts.catalogue.custody.removals(pending=True) == []
