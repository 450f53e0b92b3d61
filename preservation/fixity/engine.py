"""The engine: measures many files below a folder, on several cores, in flat memory.

Opening a file holds the GIL, reading and hashing a large one does not. So a single thread goes
through the paths, in batches, reading what is small; what is large it hands back, and the other
threads read that, the largest first, so that no core waits for a giant that was begun last. A
second thread among small files that are in the page cache would only be in the way: a pool of
processes behind this same function is the next step for them.

The engine starts threads only, when asked and never before, so it works inside a forked task
of a process that has threads.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from preservation.errors import MalformedError
from preservation.fixity.rate import RateLimit
from preservation.fixity.reading import Measured, Reader, Reading
from preservation.model.digest import Algorithm
from preservation.model.progress import Progress

BATCH = 256  # paths that one thread goes through before it reports
LARGE = 128 * 1024  # octets; above, hashing outweighs what holds the GIL
LOT = 8 * 1024 * 1024  # octets of large files handed to a thread at a time
WAITING = 10_000  # large files that may wait; keeps memory flat

_Read = tuple[list[Measured], list[tuple[int, bytes]]]


def never() -> bool:
    """Nobody cancels."""
    return False


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How hard to work.

    Attributes:
        workers: files that are read at the same time; 1 starts no thread.
        drop_cache: ask the system to forget each file's cached pages first, so that the read
            comes from the medium where the tier says that this works.
        rate: a budget of octets per second for all workers together.
    """

    workers: int = 2
    drop_cache: bool = False
    rate: RateLimit | None = None


def measure(
    root: Path,
    paths: Iterable[bytes],
    algorithms: Sequence[Algorithm],
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool] = never,
) -> Iterator[Measured]:
    """Read files below a folder and take their digests; one result for each path, in any order.

    What a file is or does never raises: its result says so. No link is followed, in no part of
    a path; nothing that is not a regular file is read.

    Args:
        root: itself may be reached by links; what is below may not.
        paths: relative to ``root``; taken as they are needed, so they may be endless.
        algorithms: none at all is allowed: the bytes are read and counted.
        settings: how hard to work.
        progress: hears of every octet read, about once per MiB, from any thread.
        cancelled: asked before each block; from any thread.

    Raises:
        StoppedError: ``cancelled`` said so; results that were yielded before stay true.
        OSError: the root itself cannot be opened.
        MalformedError: fewer workers than one.
    """
    if settings.workers < 1:
        raise MalformedError(f"engine: {settings.workers} workers")
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        run = _Run(fd, tuple(algorithms), settings, progress, cancelled)
        yield from run.alone(paths) if settings.workers == 1 else run.together(paths)
    finally:
        os.close(fd)


class _Run:
    """One call of :func:`measure`."""

    def __init__(
        self,
        root: int,
        algorithms: tuple[Algorithm, ...],
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> None:
        self._root, self._algorithms, self._settings = root, algorithms, settings
        self._progress, self._cancelled = progress, cancelled
        self._stop = threading.Event()
        # Waiting for the medium lets go of the GIL; then more than one may go through paths.
        self._walkers = settings.workers if settings.drop_cache else 1

    def alone(self, paths: Iterable[bytes]) -> Iterator[Measured]:
        """Read in this thread, in the order given."""
        reader = self._reader()
        try:
            for path in paths:
                result = reader.measure(path)
                if isinstance(result, Measured):
                    yield result
        finally:
            reader.close()

    def together(self, paths: Iterable[bytes]) -> Iterator[Measured]:
        """Read in threads: one goes through the paths, the others take what it hands back."""
        pool = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="fixity")
        try:
            remaining = iter(paths)
            batches = iter(lambda: list(itertools.islice(remaining, BATCH)), [])
            yield from self._spread(pool, batches)
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _spread(
        self, pool: ThreadPoolExecutor, batches: Iterator[list[bytes]]
    ) -> Iterator[Measured]:
        large: list[tuple[int, bytes]] = []  # a heap: the largest first
        running: dict[Future[_Read], bool] = {}  # True where it goes through a batch of paths
        ready: list[Measured] = []
        more = True
        while more or large or running:
            while len(running) < self._settings.workers:
                batch = []
                if more and len(large) < WAITING and sum(running.values()) < self._walkers:
                    batch = next(batches, [])
                    more = bool(batch)
                if batch:
                    running[pool.submit(self._batch, batch, LARGE)] = True
                elif large:
                    running[pool.submit(self._batch, _lot(large), None)] = False
                else:
                    break
            yield from ready  # while the threads go on
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            ready = []
            for future in done:
                del running[future]
                results, handed_back = future.result()
                ready.extend(results)
                for size, path in handed_back:
                    heapq.heappush(large, (-size, path))
        yield from ready

    def _batch(self, paths: list[bytes], large: int | None) -> _Read:
        reader, results, handed_back = self._reader(), [], []
        try:
            for path in paths:
                result = reader.measure(path, large)
                if isinstance(result, Measured):
                    results.append(result)
                else:
                    handed_back.append((result, path))
        finally:
            reader.close()
        return results, handed_back

    def _reader(self) -> Reader:
        return Reader(
            self._root,
            self._algorithms,
            drop_cache=self._settings.drop_cache,
            rate=self._settings.rate,
            progress=self._progress,
            cancelled=lambda: self._stop.is_set() or self._cancelled(),
        )


def _lot(large: list[tuple[int, bytes]]) -> list[bytes]:
    """Enough of the largest files to be worth a hand-over."""
    lot, octets = [], 0
    while large and octets < LOT:
        size, path = heapq.heappop(large)
        lot.append(path)
        octets -= size
    return lot


__all__ = ["EngineSettings", "Measured", "Reading", "measure", "never"]
