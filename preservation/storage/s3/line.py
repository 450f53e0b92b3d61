"""One connection, over which requests go and answers come, and no more of HTTP than S3 needs.

An answer of which anything is odd is none: who asked then asks by a library that knows all of
HTTP. Octets come and go without being copied.

Source: RFC 9112, sections 2 to 7; RFC 9110, section 5.3.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from preservation.files import stopping
from preservation.model.deferred import dataclass

Octets = bytes | bytearray | memoryview

WAIT = 60  # seconds without an octet
LONG = 2 * WAIT  # seconds of waiting for octets, after which they have to come faster than
SLOWEST = 1 << 10  # octets in a second
LONGEST = 3600  # seconds of waiting for an answer that may come as slowly as it likes
_HEAD = 64 << 10  # octets of an answer's head
_AT_ONCE = 1 << 20  # octets received at once
_ANNOUNCED, _TRAILERS = 8, 64  # more of them are no service's
_TOGETHER = 64 << 10  # octets that are sent as one where each sending is dear
_BUFFERS = 512  # that the system takes at once
_FIRST = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,15}")
TOO_SLOW = "an answer that comes too slowly"
TOO_LONG = "an answer that is too long"
_NO_HTTP = "an answer that is none of HTTP"


class WireError(ConnectionError):
    """No answer, or none that can be understood here."""


class EndlessError(WireError):
    """Something that goes on and on: a library would wait for its end for ever."""


@dataclass(frozen=True, slots=True)
class Head:
    """What an answer begins with.

    Attributes:
        is_last: nothing more comes over this connection.
        fields: by names in lower case.
    """

    status: int
    is_last: bool
    fields: dict[str, str]


class Line:
    """A connection with TLS. One thread uses it at a time.

    Attributes:
        heard: whether anything has come over it since something was sent.
    """

    def __init__(self, to: Any) -> None:
        self._to = to
        self._rest = b""
        self.heard = False
        self._limit = self._waited = 0.0
        self._come_in = 0
        stopping.heed(self)

    def send(self, pieces: Sequence[Octets], *, patiently: bool = False) -> None:
        """Send octets that are answered.

        Args:
            patiently: the answer may come as slowly as it likes, for an hour: a service joins
                parts for minutes, and sends blanks meanwhile.

        Raises:
            WireError: they can't be sent.
        """
        self.heard = False
        self._limit = LONGEST if patiently else LONG
        self._waited, self._come_in = 0.0, 0
        try:
            self._send(pieces)
        except EndlessError:
            raise
        except OSError as error:
            raise WireError(str(error)) from error

    def _send(self, pieces: Sequence[Octets]) -> None:
        if sum(len(piece) for piece in pieces) <= _TOGETHER:
            pieces = [b"".join(pieces)]
        taking = _Taking()
        for piece in pieces:
            view = memoryview(piece).cast("B")
            for at in range(0, len(view), _AT_ONCE):
                self._to.sendall(view[at : at + _AT_ONCE])
                taking.count(len(view[at : at + _AT_ONCE]))

    def head(self) -> Head:
        """What is answered; heads that only announce another one are passed over.

        Raises:
            WireError: nothing is, or it can't be understood here.
        """
        for _ in range(_ANNOUNCED):
            head = self._one_head()
            if head.status >= 200:
                return head
        raise EndlessError("answers that announce another one, and no other")

    def _one_head(self) -> Head:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _HEAD:
                raise EndlessError("an answer whose head has no end")
            data += self._come(_HEAD)
        self._rest = data[end + 4 :]
        first, *lines = data[:end].split(b"\r\n")
        begins = _FIRST.fullmatch(first)
        if begins is None:
            raise WireError(_NO_HTTP)
        fields = _fields(lines)
        is_last = begins[1] == b"0" or "close" in fields.get("connection", "").lower()
        return Head(int(begins[2]), is_last, fields)

    def read(self, octets: int) -> bytes:
        """At most so many octets; one at least."""
        data, self._rest = self._rest[:octets], self._rest[octets:]
        return data or self._come(min(octets, _AT_ONCE))

    def into(self, room: memoryview) -> int:
        """Fill some room, or as much of it as has come; how many octets that were."""
        data = self._rest
        if data:
            octets = min(len(data), len(room))
            room[:octets], self._rest = data[:octets], data[octets:]
            return octets
        since = time.monotonic()
        try:
            come: int = self._fill(room)
        except OSError as error:
            raise WireError(str(error)) from error
        self._count(come, since)
        return come

    def _fill(self, room: memoryview) -> int:
        return int(self._to.recv_into(room))

    def _come(self, octets: int) -> bytes:
        since = time.monotonic()
        try:
            data: bytes = self._to.recv(octets)
        except OSError as error:
            raise WireError(str(error)) from error
        self._count(len(data), since)
        return data

    def _count(self, octets: int, since: float) -> None:
        """Only waiting counts: whoever reads may take their time."""
        if not octets:
            raise WireError("the connection was closed")
        self.heard = True
        self._come_in += octets
        self._waited += time.monotonic() - since
        if self._waited > self._limit and self._come_in < self._waited * SLOWEST:
            raise EndlessError(TOO_SLOW)

    def chunked(self, most: int) -> bytes:
        """A body in chunks, up to its end.

        Raises:
            WireError: it is longer, or broken off.
        """
        pieces: list[bytes] = []
        octets = 0
        while size := self._chunk_size():
            octets += size
            if octets > most:
                raise EndlessError(TOO_LONG)
            pieces.append(self._exactly(size))
            if self._row():
                raise WireError(_NO_HTTP)
        for _ in range(_TRAILERS):
            if not self._row():
                return b"".join(pieces)
        raise EndlessError("an answer that has no end")

    def _chunk_size(self) -> int:
        digits = self._row().partition(b";")[0].strip()
        if not _CHUNK.fullmatch(digits):
            raise WireError(_NO_HTTP)
        return int(digits, 16)

    def _row(self) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            if len(self._rest) > _HEAD:
                raise WireError(_NO_HTTP)
            self._rest += self._come(_HEAD)
        row, self._rest = self._rest[:end], self._rest[end + 2 :]
        return row

    def _exactly(self, octets: int) -> bytes:
        pieces: list[bytes] = []
        while octets:
            pieces.append(self.read(octets))
            octets -= len(pieces[-1])
        return b"".join(pieces)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come that nobody asked for, the other side's leaving included: it
        would be taken for the next answer.
        """
        if self._rest or self._is_decrypted():
            return False
        look = select.poll()
        look.register(self._to, select.POLLIN)
        return not look.poll(0)

    def _is_decrypted(self) -> bool:
        return bool(self._to.pending())

    def close(self) -> None:
        """Let it go."""
        with suppress(OSError):
            self._to.close()

    def stop(self) -> None:
        """End whatever somebody waits for here, from another thread."""
        with suppress(OSError):
            socket.socket.shutdown(self._to, socket.SHUT_RDWR)  # TLS has words of its own for it


