"""Where a bag's entries and bytes come from: a folder, or an archive that is never unpacked.

The rules of BagIt are told once, over what an origin tells; so a bag gets the same verdict in
every form that it comes in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from preservation.errors import UsageError
from preservation.files.durable import means
from preservation.files.scan import Names, Other, scan
from preservation.fixity.ahead import Ahead
from preservation.fixity.compare import Compared, Expected, compare
from preservation.fixity.engine import EngineSettings, never
from preservation.fixity.reading import BLOCK, Folders, open_regular
from preservation.model.digest import Algorithm
from preservation.model.progress import Progress


class Origin(Protocol):
    """A bag, as something that tells names and gives bytes; a context.

    Paths are relative to the bag.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def kind(self) -> str:
        """``folder``, or what kind of archive."""

    def scan(self, *, sizes: bool) -> Iterator[Names | Other]:
        """Everything in the bag, in any order; sizes only if they are wanted."""

    def expect(self, paths: Sequence[bytes], algorithms: tuple[Algorithm, ...]) -> None:
        """Hear that payload files will likely be compared: time to read them until then."""

    def blocks(self, path: bytes) -> Iterator[bytes]:
        """The bytes of a small tag file or a manifest.

        Raises:
            OSError: it is not there (``ENOENT``), no regular file, or cannot be read.
        """

    def compare(
        self, batches: Iterable[Expected], algorithms: Sequence[Algorithm]
    ) -> Iterator[Compared]:
        """Read files and compare them, as :func:`preservation.fixity.compare.compare` does.

        Args:
            batches: either of payload files only, or of tag files only.
            algorithms: all of those in any batch.

        Raises:
            StoppedError: cancelled.
        """


class FolderOrigin:
    """A bag that lies in a folder. Use it as a context.

    Nothing here follows a link, opens anything but a regular file, or raises for what it finds.

    Args:
        base: the bag's base folder; may itself be reached by a link.
        settings: how hard to work.
        progress: hears of every octet that is measured.
        cancelled: asked now and then.

    Raises:
        UsageError: there is no folder at the path (``BAG-NOT-A-FOLDER``).
    """

    kind = "folder"
    _ahead: Ahead | None = None

    def __init__(
        self,
        base: Path,
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        # Only what a scan called a regular file is compared.
        self._settings = replace(settings, listed=True)
        self._progress, self._cancelled = progress, cancelled
        try:
            self._base = base.resolve(strict=True)
            with means():
                self._root = os.open(self._base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, RuntimeError) as error:  # pathlib's word for links that go in circles
            reason = getattr(error, "strerror", None) or "its links go in circles"
            raise UsageError(
                f"no folder can be opened at {os.fspath(base)!r}: {reason}",
                hint="name the folder that holds bagit.txt",
                code="BAG-NOT-A-FOLDER",
            ) from error
        self._folders = Folders(self._root)
        # From the medium, or under a budget, nothing is read that may not be wanted.
        if settings.workers > 1 and settings.rate is None and not settings.drop_cache:
            self._ahead = Ahead(self._root, settings.workers, listed=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ahead is not None:
            self._ahead.__exit__(kind, error, trace)
        self._folders.close()
        os.close(self._root)

    def scan(self, *, sizes: bool) -> Iterator[Names | Other]:
        return scan(self._base, sizes=sizes)

    def expect(self, paths: Sequence[bytes], algorithms: tuple[Algorithm, ...]) -> None:
        if self._ahead is not None:
            self._ahead.put(paths, algorithms)

    def blocks(self, path: bytes) -> Iterator[bytes]:
        fd = open_regular(self._folders, path)
        try:
            while block := os.read(fd, BLOCK):
                yield block
        finally:
            os.close(fd)

    def compare(
        self, batches: Iterable[Expected], algorithms: Sequence[Algorithm]
    ) -> Iterator[Compared]:
        del algorithms  # each batch says its own
        return compare(
            self._base, batches, self._settings, self._progress, self._cancelled, self._ahead
        )
