"""A tier whose objects have to be recalled before they can be read."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from buckets import KEYS, Server, serving
from clocks import FakeClock
from fault_proxy import Proxy, proxied, still_cold
from tiers import BAD, GOOD, KEY, contents, fill, sidecar

from preservation.errors import ColdError
from preservation.files.held import HeldTar
from preservation.model.replica import Packaging
from preservation.storage.s3.opening import open_s3_tier
from preservation.storage.s3.tier import S3Tier, make_s3_tier

TAR = Packaging.TAR
RETRIEVAL = timedelta(hours=12)


@pytest.fixture(scope="module", params=["moto", "ministack"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as running:
        yield running


@pytest.fixture
def hours(server: Server) -> Iterator[Proxy]:
    """Stands before the server, so that hours can be made to last."""
    with proxied(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def tier(server: Server, hours: Proxy, clock: FakeClock) -> S3Tier:
    spec = replace(
        replace(server, endpoint=hours.endpoint).spec("deep", f"p-{uuid.uuid4().hex[:12]}"),
        kind="s3-archive",
        retrieval=RETRIEVAL,
    )
    make_s3_tier(spec, KEYS)
    return open_s3_tier(spec, KEYS, clock=clock)


def commit(tier: S3Tier) -> None:
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR)
    incoming.commit(sidecar(TAR))


def test_a_cold_replica_is_there_and_can_not_be_read(tier: S3Tier) -> None:
    commit(tier)
    assert tier.exists(KEY, TAR)
    assert tier.sidecar(KEY) == sidecar(TAR)
    assert [one.aip for one in tier.lying(KEY.community)] == [KEY.aip]
    with pytest.raises(ColdError, match="has to be recalled"):
        tier.held(KEY, TAR)


def test_a_recall_is_asked_for_once_and_what_comes_back_says_so(
    tier: S3Tier, hours: Proxy, clock: FakeClock
) -> None:
    commit(tier)
    hours.harm(still_cold, 99, lambda request: request.method == "HEAD")
    asked = tier.recall(KEY)
    assert asked is not None
    assert asked.asked
    assert asked.ready_by == clock.now() + RETRIEVAL
    again = tier.recall(KEY)
    assert again is not None
    assert not again.asked
    with pytest.raises(ColdError, match="is being recalled"):
        tier.held(KEY, TAR)
    time.sleep(2.1)  # ministack's hours; moto brings everything back at once
    hours.heal()
    held = tier.held(KEY, TAR)
    assert isinstance(held, HeldTar)
    assert held.recalled
    assert contents(held) == GOOD
    assert tier.recall(KEY) is None


def test_what_replaces_a_replica_can_be_read_back_at_once(tier: S3Tier) -> None:
    commit(tier)
    incoming = tier.incoming(KEY, TAR, replacing=True)
    fill(incoming, TAR, BAD)
    assert contents(incoming.held()) == BAD
    incoming.swap(sidecar(TAR, BAD), "stamp")
    held = tier.held(KEY, TAR)
    assert isinstance(held, HeldTar)
    assert not held.recalled
    assert contents(held) == BAD
    with pytest.raises(ColdError):
        tier.held_in_quarantine(KEY, TAR, "stamp")


def test_a_check_sees_that_the_service_makes_things_cold_and_brings_them_back(
    tier: S3Tier,
) -> None:
    seen = {one.what: one.holds for one in tier.prove()}
    assert seen["keeps objects in the storage class GLACIER"]
    assert seen["gives cold objects only after a recall"]
    assert seen["takes a recall, and says that it is under way"]
    assert list(tier.unfinished()) == []
