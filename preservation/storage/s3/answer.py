"""An answer: its head, and its octets as they are read.

Source: RFC 9112, section 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Self

from preservation.storage.s3.line import TOO_LONG, EndlessError, Head, Line, WireError

_NO_BODY = frozenset({204, 304})
_LENGTH = re.compile("[0-9]{1,18}")
_ENDLESS = "an answer that does not say how long it is"


class Answer:
    """An answer. Use it as a context, or close it.

    Args:
        line: over which it comes.
        method: of what was asked.
        kept: takes the connection once all was read; where it can't be used again it is closed.

    Attributes:
        status: of HTTP.
        fields: what its head says, by names in lower case.
        octets: how long the head says that it is, be there anything to come or not; None where it
            does not say.
        left: octets that are still to come; None where the head does not say.
    """

    def __init__(self, line: Line, head: Head, method: str, kept: Callable[[Line], None]) -> None:
        self.status, self.fields = head.status, head.fields
        self._line: Line | None = line
        self._kept = line.close if head.is_last else lambda: kept(line)
        length = head.fields.get("content-length", "")
        self.octets = int(length) if _LENGTH.fullmatch(length) else None
        self.left = 0 if method == "HEAD" or self.status in _NO_BODY else self.octets
        self._settle()

    def read(self, octets: int | None = None) -> bytes:
        """So many octets, or all; fewer only at the end.

        Raises:
            WireError: the connection broke before.
        """
        if self.left is None:
            raise WireError(_ENDLESS)
        wanted = self.left if octets is None else min(octets, self.left)
        pieces: list[bytes] = []
        while wanted and self._line is not None:
            data = self._line.read(wanted)
            wanted -= len(data)
            self.left -= len(data)
            pieces.append(data)
        self._settle()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, room: memoryview) -> int:
        """Fill some room; less only at the end. How many octets that were.

        Raises:
            WireError: the connection broke before.
        """
        if self.left is None:
            raise WireError(_ENDLESS)
        wanted, come = min(len(room), self.left), 0
        while come < wanted and self._line is not None:
            octets = self._line.into(room[come:wanted])
            come += octets
            self.left -= octets
        self._settle()
        return come

    def document(self, most: int) -> bytes:
        """All of it, in chunks or not.

        Raises:
            WireError: it is larger, or broken off.
        """
        if self.left is None and self._line is not None:
            if self.fields.get("transfer-encoding", "").lower() != "chunked":
                raise WireError(_ENDLESS)
            data = self._line.chunked(most)
            self.left = 0
            self._settle()
            return data
        if self.left is not None and self.left > most:
            raise EndlessError(TOO_LONG)
        return self.read()

    def _settle(self) -> None:
        """Give the connection back as soon as nothing more comes over it."""
        if self.left == 0 and self._line is not None:
            self._line = None
            self._kept()

    def close(self) -> None:
        """Let the connection go, read to its end or not."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
