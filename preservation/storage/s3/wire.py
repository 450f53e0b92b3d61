"""Requests and answers over connections that are kept, and no more of HTTP than S3 needs.

An answer of which anything is odd is none: who asked then asks by a library that knows all of
HTTP. Octets come and go without being copied.

Source: RFC 9112, sections 2 to 6.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Self
from urllib.parse import urlsplit

Octets = bytes | bytearray | memoryview

_CONNECT, _WAIT = 10, 60  # seconds; as the client of boto3 has them
_HEAD = 64 << 10  # octets of an answer's head
_AT_ONCE = 1 << 20  # octets received at once
_ANNOUNCED, _TRAILERS = 8, 64  # more of them are no service's
_KEPT = 16  # connections
_TOGETHER = 64 << 10  # octets that are sent as one where each sending is dear
_BUFFERS = 512  # that the system takes at once
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_FIRST = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_NO_BODY = frozenset({204, 304})


class WireError(ConnectionError):
    """No answer, or none that can be understood here."""


class Wire:
    """Connections to one service. Safe to use from several threads.

    Args:
        endpoint: the service's URL.

    Attributes:
        host: the service's, with its port where that is not the usual one.
        below: what every path begins with.

    Raises:
        ValueError: it is another kind of URL.
    """

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        known = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        if not known or parts.query or not endpoint.isascii() or not endpoint.isprintable():
            raise ValueError(endpoint)
        self.below = parts.path.rstrip("/")
        self._is_tls = parts.scheme == "https"
        usual = 443 if self._is_tls else 80
        name, self._port = parts.hostname or "", parts.port or usual
        self._name = name
        shown = f"[{name}]" if ":" in name else name
        self.host = shown if self._port == usual else f"{shown}:{self._port}"
        self._tls: Any = None
        self._idle: deque[_Line] = deque(maxlen=_KEPT)
        weakref.finalize(self, _close, self._idle)

    def ask(
        self,
        method: str,
        target: str,
        head: str,
        body: Sequence[Octets] = (),
    ) -> Answer:
        """Send a request, and read the head of what is answered.

        Args:
            target: path and query.
            head: the lines after the first, each with its end.
            body: sent one after the other; it may be sent twice, where a kept connection turns
                out to be closed.

        Raises:
            WireError: no answer came, or none that is understood here.
        """
        octets = sum(memoryview(each).nbytes for each in body)
        length = f"Content-Length: {octets}\r\n" if method in ("PUT", "POST") else ""
        said = f"{method} {target} HTTP/1.1\r\n{head}{length}\r\n".encode("latin-1")
        with suppress(IndexError):
            line = self._idle.pop()
            try:
                return self._answer(line, method, said, body)
            except WireError:
                if line.heard:
                    raise
                # It was closed while nobody used it, and nothing was answered: once more.
        return self._answer(self._new(), method, said, body)

    def _answer(self, line: _Line, method: str, said: bytes, body: Sequence[Octets]) -> Answer:
        try:
            line.send([said, *body])
            answer = line.answer(method)
        except BaseException:
            line.close()
            raise
        answer.pool = self._idle
        answer.settle()
        return answer

    def _new(self) -> _Line:
        try:
            plain = socket.create_connection((self._name, self._port), _CONNECT)
        except OSError as error:
            raise WireError(str(error)) from error
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if not self._is_tls:
                return _Plain(plain)
            plain.settimeout(_WAIT)
            return _Line(self._context().wrap_socket(plain, server_hostname=self._name))
        except (OSError, ValueError) as error:
            plain.close()
            raise WireError(str(error)) from error

    def _context(self) -> Any:
        """What boto3's own connections are made with, certificates and all."""
        if self._tls is None:
            theirs: Any = import_module("botocore.httpsession")
            named = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
            bundle = named or theirs.get_cert_path(True)
            context = theirs.create_urllib3_context()
            context.verify_mode = 2  # ssl.CERT_REQUIRED
            context.check_hostname = True
            context.load_verify_locations(**{_kind(bundle): bundle})
            self._tls = context
        return self._tls


def leads_there(environment: Mapping[str, str]) -> bool:
    """Whether nothing stands between us and services: proxies are a library's to deal with."""
    return not any(value and name.lower() in _PROXIES for name, value in environment.items())


def _kind(bundle: str) -> str:
    return "capath" if os.path.isdir(bundle) else "cafile"


def _close(lines: deque[_Line]) -> None:
    while lines:
        lines.pop().close()


