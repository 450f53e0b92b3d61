"""Gives a payload back as the folder that it was: original names, empty folders.

The bag is looked at, copied aside, the copy validated to its last octet, and only then undone; so
what appears was read back, and the bag itself is never touched.

Source: ``docs/formats/bag.md``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.bags.beside import appear, expect_absent, expect_outside, private_beside
from preservation.bags.folder import BagFolder
from preservation.bags.undo import undone
from preservation.bags.validate import BagReport, Mode, validate
from preservation.errors import NotNowError, UsageError
from preservation.files.walk import Kind, walk
from preservation.fixity.engine import EngineSettings, never
from preservation.fixity.reading import BLOCK, Folders, StoppedError, open_regular, reason_of
from preservation.model.names import display
from preservation.model.progress import Progress

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def restore(
    bag: Path,
    dest: Path,
    *,
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool] = never,
) -> BagReport:
    """Write a bag's payload as a folder.

    Args:
        bag: a bag in a folder; read only.
        dest: must not exist; its folder must. Not below ``bag``. It appears by one rename, if
            the bag is valid.
        cancelled: asked before each file.

    Raises:
        UsageError: there is no bag's folder, or ``dest`` cannot be made.
        MalformedError: the bag's own tables say something impossible.
        NotNowError: it cannot be read, or the medium is in the way.
    """
    expect_absent(dest)
    expect_outside(dest, bag.resolve(), "the payload")
    # What is no regular file is not copied, so only the bag itself can tell of it.
    first = validate(
        bag, mode=Mode.COMPLETENESS, settings=settings, progress=progress, cancelled=cancelled
    )
    if not first.valid:
        return first
    with private_beside(dest) as copy:
        _copy(bag.resolve(), copy, progress, cancelled)
        report = validate(copy, settings=settings, progress=progress, cancelled=cancelled)
        if report.valid:
            appear(undone(copy), dest)
    return report


def _copy(bag: Path, copy: Path, progress: Progress, cancelled: Callable[[], bool]) -> None:
    try:
        root = os.open(bag, _FOLDER)
    except OSError as error:
        raise UsageError(
            f"no folder can be opened at {os.fspath(bag)!r}: {error.strerror}",
            hint="name the folder that holds bagit.txt",
            code="BAG-NOT-A-FOLDER",
        ) from error
    folders, folder = Folders(root), BagFolder(copy)
    progress.begin("copy", None)
    try:
        for entry in walk(bag):
            if cancelled():
                raise StoppedError("restoring was cancelled")
            if entry.kind is Kind.FILE:
                _copy_file(folders, folder, entry.path, progress)
    finally:
        folder.close()
        folders.close()
        os.close(root)


def _copy_file(folders: Folders, folder: BagFolder, path: bytes, progress: Progress) -> None:
    with _readable(path):
        source = open_regular(folders, path)
    try:
        with folder.created(path) as file, _readable(path):
            while block := os.read(source, BLOCK):
                file.write(block)
                progress.advance(len(block))
    finally:
        os.close(source)


@contextmanager
def _readable(path: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotNowError(
            f"cannot be read: {display(path)}: {reason_of(error)}",
            hint="check permissions and the disk",
            code="BAG-SOURCE-UNREADABLE",
        ) from error
