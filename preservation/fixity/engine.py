"""The engine: measures many files below a folder, on several cores, in flat memory.

Small files go to threads in batches, since a hand-over costs as much as reading one. A thread
that meets a large file hands it back; those are read at the end, largest first, so that no
core waits for a giant that was begun last. hashlib and read(2) release the GIL: large files
scale with cores. Small ones hardly do; a pool of processes behind this same function is the
next step for them.

The engine starts threads only, when asked and never before, so it works inside a forked task
of a process that has threads.
"""

from __future__ import annotations

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

BATCH = 256
LARGE = 8 * 1024 * 1024


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
        self._large: list[tuple[int, bytes]] = []

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
        """Read in threads: all that is small first, then what is large, largest first."""
        pool = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="fixity")
        try:
            remaining = iter(paths)
            batches = iter(lambda: list(itertools.islice(remaining, BATCH)), [])
            yield from self._spread(pool, batches, LARGE)
            self._large.sort(reverse=True)
            giants = ([path] for _, path in self._large)
            yield from self._spread(pool, giants, None)
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _spread(
        self, pool: ThreadPoolExecutor, batches: Iterator[list[bytes]], large: int | None
    ) -> Iterator[Measured]:
        # A window of running and waiting batches: keeps every thread busy, and memory flat
        # however slowly the results are taken.
        running: set[Future[list[Measured]]] = set()
        while True:
            for batch in itertools.islice(batches, 2 * self._settings.workers - len(running)):
                running.add(pool.submit(self._batch, batch, large))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()

    def _batch(self, paths: list[bytes], large: int | None) -> list[Measured]:
        reader, results = self._reader(), []
        try:
            for path in paths:
                result = reader.measure(path, large)
                if isinstance(result, Measured):
                    results.append(result)
                else:
                    self._large.append((result, path))
        finally:
            reader.close()
        return results

    def _reader(self) -> Reader:
        return Reader(
            self._root,
            self._algorithms,
            drop_cache=self._settings.drop_cache,
            rate=self._settings.rate,
            progress=self._progress,
            cancelled=lambda: self._stop.is_set() or self._cancelled(),
        )


__all__ = ["EngineSettings", "Measured", "Reading", "measure", "never"]
