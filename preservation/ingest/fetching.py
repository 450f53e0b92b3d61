"""Fetches one file over HTTP into a file of ours, within limits of size and time.

The name is resolved once; each address is judged, and the connection is made to the very
address that was judged, so that a name that changes its mind (DNS rebinding) gains nothing.
Proxies of the environment are not used: they would resolve the name again.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from preservation.errors import NotNowError
from preservation.files import durable
from preservation.ingest.fetch_rules import RefusedError, Target, is_public, redirected, target_of
from preservation.policy.policy import FetchRules

REDIRECTS = 5
_PIECE = 1 << 18
_SILENCE = 60.0  # seconds without an octet, after which a server is given up
_MOVED = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429})  # a retry may help, as after every 5xx
_HEADERS = {
    "Accept-Encoding": "identity",
    "User-Agent": "samarkand (BagIt fetch.txt)",
    "Connection": "close",
}


class FailedError(Exception):
    """The server's answer is not the file, and asking again won't help."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of ``fetch.txt``.

    Attributes:
        octets: as announced; None for ``-``.
        path: relative to the bag.
    """

    url: str
    octets: int | None
    path: bytes


def fetch(wanted: Wanted, fd: int, most: int, rules: FetchRules, deadline: float) -> int:
    """Fetch into an open file; returns how many octets came.

    Args:
        most: octets that it may have at most.
        deadline: by ``time.monotonic()``.

    Raises:
        RefusedError: the policy does not allow it, or a redirect.
        FailedError: no such file, or not of the announced length.
        NotNowError: the server or the network is in the way (``DEP-FETCH-LATER``).
    """
    target = target_of(wanted.url, rules)
    for _ in range(REDIRECTS + 1):
        try:
            with _answer(target, deadline) as answer:
                if answer.status not in _MOVED:
                    octets = _received(answer, wanted, fd, most)
                    if time.monotonic() >= deadline:
                        raise TimeoutError  # what ended then may have been cut off by us
                    return octets
                location = answer.getheader("Location", "")
        except (OSError, http.client.HTTPException) as error:
            told = "it took too long" if time.monotonic() >= deadline else _words(error)
            raise _later(target, told) from error
        target = redirected(target, location, rules)
    raise FailedError(f"more than {REDIRECTS} redirects")


@contextmanager
def _answer(target: Target, deadline: float) -> Iterator[http.client.HTTPResponse]:
    """Ask for the target; whatever happens, the connection is shut at the deadline."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connected = _connected(target, min(left, _SILENCE))
    guard = connected.dup()
    watch = threading.Timer(left, _shut, [guard])
    watch.daemon = True
    watch.start()
    connection = http.client.HTTPConnection(target.host, target.port)
    try:
        connection.sock = _secured(connected, target)
        connection.request("GET", target.target, headers={"Host": target.name, **_HEADERS})
        yield connection.getresponse()
    finally:
        watch.cancel()
        connection.close()
        connected.close()
        guard.close()


def _connected(target: Target, patience: float) -> socket.socket:
    """A connection to one of the host's addresses, each of them judged."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    allowed = [one for one in addresses if target.internal or is_public(one)]
    if len(allowed) < len(addresses) or not allowed:
        # A public name with a private address is an attack or a mistake; neither is guessed.
        raise RefusedError(f"{target.host} has an address that is not public")
    last: OSError | None = None
    for address in allowed:
        try:
            return socket.create_connection((address, target.port), timeout=patience)
        except OSError as error:
            last = error
    raise last or OSError("no address")


def _secured(connected: socket.socket, target: Target) -> socket.socket:
    if target.scheme != "https":
        return connected
    return ssl.create_default_context().wrap_socket(connected, server_hostname=target.host)


def _shut(guard: socket.socket) -> None:
    with suppress(OSError):
        guard.shutdown(socket.SHUT_RDWR)


def _received(answer: http.client.HTTPResponse, wanted: Wanted, fd: int, most: int) -> int:
    if answer.status >= 500 or answer.status in _LATER:
        raise http.client.HTTPException(f"it answered {answer.status}")
    if answer.status != 200:
        raise FailedError(f"the server answered {answer.status}")
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise FailedError("the server sent it packed, though it was asked not to")
    room = most if wanted.octets is None else wanted.octets
    announced = answer.length
    if announced is not None and wanted.octets not in (None, announced):
        raise FailedError(f"{announced} octets there, {wanted.octets} announced in fetch.txt")
    came = 0
    while data := answer.read(min(_PIECE, room + 1 - came)):
        came += len(data)
        if came > room:
            raise FailedError(f"more than {room} octets")
        durable.write_all(fd, data)
    if announced is not None and answer.length:  # octets still to come
        raise http.client.IncompleteRead(b"", answer.length)
    if wanted.octets not in (None, came):
        raise FailedError(f"{came} octets came, {wanted.octets} announced in fetch.txt")
    os.fsync(fd)
    return came


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or repr(error)


def _later(target: Target, told: str) -> NotNowError:
    return NotNowError(
        f"{target.host} does not give a file that fetch.txt names: {told}",
        hint="the next run asks again; nothing was taken in",
        code="DEP-FETCH-LATER",
    )
