"""Whatever a network or a service does in between: never a false intact, never a false loss,
nothing twice; and the run after it completes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import fault_proxy as faults
import pytest
from botocore.retries.standard import ExponentialBackoff
from buckets import KEYS, Server, described, serving
from fault_proxy import Fault, Proxy, Request, proxied
from homes import SILENCE, Archive

from preservation.errors import NotNowError
from preservation.storage.s3 import stream

FILES = {"a.txt": b"one", "b.bin": bytes(range(256)) * 8192}  # 2 MiB: more than a buffer


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stream, "_PAUSE", 0.01)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.01)
    with proxied(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def far(ground: Path, proxy: Proxy) -> Archive:
    """A home whose third tier is a bucket behind the proxy, with one AIP in the first."""
    bucket = described(proxy.endpoint, ground.name)
    archive = Archive(ground, tiers={"deep": bucket})
    archive.ingest(archive.put("first", FILES))
    return archive


def writes(request: Request) -> bool:
    return request.writes


def reads(request: Request) -> bool:
    return request.method == "GET" and request.reads_tar


def everything(_: Request) -> bool:
    return True


def end_up_whole(archive: Archive, proxy: Proxy, *, left_over: bool = False) -> None:
    """Without harm the next run completes; everything is there once, and comes back.

    Args:
        left_over: an object whose writer never heard that it was stored may lie beside.
    """
    proxy.heal()
    archive.replicate()
    archive.repair()
    seen = archive.audit()
    assert seen.outcomes["intact"] == 3
    assert seen.checked == 3
    standing = archive.standing()
    assert set(standing["replicas"].values()) == {"verified"}
    assert len(standing["sidecars"]) == 3
    with archive.opened() as (parts, policy):
        looked = parts.reconcile.reconcile(parts.tiers["deep"], {"notes": policy}, SILENCE)
        told = {found.code for found in looked.findings}
        assert told <= ({"TIER-HALF-WRITTEN"} if left_over else set())
        assert looked.agreed == (0 if told else 1)
        assert {found.code for found in parts.catalogue.findings(state="open")} == told


def try_to(act: Callable[[], object]) -> None:
    """A run that may fail, in the way that says that a retry may help."""
    with contextlib.suppress(NotNowError):
        act()


# Each of these costs seconds: one of a kind always, all of them by `make soak`.
SOAK = bool(os.environ.get("SAMARKAND_SOAK"))
REFUSING = [faults.cut_before]
if SOAK:
    REFUSING += [faults.failing, faults.overloaded, faults.denied, faults.not_s3]


@pytest.mark.parametrize("fault", REFUSING)
def test_a_write_that_is_refused_is_made_by_the_next_run(
    far: Archive, proxy: Proxy, fault: Fault
) -> None:
    proxy.harm(fault, 20, writes)
    try_to(far.replicate)
    assert proxy.heal()
    assert ("deep", 1) not in {
        place for place, state in far.standing()["replicas"].items() if state == "verified"
    }
    end_up_whole(far, proxy)


@pytest.mark.parametrize("number", range(4 if SOAK else 2))
def test_a_write_whose_reply_is_lost_is_there_once(far: Archive, proxy: Proxy, number: int) -> None:
    passed: list[Request] = []

    def the_nth(request: Request) -> bool:
        if request.writes:
            passed.append(request)
        return request.writes and len(passed) == number + 1

    proxy.harm(faults.lost_reply, 1, the_nth)
    try_to(far.replicate)
    end_up_whole(far, proxy)


@pytest.mark.parametrize("fault", [faults.slow, faults.twice] if SOAK else [faults.twice])
def test_what_is_slow_or_delivered_twice_changes_nothing(
    far: Archive, proxy: Proxy, fault: Fault
) -> None:
    proxy.harm(fault, 10, writes)
    far.replicate()
    end_up_whole(far, proxy)


@pytest.mark.parametrize(
    "fault",
    [*REFUSING, faults.truncated, faults.empty_listing],
)
def test_a_service_that_does_not_answer_rightly_says_nothing_about_a_replica(
    far: Archive, proxy: Proxy, fault: Fault
) -> None:
    far.replicate()
    wanted = (lambda request: request.lists) if fault is faults.empty_listing else everything
    if fault is faults.truncated:
        wanted = reads
    proxy.harm(fault, 1000, wanted)
    seen = far.audit("deep")
    harmed = proxy.heal()
    if fault is faults.empty_listing:
        # The object itself is asked for: a listing that is late or lies makes nothing missing.
        assert (seen.outcomes["intact"], harmed) == (1, 0)
    else:
        assert (seen.outcomes["unchecked"], seen.checked) == (1, 0)
        assert far.standing()["findings"] == []
        assert harmed
    end_up_whole(far, proxy)


@pytest.mark.parametrize("fault", [faults.truncated, *(REFUSING[:2] if SOAK else [])])
def test_a_read_that_is_cut_goes_on_where_it_was(far: Archive, proxy: Proxy, fault: Fault) -> None:
    far.replicate()
    proxy.harm(fault, 2, reads)
    seen = far.audit("deep")
    assert proxy.heal() == 2
    assert seen.outcomes["intact"] == 1


@pytest.mark.parametrize("fault", [faults.wrong_octets, *([faults.shortened] if SOAK else [])])
def test_a_service_that_lies_is_never_believed(far: Archive, proxy: Proxy, fault: Fault) -> None:
    far.replicate()
    proxy.harm(fault, 1000, reads)
    seen = far.audit("deep")
    assert proxy.heal()
    assert seen.outcomes["intact"] == 0
    end_up_whole(far, proxy)


def test_a_lie_while_it_is_read_back_makes_no_verified_replica(far: Archive, proxy: Proxy) -> None:
    proxy.harm(faults.wrong_octets, 1000, reads)
    try_to(far.replicate)
    assert proxy.heal()
    assert far.standing()["replicas"].get(("deep", 1)) != "verified"
    end_up_whole(far, proxy)


@pytest.mark.parametrize("fault", [faults.lost_reply, *([faults.failing] if SOAK else [])])
def test_a_repair_that_is_cut_is_completed_by_the_next(
    far: Archive, proxy: Proxy, server: Server, fault: Fault
) -> None:
    far.replicate()
    client = server.client()
    prefix = far.instead["deep"]["prefix"]
    listed = client.list_objects_v2(Bucket="keeping", Prefix=f"{prefix}/notes/")["Contents"]
    key = next(one["Key"] for one in listed if one["Key"].endswith(".tar"))
    octets = bytearray(client.get_object(Bucket="keeping", Key=key)["Body"].read())
    octets[-1_000_000] ^= 1
    client.put_object(Bucket="keeping", Key=key, Body=bytes(octets))
    assert far.audit("deep").outcomes["altered"] == 1
    proxy.harm(fault, 6, writes)
    try_to(far.repair)
    assert proxy.heal()
    end_up_whole(far, proxy, left_over=fault is faults.lost_reply)
    # The damaged octets are still there.
    assert client.get_object(Bucket="keeping", Key=key)["Body"].read() == bytes(octets)


def test_an_export_leaves_a_bucket_that_fails_for_the_next_replica(
    far: Archive, proxy: Proxy, tmp_path: Path
) -> None:
    far.replicate()
    (far.tier("mirror") / "samarkand-tier.json").rename(far.tier("mirror") / "away")
    (far.tier("vault") / "samarkand-tier.json").rename(far.tier("vault") / "away")
    proxy.harm(faults.truncated, 2, reads)
    with far.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
        restored = parts.restore.restore(version, tmp_path, SILENCE)
    assert proxy.heal() == 2
    assert restored.tiers == ("deep",)
    assert {p.name: p.read_bytes() for p in (tmp_path / "data").iterdir()} == FILES
