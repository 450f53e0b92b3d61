"""A proxy between a client and an S3 server that does one kind of harm at a time.

Whole requests and answers pass through it, so that it can do what a network and a bad service
do: cut, delay, refuse, lie, lose the answer to a write that was stored, show an old listing.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length"}


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def writes(self) -> bool:
        return self.method in ("PUT", "POST", "DELETE")

    @property
    def lists(self) -> bool:
        return self.method == "GET" and "list-type=2" in self.path

    @property
    def reads_tar(self) -> bool:
        return self.method == "GET" and ".tar" in self.path and "uploads" not in self.path


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Cut(Exception):  # noqa: N818 (not an error: the harm itself)
    """Close the connection without an answer."""


Forward = Callable[[Request], Answer]
Fault = Callable[[Request, Forward], Answer]


@dataclass
class Proxy:
    """What the harm is now, and how often it was done."""

    endpoint: str
    fault: Fault | None = None
    left: int = 0  # requests that it is still done to
    wanted: Callable[[Request], bool] = lambda _: True
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def harm(
        self, fault: Fault, times: int, wanted: Callable[[Request], bool] = lambda _: True
    ) -> None:
        """Do it to so many requests of a kind from now on."""
        with self.lock:
            self.fault, self.left, self.wanted, self.done = fault, times, wanted, 0

    def heal(self) -> int:
        """Stop; how often it was done."""
        with self.lock:
            self.fault = None
            return self.done

    def takes(self, request: Request) -> Fault | None:
        with self.lock:
            if self.fault is None or not self.left or not self.wanted(request):
                return None
            self.left -= 1
            self.done += 1
            return self.fault


@contextmanager
def proxied(server: str) -> Iterator[Proxy]:
    """Stand in front of a server."""
    target = urlsplit(server).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, dict(self.headers), body)
            fault = proxy.takes(request)
            try:
                said = fault(request, forward) if fault else forward(request)
            except Cut:
                self.close_connection = True
                return
            self.send_response_only(said.status)
            length = said.headers.pop("x-claimed-length", str(len(said.body)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            if self.command == "HEAD":
                length = said.headers.get("Content-Length", length)
            else:
                self.send_header("Content-Length", length)
            self.end_headers()
            # After HEAD the next answer would begin with it.
            self.wfile.write(b"" if self.command == "HEAD" else said.body)
            if length != str(len(said.body)) and self.command != "HEAD":
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

        def handle_expect_100(self) -> bool:
            return super().handle_expect_100()

        def log_message(self, *_: object) -> None:
            pass

    def forward(request: Request) -> Answer:
        connection = http.client.HTTPConnection(target, timeout=60)
        try:
            kept = {k: v for k, v in request.headers.items() if k.lower() not in HOP}
            connection.request(request.method, request.path, request.body, kept)
            said = connection.getresponse()
            headers = {
                k: v
                for k, v in said.getheaders()
                if k.lower() not in HOP or (request.method == "HEAD" and k == "Content-Length")
            }
            return Answer(said.status, headers, said.read())
        finally:
            connection.close()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that went away is what is tested here."""

    with Server(("127.0.0.1", 0), Handler) as here:
        threading.Thread(target=here.serve_forever, daemon=True).start()
        proxy = Proxy(f"http://127.0.0.1:{here.server_port}")
        try:
            yield proxy
        finally:
            here.shutdown()


def error(status: int, code: str, **headers: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return Answer(status, {"Content-Type": "application/xml", **headers}, body)


def cut_before(request: Request, forward: Forward) -> Answer:
    """Nothing reaches the server."""
    raise Cut


def lost_reply(request: Request, forward: Forward) -> Answer:
    """The server does it; nobody hears."""
    forward(request)
    raise Cut


def failing(request: Request, forward: Forward) -> Answer:
    return error(500, "InternalError")


def overloaded(request: Request, forward: Forward) -> Answer:
    return error(503, "SlowDown", **{"Retry-After": "1"})


def denied(request: Request, forward: Forward) -> Answer:
    return error(403, "AccessDenied")


def slow(request: Request, forward: Forward) -> Answer:
    time.sleep(0.3)
    return forward(request)


def twice(request: Request, forward: Forward) -> Answer:
    """A request that the network delivers two times."""
    forward(request)
    return forward(request)


def truncated(request: Request, forward: Forward) -> Answer:
    """Half of the answer, then the connection closes."""
    said = forward(request)
    claimed = str(len(said.body))
    return Answer(
        said.status, said.headers | {"x-claimed-length": claimed}, said.body[: len(said.body) // 2]
    )


def shortened(request: Request, forward: Forward) -> Answer:
    """Half of the answer, as if it were all."""
    said = forward(request)
    return Answer(said.status, said.headers, said.body[: len(said.body) // 2])


def wrong_octets(request: Request, forward: Forward) -> Answer:
    """One bit of the answer is another."""
    said = forward(request)
    body = bytearray(said.body)
    if body:
        body[len(body) // 2] ^= 1
    return Answer(said.status, said.headers, bytes(body))


def empty_listing(request: Request, forward: Forward) -> Answer:
    """A listing from before anything was there."""
    body = (
        b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
    )
    return Answer(200, {"Content-Type": "application/xml"}, body)


def still_cold(request: Request, forward: Forward) -> Answer:
    """What was recalled is under way, however fast the server is."""
    said = forward(request)
    for name in said.headers:
        if name.lower() == "x-amz-restore":
            said.headers[name] = 'ongoing-request="true"'
    return said


def not_s3(request: Request, forward: Forward) -> Answer:
    """A captive portal."""
    return Answer(200, {"Content-Type": "text/html"}, b"<html>please log in</html>")
