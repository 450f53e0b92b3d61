"""Where no replica is intact: put together file by file, or kept aside and named."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from buckets import KEYS, Server, described, serving
from homes import Archive, only, snapshot
from tiers import flip

from preservation.files.remove import remove_tree
from preservation.files.tar import write_tar
from preservation.files.tar_salvage import read_what_is_left
from preservation.ingest.result import DepositResult
from preservation.model.digest import Digest

FILES = {"a.txt": b"one" * 400, "b.txt": b"two" * 400, "c.txt": b"three" * 400}
FILES |= {f"more/{number:02}.txt": b"%d" % number * 300 for number in range(20)}


@pytest.fixture
def kept(archive: Archive) -> tuple[Archive, DepositResult]:
    result = archive.ingest(archive.put("first", FILES))
    assert {one.state for one in archive.replicate()} == {"verified"}
    return archive, result


def contents(bag: Path) -> dict[bytes, object]:
    return {path: row[-1] for path, row in snapshot(bag).items()}


def in_tar(tar: Path, text: bytes) -> int:
    return tar.read_bytes().index(text)


def states(archive: Archive) -> set[str]:
    return {one.state for one in archive.repair()}


def test_each_file_is_taken_from_whichever_replica_has_it(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    vault, mirror = archive.bag(result), archive.bag(result, "mirror")
    tar = archive.bag(result, "deep").with_suffix(".tar")
    good, good_tar = contents(vault), tar.read_bytes()
    flip(vault / "data/a.txt")
    flip(vault / "tagmanifest-sha256.txt")
    flip(mirror / "data/b.txt")
    (mirror / "bag-info.txt").unlink()
    torn = in_tar(tar, FILES["c.txt"])
    flip(tar, torn)
    flip(tar, torn - 400)  # the header before it too
    assert archive.audit().outcomes["altered"] == 3
    first = archive.repair()
    assert {one.state for one in first} == {"repaired"}
    assert "+" in first[0].source
    assert contents(vault) == contents(mirror) == good
    assert tar.read_bytes() == good_tar
    assert archive.audit().outcomes["intact"] == 3
    with archive.opened() as (parts, _):
        assert {finding.state for finding in parts.catalogue.findings()} == {"resolved"}
    assert archive.unfinished() == []


def test_what_nobody_has_is_named_and_the_rest_is_kept_aside_and_is_no_replica(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    vault, mirror = archive.bag(result), archive.bag(result, "mirror")
    good = contents(vault)
    for bag in (vault, mirror):
        flip(bag / "data/b.txt")
    flip(vault / "data/a.txt")
    archive.bag(result, "deep").with_suffix(".tar").unlink()
    archive.audit()
    before = contents(vault)
    assert states(archive) == {"hopeless"}
    assert contents(vault) == before
    with archive.opened() as (parts, _):
        critical = only([f for f in parts.catalogue.findings() if f.severity == "critical"])
        salvage = critical.detail["salvage"]
        document = json.loads(parts.journal.result_bytes(Digest.parse_tagged(salvage["document"])))
    assert "data/b.txt" in critical.message
    assert (document["lost"], document["lost_files"]) == (["data/b.txt"], 1)
    place = archive.tier(salvage["tier"]) / salvage["place"]
    assert salvage["place"].startswith(".quarantine/salvage-")
    kept_aside = contents(place)
    assert b"data/b.txt" not in kept_aside
    assert kept_aside == {path: data for path, data in good.items() if path != b"data/b.txt"}
    assert archive.standing()["sidecars"] == ["deep", "mirror", "vault"]
    assert states(archive) == {"hopeless"}  # said once, kept once
    with archive.opened() as (parts, policy):
        assert list(parts.repair.plan(policy, again=False)) == []
        archive.clock.at += timedelta(days=1)
        assert len(list(parts.repair.plan(policy, again=False))) == 3
    assert len(list((archive.tier(salvage["tier"]) / ".quarantine").iterdir())) == 1
    (vault / "data/b.txt").chmod(0o644)
    (vault / "data/b.txt").write_bytes(FILES["b.txt"])  # somebody found a copy of the one file
    assert states(archive) == {"repaired"}
    assert contents(vault) == contents(mirror) == good
    with archive.opened() as (parts, _):
        assert {finding.state for finding in parts.catalogue.findings()} == {"resolved"}


def test_without_a_sealed_tag_manifest_nothing_is_believed(
    kept: tuple[Archive, DepositResult],
) -> None:
    archive, result = kept
    for tier in ("vault", "mirror"):
        flip(archive.bag(result, tier) / "tagmanifest-sha256.txt")
    tar = archive.bag(result, "deep").with_suffix(".tar")
    flip(tar, in_tar(tar, b"bag-info.txt"))
    archive.audit()
    assert states(archive) == {"hopeless"}
    with archive.opened() as (parts, _):
        critical = only([f for f in parts.catalogue.findings() if f.severity == "critical"])
    assert critical.detail["salvage"]["files"] == 0
    assert "tag manifest" in critical.message
    assert archive.unfinished() == []


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


def test_a_bucket_and_a_folder_make_a_whole_together(
    server: Server, ground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bucket = described(server.endpoint, "salvage")
    archive = Archive(ground, tiers={"deep": bucket})
    result = archive.ingest(archive.put("first", FILES))
    archive.replicate()
    remove_tree(archive.bag(result, "mirror"))
    flip(archive.bag(result) / "data/a.txt")
    client = server.client()
    key = f"salvage/notes/{result.aip[:2]}/{result.aip[2:4]}/{result.aip}/v1.tar"
    data = bytearray(client.get_object(Bucket="keeping", Key=key)["Body"].read())
    data[data.index(b"two")] ^= 1
    client.put_object(Bucket="keeping", Key=key, Body=bytes(data))
    assert archive.audit().outcomes["intact"] == 0
    repaired = archive.repair()
    assert {one.state for one in repaired} == {"repaired"}
    assert "deep+vault" in {one.source for one in repaired}
    assert archive.audit().outcomes["intact"] == 3


class Failing(io.RawIOBase):
    """A file on a medium that fails between two places."""

    def __init__(self, data: bytes, bad: range) -> None:
        self._data, self._bad, self._at = data, bad, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset if whence == 0 else len(self._data) + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        end = min(len(self._data), self._at + len(buffer))
        if self._at < self._bad.stop and end > self._bad.start:
            raise OSError(5, "Input/output error")
        buffer[: end - self._at] = self._data[self._at : end]
        octets, self._at = end - self._at, end
        return octets


def test_a_tar_on_a_failing_medium_gives_what_lies_around_the_bad_place() -> None:
    files = {b"data/%02d" % number: bytes([number]) * 9000 for number in range(10)}
    members = [(path, len(data), iter([data])) for path, data in files.items()]
    data = b"".join(write_tar("top", members))
    bad = data.index(bytes([4]) * 100) + 5000
    stream = io.BufferedReader(Failing(data, range(bad, bad + 10)), 1 << 16)
    left = {path: b"".join(chunks) for path, _, chunks in read_what_is_left(stream, "top")}
    assert {path for path in files if left.get(path) == files[path]} == set(files) - {b"data/04"}


@pytest.mark.parametrize("cut", [0, 1, 511, 513, 40_000])
def test_whatever_a_stream_holds_reading_what_is_left_ends(cut: int) -> None:
    members = [(b"data/a", 9000, iter([bytes(9000)])), (b"data/b", 9000, iter([b"x" * 9000]))]
    data = bytearray(b"".join(write_tar("top", members)))
    data[512:520] = b"\xff" * 8
    left = [path for path, _, chunks in read_what_is_left(io.BytesIO(bytes(data[:cut])), "top")]
    assert set(left) <= {b"data/a", b"data/b"}
    assert list(read_what_is_left(io.BytesIO(b""), "top")) == []
