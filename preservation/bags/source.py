"""A folder to be bagged: what lies in it, noted once, and held against it once more at the end.

The notes are on disk, so memory does not grow with the number of files, but with that of empty
folders and encoded names. Between the two walks the folder must not change in any way that
``lstat`` can tell; so a bag is the folder as it was at one moment, not a mixture of moments.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import field
from pathlib import Path
from types import TracebackType
from typing import Self

from preservation.bags import notes
from preservation.bags.copies import Lot
from preservation.bags.fenced import SourceChangedError
from preservation.bags.findings import Findings
from preservation.bags.names import is_utf8, kept_path
from preservation.bags.notes import Gathering, Noted
from preservation.bags.tree import NAMES_COLUMNS, TREE_COLUMNS, csv_line, names_row, tree_row
from preservation.files import durable
from preservation.files.looks import look_of, sizes
from preservation.files.spool import Spool
from preservation.files.walk import Entry, Kind, Run, walk_runs
from preservation.model.deferred import dataclass
from preservation.model.names import display

# Some kernels give files times that move in steps of up to 10 ms. What is written within the
# step in which a file was noted could not be told from what was there.
_STEP = 0.02  # seconds


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
    """What lies in a folder. Use it as a context, :meth:`walk` first.

    Args:
        root: of the folder, without links on the way.
        encode: names that are not UTF-8 are encoded; otherwise they are findings.
        findings: where to tell everything that stands in the way; nothing is opened.

    Attributes:
        files, octets: of those noted so far.
    """

    def __init__(self, root: Path, findings: Findings, *, encode: bool) -> None:
        self.files = 0
        self.octets = 0
        self.tables = Tables()
        self._root, self._findings, self._encode = root, findings, encode
        self._notes = Spool()
        self._noted: deque[tuple[float, int]] = deque()  # when, by a clock that nobody sets: up to
        self._ripe = 0  # octets of the notes that are old enough
        self._read = 0  # octets of the notes whose files were taken
        self._top = self._at_top()  # the folder itself, which is no entry
        self._second: Future[None] | None = None
        self._stopped = False
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped = True
        self._ending.close()

    def walk(self) -> Iterator[None]:
        """Note everything; gives moments on the way in which files that are noted may be taken.

        Raises:
            SourceChangedError: the folder is gone.
            NotNowError: it can't be opened; a temporary file can't be written; this process ran out
                of means.
        """
        try:
            with durable.plain_errors(self._root):
                yield from self._walk()
        except OSError as error:
            raise _changed(f"cannot be looked at: {error.strerror}") from error

    def ripe(self) -> Lot | None:
        """The next files that may be read, in the order of the walk; None if there are none yet."""
        now = time.monotonic()
        while self._noted and self._noted[0][0] + _STEP <= now:
            self._ripe = self._noted.popleft()[1]
        while self._read < self._ripe:
            lot, self._read = self._lot(self._read)
            if lot.files:
                return Lot(lot.paths, self._kept(lot.paths), lot.looks)
        return None

    def rest(self) -> Iterator[Lot]:
        """All files that were not taken yet; waits until they may be read. After the walk."""
        while self._noted or self._read < self._ripe:
            lot = self.ripe()
            if lot is not None:
                yield lot
            elif self._noted:
                time.sleep(max(0.0, self._noted[0][0] + _STEP - time.monotonic()))

    def names(self) -> Iterator[bytes]:
        """The names under which the bag keeps the files, in the order of the walk."""
        at = 0
        while at < self._notes.octets:
            lot, at = self._lot(at)
            if lot.files:
                yield from self._kept(lot.paths)

    def look_again(self) -> None:
        """Begin to walk once more, beside whatever follows; call after the last octet was read.
        :meth:`expect_unchanged` says what was seen.
        """
        thread = self._ending.enter_context(ThreadPoolExecutor(1, "look"))
        self._second = thread.submit(self._walk_again)

    def expect_unchanged(self) -> None:
        """Wait for the second walk.

        Raises:
            SourceChangedError: anything is otherwise than it was.
            NotNowError: this process ran out of means.
        """
        try:
            if self._second is None:
                self._walk_again()
            else:
                self._second.result()
        except OSError as error:
            raise _changed(f"cannot be looked at once more: {error.strerror}") from error
        if self._at_top() != self._top:
            raise _changed("something came into the folder, or went, while it was read")

    def _at_top(self) -> tuple[int, ...]:
        try:
            return look_of(os.lstat(self._root))
        except OSError as error:
            raise _changed(f"cannot be looked at: {error.strerror}") from error

    def _walk(self) -> Iterator[None]:
        childless: Entry | None = None
        gathering = Gathering()
        for told in walk_runs(self._root):
            first = told.paths[0] if isinstance(told, Run) else told.path
            if childless is not None and not first.startswith(childless.path + b"/"):
                self.tables.folders.append(tree_row(childless))
            childless = None
            if isinstance(told, Run):
                self._count_in(told)
            elif told.kind is Kind.FOLDER:
                childless = told
            elif told.kind is Kind.UNREADABLE:
                self._tell("BAG-SOURCE-UNREADABLE", told.path, f"{told.error}.")
            else:
                self._tell("BAG-SOURCE-IRREGULAR", told.path, f"It is a {told.kind.value}.")
            for lot in gathering.add(told):
                self._note(lot)
                yield
        if childless is not None:
            self.tables.folders.append(tree_row(childless))
        for lot in gathering.rest():
            self._note(lot)

    def _walk_again(self) -> None:
        at, gathering = 0, Gathering()
        for told in walk_runs(self._root):
            if self._stopped:
                return
            for lot in gathering.add(told):
                at = self._compared(at, lot)
        for lot in gathering.rest():
            at = self._compared(at, lot)
        if at < self._notes.octets:
            raise _changed("something was taken out of the folder while it was read")

    def _compared(self, at: int, lot: Noted) -> int:
        """Hold a lot of the second walk against the notes; where the next one begins."""
        packed, there = lot.packed(), at < self._notes.octets
        if there and self._notes.read(at, len(packed)) == packed:
            return at + len(packed)
        noted = self._lot(at)[0] if there else Noted(lot.files, [], b"")
        path = notes.difference(noted, lot)
        raise _changed(f"changed while it was read: {display(path)}")

    def _note(self, lot: Noted) -> None:
        self._notes.append(lot.packed())
        self._noted.append((time.monotonic(), self._notes.octets))

    def _lot(self, at: int) -> tuple[Noted, int]:
        """What was noted at a place, and where the next one begins."""
        head = self._notes.read(at, notes.HEAD)
        octets = notes.HEAD + notes.octets_of(head)
        return notes.read(self._notes.read(at, octets)), at + octets

    def _kept(self, paths: list[bytes]) -> list[bytes]:
        return [kept_path(path) for path in paths] if self._encode else paths

    def _count_in(self, run: Run) -> None:
        self.files += len(run.paths)
        self.octets += sum(sizes(run.looks))
        if self._encode or not is_utf8(b"/".join(run.paths)):
            for path in run.paths:
                self._examine_name(path)

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


def _changed(message: str) -> SourceChangedError:
    hint = "wait until whatever changes the folder has finished, then try again"
    return SourceChangedError(message, hint=hint)
