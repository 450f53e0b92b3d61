"""One file out of a large tar: only its range is read; nothing the index says is believed.

Against a real server, where every octet of an answer is counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from buckets import CREDENTIAL, KEYS, Server, serving
from fault_proxy import Answer, Forward, Proxy, Request, proxied
from homes import SILENCE, Archive
from tiers import flip

from preservation.replication.indexing import IndexService
from preservation.replication.restore import Restored

FILES = {f"{name}.bin": os.urandom((3 << 20) - 500) for name in "abc"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with proxied(server.endpoint) as standing:
        yield standing


def counted(proxy: Proxy) -> Callable[[], int]:
    """How many octets of tars were sent since."""
    total = [0]

    def count(request: Request, forward: Forward) -> Answer:
        said = forward(request)
        total[0] += len(said.body)
        return said

    proxy.harm(count, 1 << 30, lambda request: request.reads_tar)
    return lambda: total[0]


@pytest.fixture
def far(ground: Path, proxy: Proxy) -> Archive:
    """A home whose third tier is a bucket where an object has 8 MiB at most."""
    bucket = {
        "kind": "s3",
        "endpoint": proxy.endpoint,
        "bucket": "keeping",
        "prefix": ground.name.replace("_", "x"),
        "credential": CREDENTIAL,
        "object_limit": "8 MiB",
        "site": "far",
        "operator": "they",
        "technology": "a server",
    }
    archive = Archive(ground, tiers={"deep": bucket})
    archive.ingest(archive.put("three", FILES))
    archive.replicate()
    for tier in ("vault", "mirror"):
        (archive.tier(tier) / "samarkand-tier.json").rename(archive.tier(tier) / "away")
    return archive


def back(archive: Archive) -> None:
    for tier in ("vault", "mirror"):
        (archive.tier(tier) / "away").rename(archive.tier(tier) / "samarkand-tier.json")


def fetch(archive: Archive, dest: Path, *only: bytes) -> Restored:
    dest.mkdir()
    with archive.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
        return parts.restore.restore(version, dest, SILENCE, frozenset(only))


def names(archive: Archive) -> list[str]:
    with archive.opened() as (parts, _):
        (lying,) = parts.tiers["deep"].lying("notes")
        return sorted(lying.names)


def test_only_the_range_of_a_file_is_read_out_of_a_tar_in_parts(
    far: Archive, proxy: Proxy, tmp_path: Path
) -> None:
    assert names(far) == ["v1.index", "v1.seal.json", "v1.tar.00001", "v1.tar.00002"]
    sent = counted(proxy)
    restored = fetch(far, tmp_path / "out", b"data/c.bin", b"bag-info.txt")
    assert (restored.tiers, restored.files) == (("deep",), 2)
    assert (tmp_path / "out/data/c.bin").read_bytes() == FILES["c.bin"]
    assert len(FILES["c.bin"]) < sent() < len(FILES["c.bin"]) + 10_000


@pytest.mark.parametrize("harm", ["gone", "rubbish", "elsewhere"])
def test_without_a_right_index_the_tar_is_read_through(
    far: Archive, tmp_path: Path, harm: str
) -> None:
    with far.opened() as (parts, _):
        place = parts.tiers["deep"]._place
        (version,) = parts.catalogue.versions()
        name = version.key.index
        data = place.get(name)
        if harm == "gone":
            place.client.delete_object(**place.about(name))
        else:
            place.replace(name, b"\0" * 50 if harm == "rubbish" else data.replace(b" 31", b" 30"))
            assert place.get(name) != data
    restored = fetch(far, tmp_path / "out", b"data/b.bin")
    assert (restored.tiers, restored.files) == (("deep",), 1)
    assert (tmp_path / "out/data/b.bin").read_bytes() == FILES["b.bin"]


def test_one_that_turns_out_larger_than_an_object_is_kept_in_parts(
    far: Archive, proxy: Proxy
) -> None:
    back(far)
    # The payload alone would fit into one object; with what belongs to a bag it does not.
    second = far.ingest(far.put("second", {"a.bin": os.urandom((8 << 20) - 100)}))
    states = {made.tier: made.state for made in far.replicate()}
    assert states == {"mirror": "verified", "deep": "verified"}
    with far.opened() as (parts, _):
        (lying,) = parts.tiers["deep"].lying("notes", second.aip)
    assert {"v1.tar.00001", "v1.tar.00002"} < set(lying.names)


def test_on_a_folder_tier_a_single_file_of_a_tar_is_fetched_too(
    archive: Archive, tmp_path: Path
) -> None:
    archive.ingest(archive.put("three", FILES))
    archive.replicate()
    for tier in ("vault", "mirror"):
        (archive.tier(tier) / "samarkand-tier.json").rename(archive.tier(tier) / "away")
    # Damage elsewhere in the tar is not seen, since nothing else is read.
    flip(next(archive.tier("deep").glob("notes/*/*/*/v1.tar")), (3 << 20) + (1 << 20))
    assert fetch(archive, tmp_path / "out", b"data/c.bin").tiers == ("deep",)
    assert (tmp_path / "out/data/c.bin").read_bytes() == FILES["c.bin"]


@pytest.mark.parametrize("from_folder", [True, False])
def test_an_index_that_is_gone_is_made_again_as_it_was(archive: Archive, from_folder: bool) -> None:
    archive.ingest(archive.put("three", FILES | {"deep/er/100%.txt": b"", "z.txt": b"z"}))
    archive.replicate()
    index = next(archive.tier("deep").glob("notes/*/*/*/v1.index"))
    before = index.read_bytes()
    index.unlink()
    if not from_folder:
        for tier in ("vault", "mirror"):
            (archive.tier(tier) / "samarkand-tier.json").rename(archive.tier(tier) / "away")
    with archive.opened() as (parts, _):
        service = IndexService(parts.catalogue, parts.tiers)
        states = [
            [one.state for one in service.index(parts.tiers["deep"], SILENCE)] for _ in range(2)
        ]
    assert states == [["made"], ["there"]]
    assert index.read_bytes() == before
