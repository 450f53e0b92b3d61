"""Locks and holds in a bucket, on a server that enforces them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from buckets import KEYS, Server, serving
from clocks import FakeClock
from tiers import BAD, GOOD, KEY, contents, fill, sidecar

from preservation.errors import MalformedError, TierUnavailableError
from preservation.model.replica import Packaging
from preservation.storage.listing import versions
from preservation.storage.s3.opening import open_s3_tier
from preservation.storage.s3.tier import S3Tier, make_s3_tier

TAR = Packaging.TAR
YEARS = timedelta(days=3650)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("ministack") as running:
        yield running


class Now:
    """The server knows the real time, and nothing else."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def locked(server: Server, mode: str = "governance", bucket: str = "locking") -> S3Tier:
    spec = server.spec("deep", f"p-{uuid.uuid4().hex[:12]}", bucket=bucket)
    spec = replace(spec, lock_mode=mode, lock_for=YEARS if mode == "governance" else timedelta(2))
    make_s3_tier(spec, KEYS)
    return open_s3_tier(spec, KEYS, clock=Now())


def commit(tier: S3Tier, files: dict[bytes, bytes] = GOOD) -> None:
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR, files)
    incoming.commit(sidecar(TAR, files))


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_a_replica_can_not_be_removed_while_its_lock_lasts(server: Server, mode: str) -> None:
    tier = locked(server, mode)
    commit(tier)
    assert tier.guarded(KEY) is True
    client, prefix = server.client(), tier._place.address.prefix
    versions = client.list_object_versions(Bucket="locking", Prefix=prefix)["Versions"]
    mine = [one for one in versions if KEY.aip in one["Key"]]
    assert len(mine) == 2  # the tar and its sidecar
    for one in mine:
        about = {"Bucket": "locking", "Key": one["Key"], "VersionId": one["VersionId"]}
        assert client.head_object(**about)["ObjectLockMode"] == mode.upper()
        with pytest.raises(ClientError):
            client.delete_object(**about)
        if mode == "compliance":
            with pytest.raises(ClientError):
                client.delete_object(**about, BypassGovernanceRetention=True)
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_what_replaces_a_replica_is_locked_too(server: Server) -> None:
    tier = locked(server)
    commit(tier, BAD)
    incoming = tier.incoming(KEY, TAR, replacing=True)
    fill(incoming, TAR)
    incoming.swap(sidecar(TAR), "stamp")
    assert tier.guarded(KEY) is True
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_a_bucket_without_locks_is_told_so_and_shows_no_replica(server: Server) -> None:
    tier = locked(server, bucket="keeping")
    with pytest.raises(TierUnavailableError) as told:
        commit(tier)
    assert told.value.code == "TIER-NO-LOCK"
    assert tier.sidecar(KEY) is None
    assert [one.what for one in tier.prove() if one.needed and not one.holds] == [
        "locks what it is told to lock"
    ]


def test_a_replica_without_its_lock_is_seen_and_can_be_locked_later(server: Server) -> None:
    spec = server.spec("deep", f"p-{uuid.uuid4().hex[:12]}", bucket="locking")
    make_s3_tier(spec, KEYS)
    plain = open_s3_tier(spec, KEYS)
    commit(plain)
    assert plain.guarded(KEY) is None  # nothing is declared
    declared = open_s3_tier(
        replace(spec, lock_mode="governance", lock_for=YEARS), KEYS, clock=Now()
    )
    assert declared.guarded(KEY) is False
    declared.guard(KEY)
    assert declared.guarded(KEY) is True
    years_later = FakeClock(datetime.now(UTC) + YEARS * 2)
    later = open_s3_tier(
        replace(spec, lock_mode="governance", lock_for=YEARS), KEYS, clock=years_later
    )
    assert later.guarded(KEY) is False  # a lock that has ended protects nothing


def test_a_hold_is_set_and_lifted_where_the_place_has_one(server: Server) -> None:
    tier = locked(server)
    commit(tier)
    about = {"Bucket": "locking", "Key": tier._place.address.prefix + KEY.place(TAR)}
    for on, said in ((True, "ON"), (False, "OFF")):
        assert tier.hold(KEY, on=on) is True
        assert server.client().head_object(**about).get("ObjectLockLegalHoldStatus", "OFF") == said
    assert server.tier("plain", f"p-{uuid.uuid4().hex[:12]}").hold(KEY, on=True) is False


def test_a_hold_that_somebody_else_set_stays_when_ours_ends(server: Server) -> None:
    tier = locked(server)
    commit(tier)
    client, prefix = server.client(), tier._place.address.prefix
    ours = {"Bucket": "locking", "Key": prefix + KEY.place(TAR)}
    theirs = {"Bucket": "locking", "Key": prefix + KEY.sidecar}
    client.put_object_legal_hold(**theirs, LegalHold={"Status": "ON"})

    def held() -> list[str]:
        said = (client.head_object(**one) for one in (ours, theirs))
        return [one.get("ObjectLockLegalHoldStatus", "OFF") for one in said]

    for _ in range(2):  # each retention run sets it again
        tier.hold(KEY, on=True)
    assert held() == ["ON", "ON"]
    for _ in range(2):
        tier.hold(KEY, on=False)
    assert held() == ["OFF", "ON"]
    tier.hold(KEY, on=True)
    assert held() == ["ON", "ON"]
    (lying,) = tier.lying(KEY.community, KEY.aip)
    assert versions(lying)[1] == []  # nothing strange


@pytest.mark.parametrize(
    "data", [b"no JSON", b"{}", b'{"objects":["../x"],"schema":"samarkand.hold/1"}']
)
def test_no_hold_is_lifted_where_it_is_not_known_whose_it_is(server: Server, data: bytes) -> None:
    tier = locked(server)
    commit(tier)
    tier.hold(KEY, on=True)
    tier._place.replace(KEY.hold, data)
    with pytest.raises(MalformedError):
        tier.hold(KEY, on=False)
    about = {"Bucket": "locking", "Key": tier._place.address.prefix + KEY.place(TAR)}
    assert server.client().head_object(**about)["ObjectLockLegalHoldStatus"] == "ON"


def test_what_a_check_says_of_locks_was_tried(server: Server) -> None:
    tier = locked(server)
    assert {one.what: one.holds for one in tier.prove()}["locks what it is told to lock"] is True
    left = server.client().list_object_versions(
        Bucket="locking", Prefix=f"{tier._place.address.prefix}.probe-"
    )
    assert "Versions" not in left
