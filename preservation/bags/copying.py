"""Copies files of a living folder into a bag, as many at a time as there are workers.

Where there are many small files, helper processes copy them in batches: making and opening
files holds the GIL. What a helper leaves is copied here, with the same result. Each of the
larger files has a thread.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from preservation.bags.fenced import add_fenced
from preservation.bags.write import BagWriter
from preservation.fixity.crew import LARGE
from preservation.fixity.engine import BATCH
from preservation.fixity.reading import WORTH
from preservation.model.progress import Progress

MANY = 1024  # files; below, helpers take longer to start than they save


class Copier:
    """Fills the payload of a bag. Use it as a context, from one thread.

    Args:
        writer: of the bag.
        root: the source's folder, open.
        files: how many there will be, about.
        workers: how many to copy at the same time.
        progress: hears of every octet.
    """

    def __init__(
        self, writer: BagWriter, root: int, files: int, workers: int, progress: Progress
    ) -> None:
        self._writer, self._root, self._progress = writer, root, progress
        self._workers = workers
        self._small: list[bytes] = []
        self._running: deque[Future[None]] = deque()
        self._ending = ExitStack()
        self._helpers = None
        # One thread more than helpers, so that none of them waits for its next batch.
        self._threads = ThreadPoolExecutor(workers + (self._helpers is not None), "bag")
        self._ending.callback(self._threads.shutdown, wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.close()

    def put(self, path: bytes, kept: bytes, octets: int, *, apart: bool = False) -> None:
        """Copy one file, now or soon; waits while too many are waiting.

        Args:
            path: below the source.
            kept: below ``data/``.
            octets: about.
            apart: its digests may have a thread each, if it is large enough.

        Raises:
            Whatever :func:`add_fenced` raises, of this file or an earlier one.
        """
        if octets > LARGE or kept != path:
            lanes = apart and self._workers > 1 and octets > WORTH
            self._submit(lambda: self._copy(path, kept, apart=lanes))
            return
        self._small.append(path)
        if len(self._small) == BATCH:
            self._hand_over()

    def finish(self) -> None:
        """Wait until every file is copied.

        Raises:
            As :meth:`put`.
        """
        self._hand_over()
        while self._running:
            self._running.popleft().result()

    def _hand_over(self) -> None:
        batch, self._small = self._small, []
        self._submit(lambda: self._copy_all(batch))

    def _submit(self, work: Callable[[], None]) -> None:
        self._running.append(self._threads.submit(work))
        if len(self._running) > 4 * self._workers:
            self._running.popleft().result()

    def _copy_all(self, batch: list[bytes]) -> None:
        for path in batch:
            self._copy(path, path)

    def _copy(self, path: bytes, kept: bytes, *, apart: bool = False) -> None:
        add_fenced(self._writer, kept, self._root, path, self._progress, apart=apart)
