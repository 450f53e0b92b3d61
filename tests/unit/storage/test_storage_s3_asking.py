"""The short way to an object, and boto3's where it does not lead there."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from buckets import KEYS, Server, serving
from fault_proxy import (
    Answer,
    Forward,
    Proxy,
    Request,
    cut_before,
    error,
    not_s3,
    proxied,
    truncated,
)

from preservation.errors import TierUnavailableError
from preservation.storage.s3 import upload
from preservation.storage.s3.address import Address
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.reading import open_objects
from preservation.storage.s3.upload import Upload


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The only server here that looks at signatures."""
    with serving("rclone") as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with proxied(server.endpoint) as between:
        yield between


@pytest.fixture
def place(server: Server, proxy: Proxy) -> S3Place:
    behind = replace(server, endpoint=proxy.endpoint)
    return S3Place("t", Address.of(behind.spec("t", "t")), KEYS)


def is_short(request: Request) -> bool:
    return request.headers["User-Agent"] == "samarkand"


def test_the_short_way_says_what_boto3_says(place: S3Place, proxy: Proxy) -> None:
    for name in ("plain", "a/b c/é~+&=?#%25.tar", "x" * 200):
        place.replace(name, data := os.urandom(3000))
        proxy.harm(lambda *_: error(500, "boto3 asks"), 99, lambda request: not is_short(request))
        assert place.get(name) == data
        said = place.opened(name, Range="bytes=10-19")
        assert (said["Body"].read(), said["ContentRange"]) == (data[10:20], "bytes 10-19/3000")
        found = place.head(name)
        assert found is not None
        assert place.get(name + "-") is place.head(name + "-") is None
        assert proxy.heal() == 0
        theirs = place.client.head_object(**place.about(name))
        assert (found.octets, found.etag) == (theirs["ContentLength"], theirs["ETag"])


@pytest.mark.parametrize("harm", [cut_before, lambda *_: error(503, "SlowDown")])
def test_what_fails_once_is_asked_for_again_and_the_short_way_kept(
    place: S3Place, proxy: Proxy, harm
) -> None:
    place.replace("one", b"octets")
    proxy.harm(harm, 1)
    assert place.get("one") == b"octets"
    proxy.harm(harm, 99, lambda request: not is_short(request))
    assert place.get("one") == b"octets"
    assert proxy.heal() == 0


def test_where_only_boto3_finds_the_way_the_short_one_is_left(place: S3Place, proxy: Proxy) -> None:
    place.replace("one", b"octets")
    proxy.harm(lambda *_: error(301, "PermanentRedirect"), 99, is_short)
    for _ in range(3):
        assert place.get("one") == b"octets"
        assert place.head("one").octets == 6
    assert proxy.heal() == 1


@pytest.mark.parametrize("code", ["NoSuchBucket", "no such page"])
def test_a_404_about_anything_else_is_no_absence(place: S3Place, proxy: Proxy, code: str) -> None:
    proxy.harm(lambda *_: error(404, code), 99)
    with pytest.raises(TierUnavailableError):
        place.get("one")


def test_an_answer_that_does_not_say_how_long_it_is_is_left_to_boto3(
    place: S3Place, proxy: Proxy
) -> None:
    def longer(request: Request, forward: Forward) -> Answer:
        said = forward(request)
        said.headers["x-claimed-length"] = "seven"
        return said

    place.replace("one", b"octets")
    proxy.harm(longer, 99, is_short)
    assert place.get("one") == b"octets"


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY"])
def test_behind_a_proxy_boto3_asks(
    place: S3Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    place.replace("one", b"octets")
    proxy.harm(lambda *_: error(500, "the short way was taken"), 99, is_short)
    assert place.get("one") == b"octets"
    assert proxy.heal() == 0


def test_a_tier_in_a_bucket_is_opened_without_loading_boto3() -> None:
    script = "import sys, preservation.storage.s3.opening; print({'boto3', 'botocore', 'urllib3', "
    script += "'ssl', 'http.client', 'email'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


@pytest.mark.parametrize("kind", ["rclone", "moto", "ministack"])
def test_plain_work_asks_boto3_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "part_size", lambda _: 5 << 20)
    data = os.urandom(12 << 20)
    with serving(kind) as server:
        place = S3Place("t", Address.of(server.spec("t", "t")), KEYS)
        assert [*place.list()] == []
        assert place.create("a b/é&+", b"octets")
        assert place.get("a b/é&+") == b"octets"
        place.replace("one", b"more")
        sent = Upload(place, "v1.tar", len(data)).write([data[: 7 << 20], data[7 << 20 :]])
        with open_objects(place, [sent]) as stream:
            assert stream.read() == data
        assert place.get("none") is place.head("none") is None
        listed = {one.name: one.octets for one in place.list()}
        assert listed == {"a b/é&+": 6, "one": 4, "v1.tar": len(data)}
        assert [*place.uploads()] == []
        assert "client" not in vars(place)
        assert not place.create("one", b"it is there")
        assert place.get("one") == b"more"


@pytest.mark.parametrize("kind", ["moto", "ministack"])
def test_an_upload_that_goes_on_is_found_and_ended_without_boto3(
    kind: str,
) -> None:
    with serving(kind) as server:
        place = S3Place("t", Address.of(server.spec("t", "t")), KEYS)
        id_ = place.begin("v1.tar", ChecksumAlgorithm="SHA256")
        assert [*place.uploads("v1")] == [("v1.tar", id_)]
        assert "client" not in vars(place)


