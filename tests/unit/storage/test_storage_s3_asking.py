"""The short way to an object, and boto3's where it does not lead there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from buckets import KEYS, Server, serving
from fault_proxy import Answer, Forward, Proxy, Request, cut_before, error, proxied

from preservation.errors import TierUnavailableError
from preservation.storage.s3.address import Address
from preservation.storage.s3.place import S3Place


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
