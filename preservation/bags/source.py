"""A folder to be bagged: what lies in it, noted once, and held against it once more at the end.

The notes are on disk, so memory does not grow with the number of files, but with that of empty
folders and encoded names. Between the two walks the folder must not change in any way that
``lstat`` can tell; so a bag is the folder as it was at one moment, not a mixture of moments.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from preservation.bags.again import SecondLook
from preservation.bags.again_main import NOTE, noted
from preservation.bags.copying import Wanted
from preservation.bags.fenced import SourceChangedError
from preservation.bags.findings import Findings
from preservation.bags.names import is_utf8, kept_path
from preservation.bags.tree import NAMES_COLUMNS, TREE_COLUMNS, csv_line, names_row, tree_row
from preservation.files import durable
from preservation.files.walk import Entry, Kind, walk_files
from preservation.fixity.fence import Fence
from preservation.fixity.helper_main import Look, look
from preservation.model.deferred import dataclass
from preservation.model.names import display

_KINDS = tuple(Kind)
_FILE = _KINDS.index(Kind.FILE)
_MANY = 2048  # entries below which a process for the second look costs more than it gains
# Some kernels give files times that move in steps of up to 10 ms. What is written within the
# step of the first walk could not be told from what was there.
_STEP = 0.02  # seconds
# A process that looks again is given some seconds, and this often the time of the first walk.
_PATIENCE = 2.0, 4.0


@dataclass(slots=True)
class Tables:
    """The rows of the two tables that a bag gets where names and bytes do not say it all."""

    folders: list[bytes] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)

    def tree(self) -> list[bytes]:
        """``metadata/tree.csv``: the empty folders. No lines where there are none."""
        return [csv_line(TREE_COLUMNS), *self.folders] if self.folders else []

    def mapping(self) -> list[bytes]:
        """``metadata/names.csv``. No lines where every name was kept."""
        return [csv_line(NAMES_COLUMNS), *self.names] if self.names else []


class SourceNotes:
    """What lies in a folder. Use it as a context.

    Args:
        root: of the folder, without links on the way.
        encode: names that are not UTF-8 are encoded; otherwise they are findings.
        findings: where to tell everything that stands in the way; nothing is opened.
    """

    def __init__(self, root: Path, findings: Findings, *, encode: bool) -> None:
        self.files = 0
        self.octets = 0
        self.tables = Tables()
        self._root, self._findings, self._encode = root, findings, encode
        self._notes: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._entries = 0
        self._walked = 0.0  # when, by a clock that nobody sets
        self._took = 0.0  # seconds
        self._top: Look | None = None  # the folder itself, which is no entry
        self._again: SecondLook | None = None
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        try:
            with durable.plain_errors(tempfile.gettempdir()):
                self._look()
                self._notes.flush()
            if self._entries >= _MANY:
                again = SecondLook(self._root, self._notes.fileno(), self._entries)
                self._again = self._ending.enter_context(again)
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._let_go()

    def _let_go(self) -> None:
        self._ending.close()
        with suppress(OSError):  # what found no room once is not missed now
            self._notes.close()

    def take(self) -> Iterator[Wanted]:
        """The files, in the order of the walk, when they may be read."""
        time.sleep(max(0.0, self._walked + _STEP - time.monotonic()))
        for (_, kind, octets, mtime, ctime, ino, dev), path in noted(self._notes.fileno()):
            if kind == _FILE:
                kept = kept_path(path) if self._encode else path
                yield Wanted(path, kept, Fence(dev, ino, octets, mtime, ctime))

    def look_again(self) -> None:
        """Begin to look at everything once more, if there is much of it; call after the last
        octet was read. :meth:`expect_unchanged` says what was seen.
        """
        if self._again is not None:
            self._again.begin()

    def expect_unchanged(self) -> None:
        """Wait for the second look, or walk once more.

        Raises:
            SourceChangedError: anything is otherwise than it was.
        """
        try:
            if self._is_the_same():
                return
            self._walk_again()
        except OSError as error:
            raise _changed(f"cannot be looked at once more: {error.strerror}") from error

    def _is_the_same(self) -> bool:
        least, times = _PATIENCE
        return (
            self._again is not None
            and self._again.is_the_same(least + times * self._took)
            and look(os.lstat(self._root)) == self._top
        )

    def _walk_again(self) -> None:
        self._notes.seek(0)
        read = self._notes.read
        for found in walk_files(self._root, _file_note):
            note = found if isinstance(found, bytes) else _note(found)
            if read(len(note)) != note:
                raise _changed(f"changed while it was read: {display(note[NOTE.size :])}")
        if self._notes.read(1):
            raise _changed("something was taken out of the folder while it was read")

    def _look(self) -> None:
        childless: Entry | None = None
        began, self._top = time.monotonic(), look(os.lstat(self._root))
        for found in walk_files(self._root, self._file):
            self._entries += 1
            path = found[NOTE.size :] if isinstance(found, bytes) else found.path
            if childless is not None:
                if not path.startswith(childless.path + b"/"):
                    self.tables.folders.append(tree_row(childless))
                childless = None
            if isinstance(found, bytes):
                self._notes.write(found)
                continue
            self._notes.write(_note(found))
            if found.kind is Kind.FOLDER:
                childless = found
            elif found.kind is Kind.UNREADABLE:
                self._tell("BAG-SOURCE-UNREADABLE", found.path, f"{found.error}.")
            else:
                self._tell("BAG-SOURCE-IRREGULAR", found.path, f"It is a {found.kind.value}.")
        if childless is not None:
            self.tables.folders.append(tree_row(childless))
        self._walked = time.monotonic()
        self._took = self._walked - began

    def _file(self, path: bytes, seen: os.stat_result) -> bytes:
        """Count a regular file in; its note."""
        self.files += 1
        self.octets += seen.st_size
        if self._encode or not path.isascii():
            self._examine_name(path)
        return _file_note(path, seen)

    def _examine_name(self, path: bytes) -> None:
        if not self._encode:
            if not is_utf8(path):
                self._tell("BAG-SOURCE-NAME", path)
            return
        kept = kept_path(path)
        if kept != path:
            self._tell("BAG-SOURCE-NAME-ENCODED", path, f"It is kept as {display(kept)}.")
            self.tables.names.append(names_row(b"data/" + kept, b"data/" + path))

    def _tell(self, code: str, path: bytes, detail: str = "") -> None:
        self._findings.add(code, display(path), detail)


def _note(entry: Entry) -> bytes:
    path, kind, octets, mtime, ctime, _mode, ino, dev, *_ = entry
    number = _KINDS.index(kind)
    return NOTE.pack(len(path), number, octets, mtime, ctime, ino, dev) + path


def _file_note(path: bytes, seen: os.stat_result) -> bytes:
    """The note of a regular file; nothing else is made for each of very many."""
    size, mtime, ctime = seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
    return NOTE.pack(len(path), _FILE, size, mtime, ctime, seen.st_ino, seen.st_dev) + path


def _changed(message: str) -> SourceChangedError:
    hint = "wait until whatever changes the folder has finished, then try again"
    return SourceChangedError(message, hint=hint)
