"""A cold tier in the services: asked for once, waited for by nobody, read later, told as E4."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from buckets import KEYS, Server, described, serving
from fault_proxy import Proxy, proxied, still_cold
from homes import Archive, only

from preservation.app.policies import apply_policies, read_policies
from preservation.model.outcome import Level

READY = 2.1  # seconds: what this server takes for hours


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("ministack") as running:
        yield running


@pytest.fixture
def hours(server: Server) -> Iterator[Proxy]:
    """Stands before the server, so that hours pass when the test says so, and not before."""
    with proxied(server.endpoint) as proxy:
        begin(proxy)
        yield proxy


def begin(hours: Proxy) -> None:
    """From now on what is recalled is under way."""
    hours.harm(still_cold, 1 << 30, lambda request: request.method == "HEAD")


def end(cold: Archive, hours: Proxy) -> None:
    """What was recalled has come back."""
    cold.clock.at += timedelta(hours=6)
    time.sleep(READY)
    hours.heal()


@pytest.fixture
def cold(ground: Path, hours: Proxy, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """One AIP on two folders and, not yet, on the cold tier."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    declared = described(
        hours.endpoint, f"p-{uuid.uuid4().hex[:12]}", kind="s3-archive", retrieval="5h"
    )
    archive = Archive(ground, tiers={"deep": declared})
    archive.ingest(archive.put("one", {"a.txt": b"a"}))
    return archive


def deep(archive: Archive):
    with archive.opened() as (parts, _):
        return only(parts.catalogue.replicas(tier="deep"))


def make_cold(tier, row) -> None:
    """The copy that was brought back is gone again."""
    place = tier._place
    tar = place.address.prefix + row.key.folder + "/v1.tar"
    data = place.client.get_object(Bucket="keeping", Key=tar)["Body"].read()
    place.client.put_object(Bucket="keeping", Key=tar, Body=data, StorageClass="GLACIER")


def test_a_check_asks_for_a_cold_replica_ends_and_a_later_one_reads_it(
    cold: Archive, hours: Proxy
) -> None:
    made = {one.tier: one for one in cold.replicate()}
    assert (made["deep"].state, made["mirror"].state) == ("recalled", "verified")
    waiting = deep(cold)
    assert waiting.state.value == "written"  # what was not read back does not count
    assert waiting.ready_by - waiting.written_at > timedelta(hours=5)
    asked = only(cold.audit("deep").checks)
    assert (asked.outcome.value, asked.ready_by) == ("unchecked", waiting.ready_by)
    assert cold.told()["recall", "success", "deep"] == 1  # it was under way
    assert cold.replicate() == []  # nobody looks again before it can be read
    end(cold, hours)
    assert only(cold.replicate()).state == "verified"
    read = deep(cold)
    assert (read.level, read.ready_by) == (Level.E4, None)


def test_damage_in_the_cold_is_found_and_healed_by_a_replica_that_can_be_read_at_once(
    cold: Archive, server: Server, hours: Proxy
) -> None:
    cold.replicate()
    end(cold, hours)
    cold.replicate()
    client = server.client()
    with cold.opened() as (parts, _):
        prefix = parts.tiers["deep"]._place.address.prefix  # type: ignore[attr-defined]
    key = prefix + deep(cold).key.folder + "/v1.tar"
    rotten = bytearray(client.get_object(Bucket="keeping", Key=key)["Body"].read())
    rotten[2000] ^= 1
    client.put_object(Bucket="keeping", Key=key, Body=bytes(rotten), StorageClass="GLACIER")
    begin(hours)
    assert cold.audit("deep").outcomes["unchecked"] == 1
    end(cold, hours)
    assert cold.audit("deep").outcomes["altered"] == 1
    assert only(cold.repair()).state == "repaired"
    healed = deep(cold)
    assert (healed.state.value, healed.level) == ("verified", Level.E3)


def test_the_last_intact_copy_is_recalled_and_repairs_the_others(
    cold: Archive, hours: Proxy
) -> None:
    cold.replicate()
    end(cold, hours)
    cold.replicate()
    with cold.opened() as (parts, _):
        make_cold(parts.tiers["deep"], deep(cold))
    begin(hours)
    for tier in ("vault", "mirror"):
        shutil.rmtree(next(cold.tier(tier).glob("notes/*/*/*/v1")))
    assert cold.audit("vault").outcomes["missing"] == 1
    assert cold.audit("mirror").outcomes["missing"] == 1
    assert {one.state for one in cold.repair()} == {"unfinished"}  # never hopeless
    assert cold.told()["recall", "success", "deep"] == 2
    end(cold, hours)
    assert {one.state for one in cold.repair()} == {"repaired"}


def test_a_cold_copy_on_a_tier_that_is_promised_no_more_is_recalled_all_the_same(
    cold: Archive, hours: Proxy
) -> None:
    cold.replicate()
    end(cold, hours)
    cold.replicate()
    with cold.opened() as (parts, _):
        make_cold(parts.tiers["deep"], deep(cold))
    begin(hours)
    kept = [{"tier": tier, "packaging": "folder"} for tier in ("vault", "mirror")]
    cold.write_policies({"replicas": kept})
    with cold.opened() as (parts, _):
        checked = read_policies(cold.policies)
        apply_policies(parts.home, checked, "us", "it ends", cold.clock, consent="we")
    with cold.opened() as (parts, _):
        assert sorted(parts.tiers) == ["mirror", "vault"]
    for tier in ("vault", "mirror"):
        shutil.rmtree(next(cold.tier(tier).glob("notes/*/*/*/v1")))
        cold.audit(tier)
    assert {one.state for one in cold.repair()} == {"unfinished"}
    assert cold.told()["recall", "success", "deep"] == 2
    end(cold, hours)
    assert {one.state for one in cold.repair()} == {"repaired"}
