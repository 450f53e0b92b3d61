"""Reads a long stream in segments, the next ones over connections of their own while one is used.

One connection of most services is slower than the network, and waits while its octets are
hashed. The octets come in order all the same, and what is in memory is bounded.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from preservation.storage.s3.stream import Blocks

SEGMENT = 6 << 20  # octets of one request
CONNECTIONS = 2
_BLOCK = 1 << 20
_READY = CONNECTIONS  # segments asked for: with the one being used, 18 MiB at most


class Ahead(Blocks):
    """Octets ``start`` to ``stop`` of something, read ahead.

    Args:
        opened: opens some of its octets: from, to.
    """

    def __init__(self, opened: Callable[[int, int], Blocks], start: int, stop: int) -> None:
        self._opened = opened
        self._left = _segments(start, stop)
        self._asked: deque[Future[deque[bytes]]] = deque()
        self._have: deque[bytes] = deque()
        self._stopped = threading.Event()
        self._hands = ThreadPoolExecutor(CONNECTIONS, "ahead")

    def block(self, octets: int) -> bytes:
        while not self._have:
            self._ask()
            if not self._asked:
                return b""
            self._have = self._asked[0].result()  # one that failed stays: nothing comes after it
            self._asked.popleft()
        data = self._have.popleft()
        if len(data) > octets:
            self._have.appendleft(data[octets:])
        return data[:octets]

    def close(self) -> None:
        """Let all connections go, read to their ends or not."""
        self._stopped.set()
        self._hands.shutdown(wait=True, cancel_futures=True)
        super().close()

    def _ask(self) -> None:
        while len(self._asked) < _READY and (following := next(self._left, None)):
            self._asked.append(self._hands.submit(self._read, *following))

    def _read(self, start: int, stop: int) -> deque[bytes]:
        read: deque[bytes] = deque()
        with self._opened(start, stop) as stream:
            while not self._stopped.is_set() and (data := stream.block(_BLOCK)):
                read.append(data)
        return read


def _segments(start: int, stop: int) -> Iterator[tuple[int, int]]:
    for at in range(start, stop, SEGMENT):
        yield at, min(at + SEGMENT, stop)
