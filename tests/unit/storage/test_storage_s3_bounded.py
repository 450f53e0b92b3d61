"""What is left to boto3 has an end, too; a service that asks for time gets it, within a bound."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from buckets import KEYS, Server, serving
from fault_proxy import error, proxied

from preservation.errors import TierUnavailableError
from preservation.storage.s3 import bounded, waiting
from preservation.storage.s3.address import Address
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.waiting import asked_for

CHUNKED = b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n"
DATE = "Mon, 23 Nov 2026 10:00:00 GMT"


def forever(first: bytes, piece: bytes) -> Iterator[bytes]:
    yield first
    while True:
        yield piece


def dripping(first: bytes) -> Iterator[bytes]:
    pause = threading.Event()
    for piece in forever(first, b"x"):
        yield piece
        pause.wait(0.02)


@pytest.fixture
def place() -> Iterator[Callable[[Callable[[], Iterable[bytes]]], S3Place]]:
    """A place whose service says such octets to everybody; only boto3 asks it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def says(octets: Callable[[], Iterable[bytes]]) -> S3Place:
            def answer(peer: socket.socket) -> None:
                with peer, suppress(OSError):
                    peer.recv(1 << 16)
                    for piece in octets():
                        peer.sendall(piece)

            def serve() -> None:
                with suppress(OSError):
                    while True:
                        peer, _ = server.accept()
                        threading.Thread(target=answer, args=[peer], daemon=True).start()

            threading.Thread(target=serve, daemon=True).start()
            endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
            return S3Place("t", Address.of(Server("x", endpoint, None).spec("t", "t")), KEYS)

        yield says


@pytest.mark.parametrize(
    "octets",
    [
        lambda: forever(CHUNKED, b"8000\r\n" + bytes(0x8000) + b"\r\n"),
        lambda: forever(b"HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 16)),
        lambda: dripping(CHUNKED + b"8000\r\n"),
        lambda: dripping(CHUNKED),
        lambda: dripping(b"HTTP/1.1 200 OK\r\nX: "),
    ],
    ids=["error", "no length", "body", "chunk", "head"],
)
def test_what_boto3_asks_for_ends(
    place: Callable[[Callable[[], Iterable[bytes]]], S3Place],
    monkeypatch: pytest.MonkeyPatch,
    octets: Callable[[], Iterable[bytes]],
) -> None:
    monkeypatch.setattr(bounded, "_MOST", 1 << 20)
    monkeypatch.setattr(bounded, "_BEAT", 0.1)
    monkeypatch.setattr(bounded, "_watch", bounded._Watch())
    monkeypatch.setattr(bounded, "LONG", 0.5)
    asked = place(octets)
    for words in ({}, {"Key": "one"}):
        ask = asked.client.get_object if words else asked.client.list_object_versions
        with pytest.raises(TierUnavailableError, match=r"too (long|slowly)"), asked.errors():
            ask(Bucket="keeping", **words)["Body"].read()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("rclone") as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited."""
    found: list[float] = []
    monkeypatch.setattr(waiting.time, "sleep", lambda _: None)
    monkeypatch.setattr(waiting.Going, "pause", lambda _, seconds: found.append(seconds))
    return found


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("is_short", [True, False])
def test_retry_after_is_obeyed_before_it_is_asked_again(
    server: Server, pauses: list[float], status: int, is_short: bool
) -> None:
    with proxied(server.endpoint) as proxy:
        spec = replace(server, endpoint=proxy.endpoint).spec("t", "t")
        place = S3Place("t", Address.of(spec), KEYS)
        place._asking._leads = is_short
        place.replace("one", b"octets")
        proxy.harm(lambda *_: error(status, "SlowDown", **{"Retry-After": "7"}), 2)
        assert place.get("one") == b"octets"
        assert [pause for pause in pauses if pause] == [7, 7]
        assert place._asking._leads is is_short  # it is no other way that boto3 knows


def test_a_service_that_asks_for_an_hour_is_told_so_at_once(server: Server) -> None:
    with proxied(server.endpoint) as proxy:
        spec = replace(server, endpoint=proxy.endpoint).spec("t", "t")
        proxy.harm(lambda *_: error(503, "SlowDown", **{"Retry-After": "7200"}), 99)
        for is_short in (True, False):
            place = S3Place("t", Address.of(spec), KEYS)
            place._asking._leads = is_short
            with pytest.raises(TierUnavailableError, match="come back in 120 minutes") as said:
                place.get("one")
            assert said.value.exit_code == 5
        assert proxy.done == 2  # nobody asks again meanwhile


@pytest.mark.parametrize(
    ("status", "fields", "seconds"),
    [
        (503, {"retry-after": "12"}, 12),
        (503, {}, 0),
        (500, {"retry-after": "12"}, 0),
        (429, {"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", "date": DATE}, 30),
        (429, {"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", "date": DATE}, 0),
        (503, {"retry-after": "-3"}, 0),
        (503, {"retry-after": "9" * 400}, 0),
        (503, {"retry-after": "soon"}, 0),
    ],
)
def test_how_long_a_service_asks_us_to_wait(
    status: int, fields: dict[str, str], seconds: float
) -> None:
    assert asked_for(status, fields) == seconds
