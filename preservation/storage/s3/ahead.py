"""Reads a long stream in segments, the next ones over connections of their own while one is used.

One connection of most services is slower than the network, and waits while its octets are
hashed. The octets come in order all the same, and what is in memory is bounded.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from preservation.storage.s3.hands import Hands

SEGMENT = 6 << 20  # octets of one request
CONNECTIONS = 2
_STEP = 1 << 20  # octets asked of a connection at once
_READY = CONNECTIONS  # segments asked for: with the one being used, 18 MiB at most
_PATIENCE = 1.0  # seconds for connections that are let go; they may hang, and nobody needs them


class Ahead(io.RawIOBase):
    """Octets ``start`` to ``stop`` of something, read ahead.

    Args:
        opened: opens some of its octets: from, to.
    """

    def __init__(self, opened: Callable[[int, int], io.RawIOBase], start: int, stop: int) -> None:
        self._opened = opened
        self._left = _segments(start, stop)
        self._asked: deque[Future[memoryview]] = deque()
        self._have = self._room = memoryview(b"")
        self._free: deque[memoryview] = deque()  # room that was read from, to be filled again
        self._stopped = threading.Event()
        self._hands = Hands(CONNECTIONS, "ahead")

    def readable(self) -> bool:
        return True

    def readinto(self, room: bytearray | memoryview) -> int:  # type: ignore[override]
        view = memoryview(room).cast("B")
        while not self._have:
            self._ask()
            if not self._asked:
                return 0
            come = self._asked[0].result()  # one that failed stays: nothing comes after it
            self._asked.popleft()
            self._room = self._have = come
        octets = min(len(self._have), len(view))
        view[:octets] = self._have[:octets]
        self._have = self._have[octets:]
        if not self._have:
            self._free.append(self._room)
        return octets

    def close(self) -> None:
        """Let all connections go, read to their ends or not."""
        self._stopped.set()
        for each in self._asked:
            each.cancel()
        self._hands.leave(_PATIENCE)
        super().close()

    def _ask(self) -> None:
        while len(self._asked) < _READY and (following := next(self._left, None)):
            octets = following[1] - following[0]
            room = self._free.popleft() if self._free else memoryview(bytearray(octets))
            if len(room) < octets:
                room = memoryview(bytearray(octets))
            self._asked.append(self._hands.submit(self._read, room[:octets], *following))

    def _read(self, room: memoryview, start: int, stop: int) -> memoryview:
        at = 0
        with self._opened(start, stop) as stream:
            while not self._stopped.is_set() and (come := stream.readinto(room[at : at + _STEP])):
                at += come
        return room[:at]


def _segments(start: int, stop: int) -> Iterator[tuple[int, int]]:
    for at in range(start, stop, SEGMENT):
        yield at, min(at + SEGMENT, stop)
