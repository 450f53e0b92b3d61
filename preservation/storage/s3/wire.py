"""Connections to one service, which are kept.

Source: RFC 9110, section 9.2.2; RFC 9112, section 9.3.
"""

from __future__ import annotations

import os
import socket
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from preservation.storage.s3.answer import Answer
from preservation.storage.s3.line import WAIT, EndlessError, Line, Octets, PlainLine, WireError
from preservation.storage.s3.waiting import Going

CONNECT = 10  # seconds
KEPT = 16  # connections
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


class Wire:
    """Connections to one service. Safe to use from several threads, and in a fork.

    Args:
        endpoint: the service's URL.

    Attributes:
        host: the service's, with its port where that is not the usual one.
        below: what every path begins with.
        going: whether anything is to be asked.

    Raises:
        ValueError: it is another kind of URL.
    """

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        known = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        if not known or parts.query or not endpoint.isascii() or not endpoint.isprintable():
            raise ValueError(endpoint)
        self.below = parts.path.rstrip("/")
        self.going = Going()
        self._is_tls = parts.scheme == "https"
        usual = 443 if self._is_tls else 80
        name, self._port = parts.hostname or "", parts.port or usual
        self._name = name
        shown = f"[{name}]" if ":" in name else name
        self.host = shown if self._port == usual else f"{shown}:{self._port}"
        self._tls: Any = None
        self._idle: deque[Line] = deque()
        self._process = os.getpid()
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
            StoppedError: nobody wants it any more.
        """
        octets = sum(memoryview(each).nbytes for each in body)
        length = f"Content-Length: {octets}\r\n" if method in ("PUT", "POST") else ""
        said = f"{method} {target} HTTP/1.1\r\n{head}{length}\r\n".encode("latin-1")
        line = self._quiet()
        if line is not None:
            try:
                return self._answer(line, method, said, body)
            except WireError as error:
                if line.heard or isinstance(error, EndlessError):
                    raise
                # It was closed while nobody used it, and nothing was answered: once more.
        return self._answer(self._new(), method, said, body)

    def _answer(self, line: Line, method: str, said: bytes, body: Sequence[Octets]) -> Answer:
        try:
            self.going.expect()  # now that the line would be stopped, too
            line.send([said, *body], patiently=method == "POST")
            return Answer(line, line.head(), method, self._keep)
        except BaseException:
            line.close()
            raise

    def _quiet(self) -> Line | None:
        """A kept connection over which nothing came since; None if there is none."""
        if self._process != os.getpid():
            _close(self._idle)  # the process that this one was forked from uses them
            self._process = os.getpid()
        while self._idle:
            try:
                line = self._idle.pop()
            except IndexError:  # another thread was faster
                return None
            if line.is_quiet:
                return line
            line.close()
        return None

    def _keep(self, line: Line) -> None:
        if len(self._idle) < KEPT:
            self._idle.append(line)
        else:
            line.close()

    def _new(self) -> Line:
        try:
            plain = socket.create_connection((self._name, self._port), CONNECT)
        except OSError as error:
            raise WireError(str(error)) from error
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if not self._is_tls:
                return PlainLine(plain)
            plain.settimeout(WAIT)
            return Line(self._context().wrap_socket(plain, server_hostname=self._name))
        except (OSError, ValueError) as error:
            plain.close()
            raise WireError(str(error)) from error

    def _context(self) -> Any:
        """What boto3's own connections are made with, certificates and all."""
        if self._tls is None:
            theirs: Any = import_module("botocore.httpsession")
            bundle = named_bundle() or theirs.get_cert_path(True)
            context = theirs.create_urllib3_context()
            context.verify_mode = 2  # ssl.CERT_REQUIRED
            context.check_hostname = True
            context.load_verify_locations(**{_kind(bundle): bundle})
            self._tls = context
        return self._tls


def named_bundle() -> str:
    """The certificates that the environment says to trust; empty: it says nothing."""
    return os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or ""


def leads_there(environment: Mapping[str, str]) -> bool:
    """Whether nothing stands between us and services: proxies are a library's to deal with."""
    return not any(value and name.lower() in _PROXIES for name, value in environment.items())


def _kind(bundle: str) -> str:
    return "capath" if os.path.isdir(bundle) else "cafile"


def _close(lines: deque[Line]) -> None:
    while lines:
        lines.pop().close()