class PlainLine(Line):
    """One without TLS: the system waits, sends many buffers at once, fills a whole one."""

    def __init__(self, to: socket.socket) -> None:
        super().__init__(to)
        to.settimeout(None)
        for way in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            to.setsockopt(socket.SOL_SOCKET, way, struct.pack("ll", WAIT, 0))

    def _send(self, pieces: Sequence[Octets]) -> None:
        left = deque(memoryview(piece).cast("B") for piece in pieces if len(piece))
        taking = _Taking()
        while left:
            some = [left.popleft() for _ in range(min(len(left), _BUFFERS))]
            sent = self._to.sendmsg(some)
            taking.count(sent)
            while some and sent >= some[0].nbytes:
                sent -= some.pop(0).nbytes
            if some:
                some[0] = some[0][sent:]
            left.extendleft(reversed(some))

    def _fill(self, room: memoryview) -> int:
        return int(self._to.recv_into(room, len(room), socket.MSG_WAITALL))

    def _is_decrypted(self) -> bool:
        return False


class _Taking:
    """How fast the other side takes what it is sent: what is not sent is waited for."""

    def __init__(self) -> None:
        self._since, self._octets = time.monotonic(), 0

    def count(self, octets: int) -> None:
        """So many more were taken.

        Raises:
            EndlessError: too few, since the sending began.
        """
        self._octets += octets
        waited = time.monotonic() - self._since
        if waited > LONG and self._octets < waited * SLOWEST:
            raise EndlessError("it takes what it is sent too slowly")


def _fields(lines: Sequence[bytes]) -> dict[str, str]:
    """A head's fields; what is said several times is one list.

    Raises:
        WireError: one is none, or they disagree about where the answer ends, or what it is.
    """
    fields: dict[str, str] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise WireError(_NO_HTTP)
        name, value = found[1].decode("latin-1").lower(), found[2].decode("latin-1").rstrip()
        if fields.get(name, value) == value:
            fields[name] = value
        elif name in ("content-length", "etag"):
            raise WireError(f"an answer with more than one {name}")
        else:
            fields[name] = f"{fields[name]}, {value}"
    if "transfer-encoding" in fields and "content-length" in fields:
        raise WireError("an answer with two lengths")
    return fields
