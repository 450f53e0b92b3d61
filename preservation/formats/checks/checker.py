"""Checks through exec'd workers: one verdict per file, whatever the file does to them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from preservation.files.workers import (
    Item,
    Patience,
    Trouble,
    WorkerFailure,
    WorkerPool,
    WorkerSettings,
)
from preservation.formats.checks.registry import check_for
from preservation.formats.request import Request
from preservation.model.format_check import NO_CHECK, FormatCheck, Unchecked
from preservation.model.identification import Identification

BATCH = 32
MEMORY = 3 << 30  # octets of address space: libraries and what one file makes them ask for
_SECONDS = 130.0  # a file's own limits end it before; this is for a worker that lost them
_OUT_OF_TIME = ("SIGALRM", "SIGXCPU")
_ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others reserve more than they use
    "ARROW_IO_THREADS": "1",
    "HDF5_PLUGIN_PRELOAD": "::",  # no filter is loaded because a file names it
    "HDF5_USE_FILE_LOCKING": "FALSE",
    "HOME": "/nonexistent",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class FormatChecker:
    """Says whether files are what their formats promise. Safe to call from several threads.

    Args:
        workers: processes, each of up to some hundred MB. They start when first needed.
    """

    def __init__(self, workers: int = 2) -> None:
        settings = WorkerSettings(
            memory=MEMORY,
            recycle=5_000,
            silence=_SECONDS,
            environment=_ENVIRONMENT,
            ends=_OUT_OF_TIME,
        )
        self._pool = WorkerPool("preservation.formats.checks.worker", workers, settings)
        self._callers = ThreadPoolExecutor(workers, "format-checks")

    def check(
        self,
        root: Path,
        paths: Sequence[bytes],
        formats: Sequence[Identification],
        patience: Patience | None = None,
    ) -> list[FormatCheck]:
        """One verdict per path, in the same order, whatever the files are or do.

        A file for whose format there is no check costs nothing. One that kills its worker is
        ``unchecked``; all others are checked as if it weren't there.

        Args:
            root: a folder; nothing outside it is opened, and no link below it is followed.
            paths: relative to the root, ``/`` between the parts, any bytes.
            formats: what each file is.
            patience: of the deposit; once it is spent, files are ``unchecked`` for want of time.

        Raises:
            NotNowError: no worker can be started.
        """
        verdicts = [NO_CHECK] * len(paths)
        asked: list[tuple[int, dict[str, Any]]] = []
        for place, (path, found) in enumerate(zip(paths, formats, strict=True)):
            entry = check_for(found)
            if entry is not None:
                request = Request(os.fsencode(root.absolute()), path).to_json()
                asked.append((place, {**request, "check": entry.name}))
        batches = [asked[at : at + BATCH] for at in range(0, len(asked), BATCH)]
        for answers in self._callers.map(lambda batch: self._batch(batch, patience), batches):
            for place, verdict in answers:
                verdicts[place] = verdict
        return verdicts

    def close(self) -> None:
        """Stop the workers; waits for calls that are under way."""
        self._callers.shutdown()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _batch(
        self, asked: Sequence[tuple[int, Item]], patience: Patience | None
    ) -> list[tuple[int, FormatCheck]]:
        items = [item for _, item in asked]
        verdicts = (
            _failed(said, item) if isinstance(said, WorkerFailure) else FormatCheck.from_json(said)
            for said, item in zip(self._pool.run(items, _seconds, patience), items, strict=True)
        )
        return list(zip((place for place, _ in asked), verdicts, strict=True))


def _seconds(items: Sequence[Item]) -> float:
    return _SECONDS * len(items)


def _failed(failure: WorkerFailure, item: Item) -> FormatCheck:
    """What a worker's end says of the file that it was busy with."""
    late = (Trouble.TIMEOUT, Trouble.GIVEN_UP)
    timeout = failure.trouble in late or failure.message in _OUT_OF_TIME
    why = Unchecked.TIMEOUT if timeout else Unchecked.CRASHED
    return FormatCheck.unchecked(why, failure.message, checker=item["check"])
