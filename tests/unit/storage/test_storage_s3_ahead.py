"""Reading ahead: the same octets in order, bounded, and an end where something fails."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from buckets import KEYS, Server, serving
from fault_proxy import Answer, Forward, Request, denied, proxied

from preservation.errors import TierUnavailableError
from preservation.storage.s3 import ahead, reading, stream
from preservation.storage.s3.address import Address
from preservation.storage.s3.ahead import Ahead
from preservation.storage.s3.place import RANGED, S3Place
from preservation.storage.s3.reading import open_objects
from preservation.storage.s3.stream import ObjectStream

DATA = random.Random(1).randbytes(100_000)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (ahead, reading):
        monkeypatch.setattr(module, "SEGMENT", 1000)


class Pieces(io.RawIOBase):
    """Octets in memory, and what was asked of them."""

    opened: list[tuple[int, int]]
    let_go: list[tuple[int, int]]

    def __init__(self, broken: int, start: int, stop: int) -> None:
        self.what = start, stop
        self.at, self.stop, self.broken = start, stop, broken
        self.opened.append(self.what)

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:
        if self.at <= self.broken < self.stop:
            raise TierUnavailableError("it is away")
        data = DATA[self.at : min(self.at + min(300, len(room)), self.stop)]
        room[: len(data)] = data
        self.at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.let_go or self.what not in self.let_go:
            self.let_go.append(self.what)
        super().close()


@pytest.fixture
def pieces() -> type[Pieces]:
    return type("Pieces", (Pieces,), {"opened": [], "let_go": []})


@pytest.mark.parametrize(("start", "stop"), [(0, 100_000), (1, 99_999), (500, 1500), (7, 1007)])
def test_all_octets_come_in_order(pieces: type[Pieces], start: int, stop: int) -> None:
    with io.BufferedReader(Ahead(partial(pieces, -1), start, stop), 333) as reader:
        assert reader.read() == DATA[start:stop]
        assert reader.read(1) == b""
    assert sorted(pieces.let_go) == sorted(pieces.opened)


def test_no_more_is_read_ahead_than_a_few_segments(pieces: type[Pieces]) -> None:
    with Ahead(partial(pieces, -1), 0, len(DATA)) as reader:
        assert reader.read(1) == DATA[:1]
        assert len(pieces.opened) <= 4
    assert not [one for one in threading.enumerate() if one.name.startswith("ahead")]


def test_after_a_failure_nothing_more_comes(pieces: type[Pieces]) -> None:
    with Ahead(partial(pieces, 3500), 0, len(DATA)) as reader:
        assert b"".join(reader.read(300) for _ in range(12)) == DATA[:3000]  # 300, 300, 300, 100
        for _ in range(3):
            with pytest.raises(TierUnavailableError):
                reader.read(300)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("rclone") as running:
        yield running


@pytest.fixture
def place(server: Server) -> S3Place:
    place = S3Place("t", Address.of(server.spec("t", "t")), KEYS, None, [RANGED])
    place.replace("one", DATA)
    return place


def test_an_object_comes_over_several_connections(
    place: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    init = ObjectStream.__init__

    def noting(self: ObjectStream, place: S3Place, what: object, start: int, stop: int) -> None:
        asked.append((start, stop))
        init(self, place, what, start, stop)

    monkeypatch.setattr(ObjectStream, "__init__", noting)
    one = place.head("one")
    with open_objects(place, [one, one], 50_500, 99_700) as reader:
        assert reader.read() == (DATA + DATA)[50_500:150_200]
    assert len(asked) == 101


@pytest.mark.parametrize("ignores", [False, True])
def test_whether_a_service_reads_ranges_is_tried_once_where_no_check_saw_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, ignores: bool
) -> None:
    asked: list[str] = []

    def noting(request: Request, forward: Forward) -> Answer:
        asked.append(request.headers.get("Range", "whole"))
        said = forward(request)
        if ignores:
            said.headers.pop("Content-Range", None)
            return Answer(200, said.headers, DATA)
        return said

    for module in (ahead, reading):
        monkeypatch.setattr(module, "SEGMENT", 40_000)
    with proxied(server.endpoint) as proxy:
        behind = replace(server, endpoint=proxy.endpoint)
        place = S3Place("t", Address.of(behind.spec("t", "t")), KEYS)
        place.replace("one", DATA)
        one = place.head("one")
        proxy.harm(noting, 1000, lambda request: request.method == "GET")
        for _ in range(2):
            with open_objects(place, [one]) as reader:
                assert reader.read() == DATA
        later = S3Place("t", place.address, KEYS)
        proxy.harm(denied, 2)  # of our own request, and of boto3's
        assert [later.reads_ranges(one) for _ in range(2)] == [False, True]
    assert asked.count("bytes=1-1") == 1
    assert asked.count("whole") == (2 if ignores else 0)


def test_an_object_that_is_replaced_meanwhile_is_not_read_on(
    place: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_PAUSE", 0.01)
    one = place.head("one")
    with open_objects(place, [one]) as reader:
        assert reader.read(10) == DATA[:10]
        place.replace("one", DATA[::-1])
        with pytest.raises(TierUnavailableError, match="replaced"):
            reader.read()
