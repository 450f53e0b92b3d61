"""The file as a check sees it: open for reading, with a budget, and a place for what is learnt.

A check is a module with ``LIBRARY`` (what it needs, or empty) and ``check(subject)``, which
returns where everything held and raises :class:`Invalid` or :class:`NotChecked` otherwise.
"""

from __future__ import annotations

import errno
import io
import os
import time
from typing import BinaryIO

from preservation.model.format_check import Fact, Unchecked

MOST_OCTETS = 2 << 30  # that a check reads of one file
MOST_SECONDS = 30.0  # of processor time, after which a check that streams gives up by itself


class Invalid(Exception):  # noqa: N818 (a verdict on its way up, not an error)
    """The file is not what its format promises: a reason in a word, and where."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


class NotChecked(Exception):  # noqa: N818 (a verdict on its way up, not an error)
    """Nobody knows; what was looked at so far is sound."""

    def __init__(self, why: Unchecked, message: str = "") -> None:
        super().__init__(why, message)
        self.why = why
        self.message = message


class Subject:
    """One open file.

    Args:
        fd: open for reading; stays the caller's.
        most_octets: read beyond that, it is :attr:`Unchecked.TOO_LARGE`.

    Attributes:
        octets: its size.
        facts: what the check learnt, kept whatever the verdict.
        exceeded: the budget ran out, even if a library took that for another failure.
        unreadable: what the medium said when it failed, whatever a library made of that.
        library: whose judgement it is, where that depends on the file.
    """

    def __init__(
        self,
        fd: int,
        octets: int,
        most_octets: int = MOST_OCTETS,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        self.fd = fd
        self.octets = octets
        self.facts: dict[str, Fact] = {}
        self.exceeded = False
        self.unreadable = ""
        self.library = ""
        self._left = most_octets
        self._most = most_octets
        self._until = time.process_time() + most_seconds

    def spend(self, octets: int) -> None:
        """Note that so many octets are about to be read.

        Raises:
            NotChecked: the budget is spent.
        """
        self._left -= octets
        if self._left < 0 or time.process_time() > self._until:
            self.exceeded = True
            done = self._most - self._left - octets
            message = f"sound in the {done} bytes that were read; the file has {self.octets}"
            raise NotChecked(Unchecked.TOO_LARGE, message)

    def at(self, offset: int, octets: int) -> bytes:
        """Some octets; fewer at the end of the file.

        Raises:
            NotChecked: the budget is spent, or the medium failed.
        """
        self.spend(max(0, min(octets, self.octets - offset)))
        pieces = []
        try:
            while octets > 0 and (piece := os.pread(self.fd, octets, offset)):
                pieces.append(piece)
                offset, octets = offset + len(piece), octets - len(piece)
        except OSError as error:
            self.unreadable = error.strerror or str(error)
            raise NotChecked(Unchecked.UNREADABLE, self.unreadable) from error
        return b"".join(pieces)

    def open(self, buffer: int = 1 << 16) -> BinaryIO:
        """The file for a library to read: it seeks, is metered, and can be closed."""
        return io.BufferedReader(_Metered(self), buffer)


class _Metered(io.RawIOBase):
    """Reads through the subject's budget."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self._subject = subject
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._subject.octets}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a place before the beginning of the file")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._subject.at(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
