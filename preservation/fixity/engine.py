"""The engine: reads many files below a folder, on several cores, in flat memory."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from preservation.errors import MalformedError
from preservation.fixity.crew import Batch, Crew, Done, EngineSettings
from preservation.fixity.reading import Measured, Reading
from preservation.model.digest import Algorithm, Digest
from preservation.model.progress import Progress

BATCH = 256  # files of one question to a helper
PAID = 16  # the same under a budget: what is paid for afterwards must be little
ENOUGH = 2048  # files below which starting helpers costs more than it gains


def never() -> bool:
    """Nobody cancels."""
    return False


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
        cancelled: asked before each block or batch; from any thread.

    Raises:
        StoppedError: ``cancelled`` said so; results that were yielded before stay true.
        OSError: the root itself cannot be opened.
        MalformedError: fewer workers than one.
    """
    remaining, wanted = iter(paths), tuple(algorithms)
    batches = iter(lambda: list(itertools.islice(remaining, BATCH)), [])
    for done in read(
        root, (Batch(batch, wanted) for batch in batches), settings, progress, cancelled
    ):
        yield from _measured(done)


def read(
    root: Path,
    batches: Iterable[Batch],
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Iterator[Done]:
    """The same for files that come in batches, of any size; nothing is made for each file.

    Raises:
        As :func:`measure`.
    """
    if settings.workers < 1:
        raise MalformedError(f"engine: {settings.workers} workers")
    most = BATCH if settings.rate is None else PAID
    cut = _cut(batches, most)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if settings.workers == 1:
            yield from Crew(fd, settings, progress, cancelled, helped=False).alone(cut)
        else:
            first, many = _first(cut)
            crew = Crew(fd, settings, progress, cancelled, helped=many)
            yield from crew.together(itertools.chain(first, cut))
    finally:
        os.close(fd)


def _cut(batches: Iterable[Batch], most: int) -> Iterator[Batch]:
    for batch in batches:
        if len(batch.paths) <= most:
            yield batch
        else:
            for first in range(0, len(batch.paths), most):
                yield batch.part(first, first + most)


def _first(batches: Iterator[Batch]) -> tuple[list[Batch], bool]:
    """The first batches, and whether they are worth helper processes."""
    first, files = [], 0
    for batch in batches:
        first.append(batch)
        files += len(batch.paths)
        if files >= ENOUGH:
            return first, True
    return first, False


def _measured(done: Done) -> Iterator[Measured]:
    others, at = dict(done.others), 0
    for number, octets in enumerate(done.octets):
        if number in others:
            yield others[number]
        elif octets >= 0:
            path, digests = done.batch.paths[number], digests_at(done, at)
            yield Measured(path, Reading.READ, octets, digests, size=octets)
            at += 1


def digests_at(done: Done, place: int) -> dict[Algorithm, Digest]:
    """The digests in one place of the columns."""
    return {
        each: Digest(each, column[place * each.octets : (place + 1) * each.octets])
        for each, column in zip(done.batch.algorithms, done.columns, strict=True)
    }


__all__ = ["EngineSettings", "Measured", "Reading", "measure", "never"]
