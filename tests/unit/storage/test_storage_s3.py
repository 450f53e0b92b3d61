"""A tier in a bucket, on real servers: what it keeps, what it refuses, what it says."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from buckets import KEYS, SERVERS, Server, free_port, serving
from tiers import BAD, GOOD, KEY, contents, fill, sidecar, stream

from preservation.errors import BusyError, NoSpaceError, TierUnavailableError, UsageError
from preservation.files.held import HeldTar
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.listing import versions
from preservation.storage.s3 import blocks, upload
from preservation.storage.s3.opening import open_s3_tier
from preservation.storage.s3.tier import S3Tier, make_s3_tier

TAR = Packaging.TAR


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as running:
        yield running


@pytest.fixture
def prefix() -> str:
    return f"p-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def tier(server: Server, prefix: str) -> S3Tier:
    return server.tier("bucket", prefix)


def commit(tier: S3Tier, files: dict[bytes, bytes] = GOOD) -> None:
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR, files)
    incoming.commit(sidecar(TAR, files))


def test_what_was_committed_is_there_as_it_was_written(tier: S3Tier) -> None:
    commit(tier)
    assert tier.exists(KEY, TAR)
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert list(tier.sidecars()) == [tier.sidecar(KEY)] == [sidecar(TAR)]


def test_nothing_is_visible_before_the_commit(tier: S3Tier) -> None:
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR)
    assert contents(incoming.held()) == GOOD
    assert tier.sidecar(KEY) is None
    assert list(tier.sidecars()) == []
    incoming.discard()
    assert not tier.exists(KEY, TAR)


def test_a_second_commit_is_refused_and_changes_nothing(tier: S3Tier) -> None:
    commit(tier)
    with pytest.raises(BusyError) as refused:
        commit(tier, BAD)
    assert refused.value.code == "TIER-OCCUPIED"
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_a_swap_keeps_the_former_octets_and_the_sidecar_says_where(tier: S3Tier) -> None:
    commit(tier, BAD)
    for number, files in enumerate((GOOD, BAD), 1):
        incoming = tier.incoming(KEY, TAR)
        fill(incoming, TAR, files)
        place = incoming.swap(sidecar(TAR, files), f"stamp-{number}")
        incoming.discard()
        assert contents(tier.held(KEY, TAR)) == files
        assert place == tier.quarantined(KEY, TAR, f"stamp-{number}") != ""
    assert contents(tier.held_in_quarantine(KEY, TAR, "stamp-1")) == BAD
    assert contents(tier.held_in_quarantine(KEY, TAR, "stamp-2")) == GOOD
    assert tier.quarantined(KEY, TAR, "another") == ""


@pytest.mark.parametrize("lost", [["sidecar"], ["bytes"], ["sidecar", "bytes"]])
def test_a_swap_works_whatever_is_left(
    tier: S3Tier, server: Server, prefix: str, lost: list[str]
) -> None:
    commit(tier, BAD)
    names = {"sidecar": KEY.sidecar, "bytes": KEY.place(TAR)}
    for what in lost:
        server.client().delete_object(Bucket="keeping", Key=f"{prefix}/{names[what]}")
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR)
    place = incoming.swap(sidecar(TAR), "stamp")
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert bool(place) == ("bytes" not in lost)


def test_kept_documents_never_change(tier: S3Tier) -> None:
    tier.keep("journal/2026/0001.jsonl", b"one")
    tier.keep("journal/2026/0001.jsonl", b"one")
    with pytest.raises(Exception, match="other octets"):
        tier.keep("journal/2026/0001.jsonl", b"two")
    assert list(tier.kept("journal/")) == [("journal/2026/0001.jsonl", b"one")]


@pytest.mark.parametrize("in_memory", [8 << 20, 1 << 20])
def test_a_large_object_goes_in_parts_and_comes_back_the_same(
    tier: S3Tier, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(blocks, "IN_MEMORY", in_memory)
    monkeypatch.setattr(upload, "PART", 5 << 20)
    monkeypatch.setattr(upload, "part_size", lambda octets: 5 << 20)
    files = {**GOOD, b"data/large": hashlib.sha256(b"x").digest() * (17 << 15)}
    commit(tier, files)
    assert contents(tier.held(KEY, TAR)) == files


def test_an_upload_goes_on_where_a_killed_writer_left_off(
    tier: S3Tier, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server.kind == "rclone":
        pytest.skip("rclone does not list unfinished uploads; the next writer begins anew")
    monkeypatch.setattr(upload, "part_size", lambda octets: 5 << 20)
    files = {**GOOD, b"data/large": hashlib.sha256(b"x").digest() * (17 << 15)}
    sent: list[int] = []
    real = upload.Upload._part

    def noting(self, number, block, known) -> None:
        before = self._place.part
        self._place.part = lambda *said: (sent.append(number), before(*said))[1]
        try:
            real(self, number, block, known)
        finally:
            del self._place.part

    def cut():
        for count, chunk in enumerate(stream(files)):
            if count and sent:
                raise TierUnavailableError("killed")
            yield chunk

    monkeypatch.setattr(upload, "HANDS", 1)
    monkeypatch.setattr(upload.Upload, "_part", noting)
    with pytest.raises(TierUnavailableError):
        tier.incoming(KEY, TAR).write(cut())
    first = list(sent)
    assert first
    commit(tier, files)
    assert not set(first) & set(sent[len(first) :])
    assert contents(tier.held(KEY, TAR)) == files


def test_a_source_that_fails_leaves_nothing(tier: S3Tier, server: Server, prefix: str) -> None:
    def failing():
        yield b"x" * 600
        raise NoSpaceError("not ours")

    incoming = tier.incoming(KEY, TAR)
    with pytest.raises(NoSpaceError):
        incoming.write(failing())
    incoming.discard()
    said = server.client().list_objects_v2(Bucket="keeping", Prefix=f"{prefix}/{KEY.folder}")
    assert "Contents" not in said


def test_octets_that_changed_in_the_store_are_read_as_they_are(
    tier: S3Tier, server: Server, prefix: str
) -> None:
    commit(tier)
    key = f"{prefix}/{KEY.place(TAR)}"
    body = bytearray(server.client().get_object(Bucket="keeping", Key=key)["Body"].read())
    body[-2000] ^= 1
    server.client().put_object(Bucket="keeping", Key=key, Body=bytes(body))
    held = tier.held(KEY, TAR)
    assert isinstance(held, HeldTar)
    with held.open() as opened:
        assert opened.read() == bytes(body)


def test_without_its_marker_nothing_counts_as_missing(
    tier: S3Tier, server: Server, prefix: str
) -> None:
    commit(tier)
    client = server.client()
    for name in ("samarkand-tier.json", KEY.place(TAR)):
        client.delete_object(Bucket="keeping", Key=f"{prefix}/{name}")
    with pytest.raises(TierUnavailableError) as told:
        tier.exists(KEY, TAR)
    assert told.value.code == "TIER-NO-MARKER"


def test_another_tier_and_a_prefix_in_use_are_refused(server: Server, prefix: str) -> None:
    server.tier("bucket", prefix)
    with pytest.raises(UsageError) as told:
        make_s3_tier(server.spec("other", prefix), KEYS)
    assert told.value.code == "TIER-OTHER"
    server.client().put_object(Bucket="keeping", Key=f"{prefix}-2/mine", Body=b"")
    with pytest.raises(UsageError) as told:
        make_s3_tier(server.spec("other", f"{prefix}-2"), KEYS)
    assert told.value.code == "TIER-NOT-EMPTY"


def test_a_folder_is_refused(tier: S3Tier) -> None:
    with pytest.raises(UsageError) as told:
        tier.incoming(KEY, Packaging.FOLDER)
    assert told.value.code == "TIER-TARS-ONLY"
    assert not tier.exists(KEY, Packaging.FOLDER)


def test_what_is_in_the_way_is_told_in_a_sentence_without_keys(server: Server, prefix: str) -> None:
    tier = open_s3_tier(server.spec("bucket", prefix, bucket="not-there"), KEYS)
    with pytest.raises(TierUnavailableError):
        tier.check()
    no_keys = open_s3_tier(server.spec("bucket", prefix), {})
    with pytest.raises(TierUnavailableError, match="not in the environment") as told:
        no_keys.check()
    assert told.value.code == "TIER-CREDENTIAL"
    if server.kind == "rclone":  # the only one here that checks signatures
        wrong = dict.fromkeys(KEYS, "wrong-wrong")
        with pytest.raises(TierUnavailableError) as told:
            open_s3_tier(server.spec("bucket", prefix), wrong).check()
        assert "key pair" in told.value.message
        assert "wrong-wrong" not in told.value.message + told.value.hint


class _NotS3(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>a shop</html>")

    do_HEAD = do_GET  # noqa: N815 (the name is http.server's)

    def log_message(self, *_: object) -> None:
        pass


def test_a_service_that_is_away_or_no_s3_is_told_so() -> None:
    spec = Server("none", f"http://127.0.0.1:{free_port()}", None).spec("bucket", "p")
    with pytest.raises(TierUnavailableError, match="no answer"):
        open_s3_tier(spec, KEYS).check()
    blank = dict.fromkeys(KEYS, "secret\r")
    with pytest.raises(TierUnavailableError, match="line break") as told:
        open_s3_tier(spec, blank).check()
    assert "secret\r" not in told.value.message + told.value.hint
    with ThreadingHTTPServer(("127.0.0.1", 0), _NotS3) as shop:
        Thread(target=shop.serve_forever, daemon=True).start()
        spec = Server("none", f"http://127.0.0.1:{shop.server_port}", None).spec("bucket", "p")
        shop_as_tier = open_s3_tier(spec, KEYS)
        for act in (shop_as_tier.check, lambda: make_s3_tier(spec, KEYS)):
            with pytest.raises(TierUnavailableError, match="not S3"):
                act()
        shop_as_tier._checked = True  # it became a shop after its marker was seen
        for act in (
            lambda: shop_as_tier.sidecar(KEY),
            lambda: shop_as_tier.held(KEY, TAR),
            lambda: shop_as_tier.keep("one", b"two"),
        ):
            with pytest.raises(TierUnavailableError, match="not S3"):
                act()
        shop.shutdown()


def test_a_users_own_settings_say_nothing_about_a_tier(
    server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    server.tier("bucket", prefix).check()


def test_versions_beside_each_other_are_told_apart(tier: S3Tier) -> None:
    later = VersionKey(KEY.community, KEY.aip, 12)
    commit(tier)
    incoming = tier.incoming(later, TAR)
    incoming.write(stream(GOOD, later))
    incoming.commit(sidecar(TAR, GOOD, later))
    assert {one.key for one in tier.sidecars()} == {KEY, later}


def test_a_listing_tells_what_lies_there_and_what_is_nobodys(
    tier: S3Tier, server: Server, prefix: str
) -> None:
    commit(tier)
    server.client().put_object(Bucket="keeping", Key=f"{prefix}/{KEY.community}/odd", Body=b"x")
    server.client().put_object(Bucket="keeping", Key=f"{prefix}/Thumbs.db", Body=b"x")
    server.client().put_object(Bucket="keeping", Key=f"{prefix}/plain", Body=b"x")
    assert list(tier.communities()) == [KEY.community]
    found = {one.aip: sorted(one.names) for one in tier.lying(KEY.community)}
    assert found == {KEY.aip: ["v1.seal.json", "v1.tar"], "": ["odd"]}
    assert [one.aip for one in tier.lying(KEY.community, KEY.aip)] == [KEY.aip]
    assert [words.partition(":")[0] for words in tier.unfinished()] == [
        "Thumbs.db",
        "plain",
    ]


def test_what_lies_deeper_in_an_aips_folder_hides_no_replica(
    tier: S3Tier, server: Server, prefix: str
) -> None:
    commit(tier)
    for name in ("a/b/c", "sub/x", "v1.tar/x"):
        key = f"{prefix}/{KEY.folder}/{name}"
        if server.kind == "moto" or not name.startswith("v1.tar"):  # rclone keeps real folders
            server.client().put_object(Bucket="keeping", Key=key, Body=b"x")
    (found,) = tier.lying(KEY.community)
    assert found.aip == KEY.aip
    there, strange = versions(found)
    assert set(strange) - {"v1.tar/"} == {"a", "sub"}
    assert there[1].has_sidecar
    assert there[1].held["v1.tar"] == sidecar(TAR).tar.octets
