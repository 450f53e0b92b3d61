"""Stands between ``fixity`` and a Storage Service, on loopback.

``fixity`` knows no time-out, follows redirects and writes keys into addresses. So it is given
an address of ours and no key: what it may ask is about one package, what it asks is asked for
it, with the key as a header and within limits, and what it reports is taken here.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from preservation.errors import TierUnavailableError
from preservation.storage.archivematica.service import Answer, StorageService

_DETAIL = 60.0  # seconds
_MOST = 16 << 20  # octets of a report


class Gateway:
    """One package's way to the service.

    Attributes:
        url: what ``fixity`` is given as the service's address.
        report: the last report that it posted after the check; None before.
        error: why the service could not be asked; None if it could.
    """

    def __init__(self, service: StorageService, package: str, within: float) -> None:
        self.url = ""
        self.report: bytes | None = None
        self.error: TierUnavailableError | None = None
        self._service = service
        # Another account of this machine can reach the port, but does not know the path.
        self._room = f"/{os.urandom(16).hex()}/"
        self._paths = {
            f"api/v2/file/{package}/": _DETAIL,
            f"api/v2/file/{package}/check_fixity/": within,
        }
        self._reports = f"api/fixity/{package}"

    def opened_at(self, port: int) -> None:
        """Note where the gateway listens."""
        self.url = f"http://127.0.0.1:{port}{self._room}"

    def ask(self, target: str) -> Answer:
        """What the service answers to what ``fixity`` asks."""
        path = urlsplit(target).path.removeprefix(self._room)
        within = self._paths.get(path) if target.startswith(self._room) else None
        if within is None:
            return Answer(404, b"{}")
        try:
            answer = self._service.get(path, None, within)
        except TierUnavailableError as error:
            self.error = error
            return Answer(503, b"{}")
        if answer.status != 200:
            self.error = self._service.refused(answer.status)
        return answer

    def take(self, target: str, body: bytes) -> int:
        """Take a report; the status to answer."""
        if target != self._room + self._reports:
            return 404
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return 400
        # Before the check it only says when that began.
        if isinstance(document, dict) and "success" in document:
            self.report = body
        return 201


class _Handler(BaseHTTPRequestHandler):
    timeout = 60
    gateway: Gateway

    def do_GET(self) -> None:
        answer = self.gateway.ask(self.path)
        self._answer(answer.status, answer.body)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST:
            self._answer(413, b"{}")
            return
        self._answer(self.gateway.take(self.path, self.rfile.read(int(length))), b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing of it is anybody's business."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A program that was stopped leaves its connection; that is all there is to it."""


@contextmanager
def between(service: StorageService, package: str, within: float) -> Iterator[Gateway]:
    """Open a way to the service for one package, and close it at the end of the block."""
    made = Gateway(service, package, within)

    class Handler(_Handler):
        gateway = made

    with _Server(("127.0.0.1", 0), Handler) as here:
        made.opened_at(here.server_port)
        threading.Thread(
            target=here.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        try:
            yield made
        finally:
            here.shutdown()
