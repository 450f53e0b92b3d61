"""The engine: reads many files below a folder, on several cores, in flat memory."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from preservation.errors import MalformedError
from preservation.fixity import helpers
from preservation.fixity.ahead import Ahead
from preservation.fixity.batch import Batch, Done
from preservation.fixity.crew import Crew, EngineSettings
from preservation.fixity.reading import Measured, Reading, StoppedError
from preservation.model.digest import Algorithm, Digest
from preservation.model.progress import Progress

PAID = 16  # files of a batch under a budget: what is paid for afterwards must be little


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
    batches = iter(lambda: list(itertools.islice(remaining, helpers.BATCH)), [])
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
    ahead: Ahead | None = None,
) -> Iterator[Done]:
    """The same for files that come in batches, of any size; nothing is made for each file.

    Args:
        ahead: has read some of the files already; its helper processes read on.

    Raises:
        As :func:`measure`.
    """
    if settings.workers < 1:
        raise MalformedError(f"engine: {settings.workers} workers")
    cut = _cut(batches, helpers.BATCH if settings.rate is None else PAID)
    known: deque[Done] = deque()
    left = cut if ahead is None else _left(cut, ahead, known, progress, cancelled)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for done in _at_work(fd, left, settings, progress, cancelled, ahead):
            while known:
                yield known.popleft()
            yield done
        yield from known
    finally:
        os.close(fd)


def _at_work(
    root: int,
    batches: Iterator[Batch],
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool],
    ahead: Ahead | None,
) -> Iterator[Done]:
    if settings.workers == 1:
        return Crew(root, settings, progress, cancelled, many=False).alone(batches)
    first, many = _first(batches, helpers.ENOUGH)
    begun = ahead.helpers(cancelled) if many and ahead is not None else []
    crew = Crew(root, settings, progress, cancelled, many=many, begun=begun)
    return crew.together(itertools.chain(first, batches))


def _left(
    batches: Iterable[Batch],
    ahead: Ahead,
    known: deque[Done],
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Iterator[Batch]:
    """What was not read ahead; what was is told as known."""
    for batch in batches:
        if cancelled():
            raise StoppedError("reading was cancelled")
        done, left = ahead.part(batch)
        if done is not None:
            progress.advance(sum(done.octets))
            known.append(done)
        if left is not None:
            yield left


def _cut(batches: Iterable[Batch], most: int) -> Iterator[Batch]:
    for batch in batches:
        if len(batch.paths) <= most:
            yield batch
        else:
            for first in range(0, len(batch.paths), most):
                yield batch.part(first, first + most)


def _first(batches: Iterator[Batch], enough: int) -> tuple[list[Batch], bool]:
    """The first batches, and whether there are many files."""
    first, files = [], 0
    for batch in batches:
        first.append(batch)
        files += len(batch.paths)
        if files >= enough:
            return first, True
    return first, False


def _measured(done: Done) -> Iterator[Measured]:
    others, at = dict(done.others), 0
    for number, octets in enumerate(done.octets):
        if number in others:
            yield others[number]
        elif octets >= 0:
            path, digests = done.batch.paths[number], digests_at(done, at)
            yield Measured(path, Reading.READ, octets, digests, size=octets, in_lanes=True)
            at += 1


def digests_at(done: Done, place: int) -> dict[Algorithm, Digest]:
    """The digests in one place of the columns."""
    return {
        each: Digest(each, column[place * each.octets : (place + 1) * each.octets])
        for each, column in zip(done.batch.algorithms, done.columns, strict=True)
    }


__all__ = ["EngineSettings", "Measured", "Reading", "measure", "never"]