def test_where_wrong_octets_are_refused_the_short_way_is_told_so() -> None:
    with serving("ministack") as server:
        place = S3Place("t", Address.of(server.spec("t", "t")), KEYS)
        wrong = base64.b64encode(bytes(32)).decode()
        with pytest.raises(TierUnavailableError), place.errors():
            place._asking.put("t/one", [b"octets"], wrong)
        assert place.head("one") is None


@pytest.mark.parametrize(
    "body",
    [
        b"<ListBucketResult><Contents><Size>1</Size><ETag>e</ETag></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>t/a</Key><Size>x</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<html></html>",
        b"nothing of the kind",
    ],
)
def test_a_listing_with_anything_odd_in_it_is_left_to_boto3(
    place: S3Place, proxy: Proxy, body: bytes
) -> None:
    place.replace("one", b"octets")
    proxy.harm(lambda *_: Answer(200, {}, body), 99, is_short)
    assert "one" in [one.name for one in place.list()]
    assert proxy.heal() == 1


def test_what_would_be_a_header_more_is_never_sent(place: S3Place, proxy: Proxy) -> None:
    place.replace("one", b"octets")
    proxy.harm(lambda *_: error(500, "it was sent"), 99, is_short)
    with pytest.raises((TierUnavailableError, ValueError)), place.errors():
        place.opened("one", IfMatch='"a"\r\nx-amz-acl: public-read')
    assert proxy.heal() == 0


@pytest.mark.parametrize("length", ["9" * 5000, "-5", "many", "5, 5"])
def test_a_length_that_is_none_is_told_and_not_believed(
    place: S3Place, proxy: Proxy, length: str
) -> None:
    def lies(request: Request, _forward: Forward) -> Answer:
        claimed = {"Content-Length": length, "x-claimed-length": length}
        return Answer(200, {"ETag": '"e"', **claimed}, b"")

    proxy.harm(lies, 99)
    for ask in (place.head, place.get):
        with pytest.raises(TierUnavailableError, match=r"not S3|no answer"):
            ask("one")


def test_a_part_that_nobody_asked_for_is_no_document(place: S3Place, proxy: Proxy) -> None:
    place.replace("one", b"octets")
    part = {"ETag": '"e"', "Content-Range": "bytes 0-2/6"}
    proxy.harm(lambda *_: Answer(206, part, b"oct"), 99)
    with pytest.raises(TierUnavailableError, match="a part of what it is asked for"):
        place.get("one")


def test_a_document_that_ends_early_is_none_whoever_asked(place: S3Place, proxy: Proxy) -> None:
    place.replace("one", b"octets")
    proxy.harm(lambda *of: error(503, "SlowDown") if is_short(of[0]) else truncated(*of), 99)
    with pytest.raises(TierUnavailableError, match="no answer"):
        place.get("one")


@pytest.mark.parametrize("range_", ["bytes 20-59/100", "bytes 10-48/100", ""])
def test_another_range_than_asked_for_is_told_and_not_read(
    place: S3Place, proxy: Proxy, range_: str
) -> None:
    place.replace("one", data := os.urandom(100))
    seen = place.head("one")
    assert seen is not None
    other = {"ETag": seen.etag, "Content-Range": range_}
    proxy.harm(lambda *_: Answer(206, other, data[20:60]), 99)
    with (
        pytest.raises(TierUnavailableError, match="other octets than those that it is asked for"),
        open_objects(place, [seen], 10, 40) as stream,
    ):
        stream.read()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (b"<Key>other/a</Key><Size>1</Size><ETag>e</ETag>", "lists other names"),
        (b"<Key>t/a</Key><Size>-1</Size><ETag>e</ETag>", "not S3"),
        (b"<Key>t/a</Key><Size>one</Size><ETag>e</ETag>", "not S3"),
        (b"<Size>1</Size><ETag>e</ETag>", "not S3"),
    ],
)
def test_a_listing_that_boto3_takes_is_told_where_it_is_none(
    place: S3Place, proxy: Proxy, row: bytes, words: str
) -> None:
    last = b"<IsTruncated>false</IsTruncated>"
    body = b"<ListBucketResult>" + last + b"<Contents>" + row + b"</Contents></ListBucketResult>"
    proxy.harm(lambda *_: Answer(200, {}, body), 99)
    with pytest.raises(TierUnavailableError, match=words):
        list(place.list())


def test_a_page_of_anything_else_is_no_listing_of_nothing(place: S3Place, proxy: Proxy) -> None:
    proxy.harm(not_s3, 99)
    listing = place.listing
    for ask in (listing.objects, listing.uploads, lambda _: listing.top()):
        with pytest.raises(TierUnavailableError, match="not S3"):
            list(ask(""))
    with pytest.raises(TierUnavailableError, match="not S3"):
        listing.touched("")


def test_what_is_being_written_hides_no_other_object(place: S3Place, proxy: Proxy) -> None:
    body = b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>t/a</Key><ETag/>"
    body += b"<Size>1</Size></Contents></ListBucketResult>"
    proxy.harm(lambda *_: Answer(200, {}, body), 1)
    assert [(one.name, one.etag) for one in place.list()] == [("a", "")]


def test_an_answer_without_end_is_not_waited_for_by_boto3(place: S3Place, proxy: Proxy) -> None:
    long = {"x-long": "x" * (140 << 10)}
    proxy.harm(lambda *_: Answer(200, long, b""), 99)
    for ask in (place.get, place.head, lambda name: list(place.list(name))):
        with pytest.raises(TierUnavailableError, match="no end"):
            ask("one")
    assert proxy.heal() == 3
