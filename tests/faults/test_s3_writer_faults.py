"""What a writer leaves in a bucket when the service fails at the worst moments."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import fault_proxy as faults
import pytest
from botocore.retries.standard import ExponentialBackoff
from buckets import KEYS, Server, serving
from fault_proxy import Answer, Forward, Proxy, Request, error, proxied
from tiers import BAD, GOOD, KEY, contents, fill, sidecar

from preservation.errors import TierUnavailableError
from preservation.model.replica import Packaging
from preservation.storage.s3 import upload
from preservation.storage.s3.opening import open_s3_tier
from preservation.storage.s3.place import RANGED, REFUSES_WRONG
from preservation.storage.s3.tier import S3Tier, make_s3_tier

TAR = Packaging.TAR


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.01)
    with proxied(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def tier(proxy: Proxy) -> S3Tier:
    spec = Server("moto", proxy.endpoint, None).spec("bucket", f"p-{uuid.uuid4().hex[:12]}")
    make_s3_tier(spec, KEYS)
    return open_s3_tier(spec, KEYS)


def commit(tier: S3Tier, files: dict[bytes, bytes]) -> None:
    incoming = tier.incoming(KEY, TAR)
    try:
        fill(incoming, TAR, files)
        incoming.commit(sidecar(TAR, files))
    finally:
        incoming.discard()


def swap(tier: S3Tier, files: dict[bytes, bytes]) -> None:
    incoming = tier.incoming(KEY, TAR)
    try:
        fill(incoming, TAR, files)
        incoming.swap(sidecar(TAR, files), "stamp")
    finally:
        incoming.discard()


def puts_sidecar(request: Request) -> bool:
    return request.method == "PUT" and "seal.json" in request.path


def deletes(request: Request) -> bool:
    return request.method == "DELETE"


@pytest.mark.parametrize("act", [commit, swap])
def test_a_sidecar_that_was_stored_unheard_still_has_its_object(
    tier: S3Tier, proxy: Proxy, act: Callable[[S3Tier, dict[bytes, bytes]], None]
) -> None:
    if act is swap:
        commit(tier, BAD)
    proxy.harm(faults.lost_reply, 100, puts_sidecar)
    with pytest.raises(TierUnavailableError):
        act(tier, GOOD)
    assert proxy.heal()
    assert tier.sidecar(KEY) is not None
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_keys_that_may_not_delete_hide_no_reason(tier: S3Tier, proxy: Proxy) -> None:
    proxy.harm(faults.denied, 100, deletes)
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR)
    incoming.discard()  # where it stands, in a `finally`, an error would hide the one before it
    assert proxy.heal()
    assert tier.sidecar(KEY) is None
    commit(tier, GOOD)
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_keys_that_may_not_delete_can_be_used_and_it_is_told(tier: S3Tier, proxy: Proxy) -> None:
    proxy.harm(faults.denied, 1000, deletes)
    seen = {one.what: one for one in tier.prove()}
    assert proxy.heal()
    assert all(one.holds for one in seen.values() if one.needed)
    assert seen["removes what it is told to remove"].holds is False
    assert any("left by a `preserve tier check`" in words for words in tier.unfinished())


def test_a_stale_writer_takes_nothing_away_that_a_sidecar_names(tier: S3Tier) -> None:
    stale = tier.incoming(KEY, TAR)
    fill(stale, TAR)
    tier._place.create(KEY.sidecar, sidecar(TAR).encode())  # another writer found the object there
    stale.discard()
    assert contents(tier.held(KEY, TAR)) == GOOD


def as_begun(request: Request, forward: Forward) -> Answer:
    """As Amazon S3, of an upload that was begun without digests: no part may come with one."""
    if any(name.lower() == "x-amz-checksum-sha256" for name in request.headers):
        return error(400, "InvalidRequest")
    return forward(request)


def test_an_upload_that_was_begun_without_digests_is_begun_anew_where_they_are_compared_now(
    tier: S3Tier, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "part_size", lambda _: 5 << 20)
    files = {**GOOD, b"data/large": bytes(17 << 20)}
    place = tier._place
    place._proven = (RANGED,)
    proxy.harm(faults.denied, 99, lambda request: "partNumber=2" in request.path)
    with pytest.raises(TierUnavailableError):
        commit(tier, files)
    assert len([*place.uploads()]) == 1
    place._proven = (RANGED, REFUSES_WRONG)
    proxy.harm(as_begun, 99, lambda request: "partNumber" in request.path)
    with pytest.raises(TierUnavailableError):
        commit(tier, files)
    assert proxy.heal()
    assert [*place.uploads()] == []
    commit(tier, files)
    assert contents(tier.held(KEY, TAR)) == files


def test_parts_of_a_killed_writer_stay_where_only_the_keys_are_in_the_way(
    tier: S3Tier, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "part_size", lambda _: 5 << 20)
    files = {**GOOD, b"data/large": bytes(17 << 20)}
    for _ in range(2):
        proxy.harm(faults.denied, 99, lambda request: "partNumber=3" in request.path)
        with pytest.raises(TierUnavailableError):
            commit(tier, files)
        assert len([*tier._place.uploads()]) == 1
    proxy.heal()
    commit(tier, files)
    assert contents(tier.held(KEY, TAR)) == files


@pytest.mark.parametrize("what", ["uploads", "partNumber", "uploadId", "seal.json"])
def test_a_page_that_comes_in_the_place_of_an_answer_is_no_success(
    tier: S3Tier, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(upload, "part_size", lambda _: 5 << 20)
    files = {**GOOD, b"data/large": bytes(6 << 20)}
    proxy.harm(faults.not_s3, 99, lambda request: request.writes and what in request.path)
    with pytest.raises(TierUnavailableError):
        commit(tier, files)
    assert proxy.heal()
    commit(tier, files)
    assert contents(tier.held(KEY, TAR)) == files
    assert tier.sidecar(KEY) is not None
