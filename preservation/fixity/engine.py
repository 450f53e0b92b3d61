"""The engine: measures many files below a folder, on several cores, in flat memory.

Opening a file holds the GIL, reading and hashing a large one does not. So a single thread goes
through the paths, in batches, reading what is small; what is large it hands back, and the other
threads read that, the largest first, so that no core waits for a giant that was begun last. A
second thread among small files that are in the page cache would only be in the way: where there
are many of them, helper processes go through the batches.

Threads and processes are started when they are needed and never forked, so the engine works
inside a forked task of a process that has threads.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from preservation.errors import MalformedError
from preservation.fixity.helpers import ENOUGH, Helpers, Taken
from preservation.fixity.rate import RateLimit
from preservation.fixity.reading import Measured, Reader, Reading, StoppedError
from preservation.model.digest import Algorithm
from preservation.model.names import is_safe
from preservation.model.progress import Progress

BATCH = 256  # paths that one thread goes through before it reports
LARGE = 128 * 1024  # octets; above, hashing outweighs what holds the GIL
LOT = 8 * 1024 * 1024  # octets of large files handed to a thread at a time
WAITING = 10_000  # large files that may wait; keeps memory flat


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
        self._helpers: Helpers | None = None

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
        """Read in threads: one goes through the paths, the others take what it hands back.

        Where there are many paths, helper processes go through them instead.
        """
        remaining = iter(paths)
        first = list(itertools.islice(remaining, ENOUGH))
        remaining = itertools.chain(first, remaining)
        batches = iter(lambda: list(itertools.islice(remaining, BATCH)), [])
        workers = self._settings.workers
        with ExitStack() as ending:
            if len(first) == ENOUGH and self._settings.rate is None and self._walkers == 1:
                helpers = Helpers(self._root, self._algorithms, workers, LARGE)
                self._helpers = ending.enter_context(helpers)
                # One batch more than there are helpers, so that none of them has to wait.
                self._walkers = workers = workers + 1
            pool = ThreadPoolExecutor(workers, thread_name_prefix="fixity")
            ending.callback(pool.shutdown, wait=True, cancel_futures=True)
            ending.callback(self._stop.set)
            yield from self._spread(pool, batches, workers)

    def _spread(
        self, pool: ThreadPoolExecutor, batches: Iterator[list[bytes]], workers: int
    ) -> Iterator[Measured]:
        large: list[tuple[int, bytes]] = []  # a heap: the largest first
        running: dict[Future[Taken], bool] = {}  # True where it goes through a batch of paths
        ready: list[Measured] = []
        more = True
        while more or large or running:
            while len(running) < workers:
                batch = []
                if more and len(large) < WAITING and sum(running.values()) < self._walkers:
                    batch = next(batches, [])
                    more = bool(batch)
                if batch:
                    walk = self._batch if self._helpers is None else self._by_helper
                    running[pool.submit(walk, batch, LARGE)] = True
                elif large:
                    lot = _lot(large)
                    alone = not (more or large or running)
                    running[pool.submit(self._batch, lot, None, apart=alone)] = False
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

    def _by_helper(self, paths: list[bytes], _large: int) -> Taken:
        if self._stop.is_set() or self._cancelled():
            raise StoppedError("reading was cancelled")
        safe = [path for path in paths if is_safe(path)]
        results, handed_back = self._helpers.take(safe) if self._helpers and safe else ([], [])
        self._progress.advance(sum(result.octets for result in results))
        if len(safe) < len(paths):
            handed_back += [(0, path) for path in paths if not is_safe(path)]
        return results, handed_back

    def _batch(self, paths: list[bytes], large: int | None, *, apart: bool = False) -> Taken:
        reader, results, handed_back = self._reader(apart=apart), [], []
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

    def _reader(self, *, apart: bool = False) -> Reader:
        return Reader(
            self._root,
            self._algorithms,
            apart=apart,
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
