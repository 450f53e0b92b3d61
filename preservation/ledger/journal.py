"""The journal as files: ``<root>/<yyyy>/<seq>.jsonl``, and result documents beside them.

A file appears whole or not at all, is synced with its folder, and is never written again.
Sequence numbers go on over the years and are never given twice: the next one is one more
than the largest that is there.

Source: ``docs/formats/journal.md``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from preservation.errors import BusyError, MalformedError, NotNowError, SamarkandError
from preservation.files import durable
from preservation.ledger.lines import newest, parse
from preservation.model.canonical import canonical
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import Event

_NAME = re.compile(r"(?P<year>\d{4})/(?P<seq>\d{12})\.jsonl", re.ASCII)
_RESTORE = "fetch the file from a tier's .samarkand/journal; a drain does that where it is gone"
# Clocks of two hosts may differ: an event can be this much younger than the file it is in.
_SKEW = timedelta(days=1)
_LOOKED_INTO = 2  # years' folders: a clock that jumped has made one too many


class FileJournal:
    """Implements ``protocol.Journal`` in a folder.

    Raises:
        NotNowError: from any method, when the folder is not there (``JRN-MISSING``): that is
            never an empty journal.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def create(cls, root: Path) -> FileJournal:
        """Make the folder where it is not there, and open the journal in it."""
        _folder(root)
        return cls(root)

    def append(self, lines: Sequence[bytes], at: datetime, after: str | None = None) -> str:
        """See ``Journal.append``.

        Args:
            lines: canonical events, without newlines.
            at: now; its year names the folder.
            after: the name that the caller knows as the last one (empty: there was none).
                With it, exactly the next number is taken.

        Raises:
            BusyError: ``JRN-MOVED``, something was appended after ``after``.
            MalformedError: no lines, or a newline inside one.
            NoSpaceError: the disk is full; nothing was written.
        """
        if not lines or any(not line or b"\n" in line for line in lines):
            raise MalformedError("a journal file has one event per line, and at least one")
        data = b"".join(line + b"\n" for line in lines)
        while True:
            last = self.last()
            if after is not None and last != after:
                raise _moved(after, last)
            name = f"{at.year:04d}/{_seq(last) + 1:012d}.jsonl"
            try:
                self.put(name, data)
            except FileExistsError:
                continue  # another writer was faster: look again
            return name

    def put(self, name: str, data: bytes) -> None:
        """Write one file under its name, as it was written before: also how a lost one returns.

        Raises:
            FileExistsError: a file of this name is there; it was not touched.
        """
        path = self._path(name)
        self._check()
        _folder(path.parent)
        durable.write_new(path, data)

    def names(self) -> list[str]:
        """See ``Journal.names``."""
        found = []
        for year in self._list(self.root):
            if re.fullmatch(r"\d{4}", year, re.ASCII):
                names = (f"{year}/{entry}" for entry in self._list(self.root / year))
                found += [name for name in names if _NAME.fullmatch(name)]
        return sorted(found, key=lambda name: (_seq(name), name))

    def last(self) -> str:
        """The newest file's name; empty if there is none."""
        return (self.names() or [""])[-1]

    def newest(self) -> Event | None:
        """The last event that was written; None if nothing can be read there.

        Looks into the last years' folders only: it is asked before every act.
        """
        years = sorted(
            year for year in self._list(self.root) if re.fullmatch(r"\d{4}", year, re.ASCII)
        )
        found = (
            name
            for year in years[-_LOOKED_INTO:]
            for entry in self._list(self.root / year)
            if _NAME.fullmatch(name := f"{year}/{entry}")
        )
        last = max(found, key=lambda name: (_seq(name), name), default="")
        return newest(self.read(last)) if last else None

    def read(self, name: str) -> bytes:
        """See ``Journal.read``.

        Raises:
            NotNowError: it is gone (``JRN-FILE-MISSING``), or the medium fails.
        """
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError as error:
            raise NotNowError(
                f"the journal lacks {name}", hint=_RESTORE, code="JRN-FILE-MISSING"
            ) from error
        except OSError as error:
            raise _unreadable(name, error) from error

    def events(
        self,
        since: datetime | None = None,
        damaged: Callable[[SamarkandError], None] | None = None,
    ) -> Iterator[Event]:
        """See ``Journal.events``.

        Args:
            since: leave out events older than that.
            damaged: told of each line that is no event and of each file that cannot be read,
                after which reading goes on: for rebuilding, which wants all that there is.

        Raises:
            MalformedError: ``JRN-DAMAGED``, with file and line, unless ``damaged`` is given.
        """
        oldest_year = 0 if since is None else (since - _SKEW).year
        for name in self.names():
            if int(name[:4]) < oldest_year:
                continue
            try:
                found = parse(name, self.read(name), damaged)
            except NotNowError as error:
                if damaged is None:
                    raise
                damaged(error)
                continue
            for event in found:
                if since is None or event.at >= since:
                    yield event

    def put_result(self, data: Any) -> Digest:
        """See ``Journal.put_result``. Keeping the same document again changes nothing."""
        return self.put_result_bytes(canonical(data))

    def put_result_bytes(self, body: bytes) -> Digest:
        """As :meth:`put_result`, for a document that is encoded already."""
        digest = Digest(Algorithm.SHA256, hashlib.sha256(body).digest())
        path = self._result_path(digest)
        self._check()
        _folder(path.parent)
        try:
            durable.write_new(path, body)
        except FileExistsError:
            if path.read_bytes() != body:  # rotten: only these bytes can be under this name
                durable.replace(path, body, 0o444)
        return digest

    def result(self, digest: Digest) -> Any:
        """See ``Journal.result``."""
        return json.loads(self.result_bytes(digest))

    def result_bytes(self, digest: Digest) -> bytes:
        """A result document's bytes, compared with their digest.

        Raises:
            NotNowError: ``JRN-RESULT-MISSING``, or ``JRN-RESULT-DAMAGED``: other bytes.
        """
        try:
            body = self._result_path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NotNowError(
                f"the journal lacks the result document {digest}",
                hint=_RESTORE,
                code="JRN-RESULT-MISSING",
            ) from error
        except OSError as error:
            raise _unreadable(result_name(digest), error) from error
        if hashlib.sha256(body).digest() != digest.value:
            raise NotNowError(
                f"the result document {digest} has other bytes than its name says",
                hint="remove it and fetch it from a tier's .samarkand/journal/results",
                code="JRN-RESULT-DAMAGED",
            )
        return body

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise MalformedError(f"not the name of a journal file: {name!r}")
        return self.root / name

    def _result_path(self, digest: Digest) -> Path:
        return self.root / result_name(digest)

    def _check(self) -> None:
        if not self.root.is_dir():
            raise NotNowError(
                f"there is no journal at {self.root}",
                hint="mount or restore the home; only `preserve init` makes a journal",
                code="JRN-MISSING",
            )

    def _list(self, folder: Path) -> list[str]:
        self._check()
        try:
            return os.listdir(folder)
        except NotADirectoryError:
            return []
        except OSError as error:
            raise _unreadable(str(folder), error) from error


def is_name(text: str) -> bool:
    """Whether this can be the name of a journal file."""
    return _NAME.fullmatch(text) is not None


def result_name(digest: Digest) -> str:
    """Where a result document lies, relative to the journal's root."""
    if digest.algorithm is not Algorithm.SHA256:
        raise MalformedError(f"result documents are named by SHA-256: {digest}")
    return f"results/{digest.hex[:2]}/{digest.hex}.json"


def _seq(name: str) -> int:
    return int(name[5:17]) if name else 0


def _folder(path: Path) -> None:
    """Make a folder and those above it, durably."""
    if path.is_dir():
        return
    _folder(path.parent)
    with durable.plain_errors(path):
        try:
            os.mkdir(path)
        except FileExistsError:
            return
        durable.fsync_dir(path.parent)


def _moved(after: str, last: str) -> BusyError:
    return BusyError(
        f"the journal went on from {after or 'nothing'} to {last or 'nothing'} meanwhile",
        hint="another drain was at work; nothing was written by this one",
        code="JRN-MOVED",
    )


def _unreadable(name: str, error: OSError) -> NotNowError:
    return NotNowError(
        f"cannot read {name}: {error.strerror}",
        hint="check the account's rights and the disk",
        code="JRN-UNREADABLE",
    )
