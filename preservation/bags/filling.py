"""Fills a private folder with a bag's payload while its source is still being walked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from preservation.bags.beside import appear, private_beside
from preservation.bags.copying import Copier
from preservation.bags.fenced import SourceChangedError
from preservation.bags.source import SourceNotes
from preservation.bags.write import BagWriter
from preservation.errors import SamarkandError
from preservation.files import durable
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Algorithm
from preservation.model.progress import Progress, Silence


class _Announced(Silence):
    """Progress of a piece of work whose size is known only after it began."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._lock = progress, threading.Lock()
        self._before: int | None = 0  # octets until then

    def begin(self, what: str, total_bytes: int | None) -> None:
        with self._lock:
            before, self._before = self._before, None
        self._progress.begin(what, total_bytes)
        if before:
            self._progress.advance(before)

    def advance(self, read_bytes: int) -> None:
        with self._lock:
            if self._before is not None:
                self._before += read_bytes
                return
        self._progress.advance(read_bytes)


class Filling:
    """A private folder beside a destination, which becomes it in the end. Use it as a context:
    what was not given its name is taken away.

    It is made with the first files that may be read, so mostly before all of the source is known;
    whatever stands in the way until then is kept for :meth:`finish`.

    Args:
        source: of the files, without links on the way.
        algorithms: of the manifests of both kinds.
        workers: how many files to copy at the same time.
        progress: hears of every octet, once the size of all is known.
        cancelled: asked for each lot of files.
    """

    def __init__(
        self,
        dest: Path,
        source: Path,
        algorithms: Sequence[Algorithm],
        workers: int,
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> None:
        self._dest, self._source, self._algorithms = dest, source, algorithms
        self._workers, self._cancelled = workers, cancelled
        self._progress = _Announced(progress)
        self._trouble: Exception | None = None
        self._folder: Path | None = None
        self._made: tuple[BagWriter, Copier] | None = None
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.__exit__(kind, error, trace)

    def go_on(self, notes: SourceNotes) -> None:
        """Copy what may be read by now; never waits.

        Raises:
            StoppedError: cancelled.
        """
        self._expect_wanted()
        if self._trouble is not None:
            return
        try:
            _, copier = self._begin()
            copier.expect(notes.files, notes.octets)
            while copier.has_room and (lot := notes.ripe()) is not None:
                copier.put(lot)
        except (SamarkandError, OSError) as error:
            self._trouble = error

    def finish(self, notes: SourceNotes) -> BagWriter:
        """Copy all the rest, after the walk; gives who writes the other files of the bag.

        Raises:
            UsageError: no folder can be made beside the destination.
            SourceChangedError, NotNowError, MalformedError: as :meth:`Copier.put`.
        """
        self._progress.begin("create", notes.octets)
        if self._trouble is not None:
            raise self._trouble
        writer, copier = self._begin()
        copier.expect(notes.files, notes.octets)
        for lot in notes.rest():
            self._expect_wanted()
            copier.put(lot)
        copier.finish()
        return writer

    def appear(self) -> None:
        """Give the folder, which is whole, its name.

        Raises:
            As :func:`preservation.bags.beside.appear`.
        """
        if self._folder is not None:
            appear(self._folder, self._dest)

    def _begin(self) -> tuple[BagWriter, Copier]:
        if self._made is None:
            self._folder = self._ending.enter_context(private_beside(self._dest))
            writer = BagWriter(self._folder, self._algorithms, self._algorithms)
            self._ending.callback(writer.close)
            root = self._open_source()
            self._ending.callback(os.close, root)
            copier = Copier(writer, root, self._workers, self._progress)
            self._made = writer, self._ending.enter_context(copier)
        return self._made

    def _open_source(self) -> int:
        try:
            with durable.plain_errors(self._source):
                return os.open(self._source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceChangedError(
                f"cannot be opened once more: {error.strerror}", hint="look at the path"
            ) from error

    def _expect_wanted(self) -> None:
        if self._cancelled():
            raise StoppedError("making the bag was cancelled")