class _Line:
    """One connection.

    Attributes:
        heard: whether anything has come over it since something was sent.
    """

    def __init__(self, to: Any) -> None:
        self._to = to
        self._rest = b""
        self.heard = False

    def send(self, pieces: Sequence[Octets]) -> None:
        self.heard = False
        try:
            self._send(pieces)
        except OSError as error:
            raise WireError(str(error)) from error

    def _send(self, pieces: Sequence[Octets]) -> None:
        if sum(len(piece) for piece in pieces) <= _TOGETHER:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            self._to.sendall(piece)

    def answer(self, method: str) -> Answer:
        """The head of an answer; those that only announce another one are passed over."""
        for _ in range(_ANNOUNCED):
            status, is_last, fields = self._fields()
            if status >= 200:
                return Answer(self, status, fields, method, is_last=is_last)
        raise WireError("answers that announce another one, and no other")

    def _fields(self) -> tuple[int, bool, dict[str, str]]:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _HEAD:
                raise WireError("an answer whose head has no end")
            data += self._come(_HEAD)
        self._rest = data[end + 4 :]
        first, *lines = data[:end].split(b"\r\n")
        begins = _FIRST.fullmatch(first)
        found = [_FIELD.fullmatch(line) for line in lines]
        if begins is None or not all(found):
            raise WireError("an answer that is none of HTTP")
        fields: dict[str, str] = {}
        for each in found:
            if each is not None:
                name, value = each[1].decode("latin-1").lower(), each[2].decode("latin-1").rstrip()
                if name in ("content-length", "etag") and fields.get(name, value) != value:
                    raise WireError(f"an answer with more than one {name}")
                fields[name] = value
        is_last = begins[1] == b"0" or "close" in fields.get("connection", "").lower()
        return int(begins[2]), is_last, fields

    def _come(self, octets: int) -> bytes:
        try:
            data: bytes = self._to.recv(octets)
        except OSError as error:
            raise WireError(str(error)) from error
        if not data:
            raise WireError("the connection was closed")
        self.heard = True
        return data

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
        try:
            come: int = self._fill(room)
        except OSError as error:
            raise WireError(str(error)) from error
        if not come:
            raise WireError("the connection was closed")
        return come

    def _fill(self, room: memoryview) -> int:
        return int(self._to.recv_into(room))

    def chunked(self, most: int) -> bytes:
        """A body in chunks, up to its end."""
        pieces: list[bytes] = []
        octets = 0
        while size := self._chunk_size():
            octets += size
            if octets > most:
                raise WireError("an answer that is too long")
            pieces.append(self._exactly(size))
            if self._row():
                raise WireError("an answer that is none of HTTP")
        for _ in range(_TRAILERS):
            if not self._row():
                return b"".join(pieces)
        raise WireError("an answer that has no end")

    def _chunk_size(self) -> int:
        digits = self._row().partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", digits):
            raise WireError("an answer that is none of HTTP")
        return int(digits, 16)

    def _row(self) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            if len(self._rest) > _HEAD:
                raise WireError("an answer that is none of HTTP")
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
    def is_clean(self) -> bool:
        """Whether nothing has come that nobody asked for."""
        return not self._rest

    def close(self) -> None:
        with suppress(OSError):
            self._to.close()


class _Plain(_Line):
    """A connection without TLS: the system waits, sends many buffers at once, fills a whole one."""

    def __init__(self, to: socket.socket) -> None:
        super().__init__(to)
        to.settimeout(None)
        for way in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            to.setsockopt(socket.SOL_SOCKET, way, struct.pack("ll", _WAIT, 0))

    def _send(self, pieces: Sequence[Octets]) -> None:
        left = deque(memoryview(piece).cast("B") for piece in pieces if len(piece))
        while left:
            some = [left.popleft() for _ in range(min(len(left), _BUFFERS))]
            sent = self._to.sendmsg(some)
            while some and sent >= some[0].nbytes:
                sent -= some.pop(0).nbytes
            if some:
                some[0] = some[0][sent:]
            left.extendleft(reversed(some))

    def _fill(self, room: memoryview) -> int:
        return int(self._to.recv_into(room, len(room), socket.MSG_WAITALL))


class Answer:
    """An answer: its head, and its octets as they are read. Use it as a context, or close it.

    Attributes:
        status: of HTTP.
        fields: what its head says, by names in lower case.
        left: octets that are still to come; None where the head does not say.
        pool: where its connection goes once all was read.
    """

    def __init__(
        self, line: _Line, status: int, fields: dict[str, str], method: str, *, is_last: bool
    ) -> None:
        self.status, self.fields = status, fields
        self.pool: deque[_Line] | None = None
        self._line: _Line | None = line
        self._is_last = is_last
        length = fields.get("content-length", "")
        self.left: int | None = int(length) if re.fullmatch("[0-9]{1,18}", length) else None
        if "transfer-encoding" in fields:
            self.left = None
        if method == "HEAD" or status in _NO_BODY:
            self.left = 0

    def read(self, octets: int | None = None) -> bytes:
        """So many octets, or all; fewer only at the end.

        Raises:
            WireError: the connection broke before.
        """
        if self.left is None:
            raise WireError("an answer that does not say how long it is")
        wanted = self.left if octets is None else min(octets, self.left)
        pieces: list[bytes] = []
        while wanted and self._line is not None:
            data = self._line.read(wanted)
            wanted -= len(data)
            self.left -= len(data)
            pieces.append(data)
        self.settle()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, room: memoryview) -> int:
        """Fill some room; less only at the end. How many octets that were.

        Raises:
            WireError: the connection broke before.
        """
        if self.left is None:
            raise WireError("an answer that does not say how long it is")
        wanted, come = min(len(room), self.left), 0
        while come < wanted and self._line is not None:
            octets = self._line.into(room[come:wanted])
            come += octets
            self.left -= octets
        self.settle()
        return come

    def document(self, most: int) -> bytes:
        """All of it, in chunks or not.

        Raises:
            WireError: it is larger, or broken off.
        """
        if self.left is None and self._line is not None:
            if self.fields.get("transfer-encoding", "").lower() != "chunked":
                raise WireError("an answer that does not say how long it is")
            data = self._line.chunked(most)
            self.left = 0
            self.settle()
            return data
        if self.left is not None and self.left > most:
            raise WireError("an answer that is too long")
        return self.read()

    def settle(self) -> None:
        """Give the connection back as soon as nothing more comes over it."""
        if self.left == 0 and self._line is not None:
            line, self._line = self._line, None
            if self._is_last or not line.is_clean or self.pool is None:
                line.close()
            else:
                self.pool.append(line)

    def close(self) -> None:
        """Let the connection go, read to its end or not."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
