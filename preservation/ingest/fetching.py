"""Fetches one file over HTTP into a file of ours, within limits of size and time.

Addresses are judged (``preservation.files.connecting``), and whatever a server does, the
connection ends at the deadline.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from preservation.errors import NotNowError
from preservation.files import connecting, durable
from preservation.ingest.fetch_rules import RefusedError, Target, redirected, target_of
from preservation.model.deferred import dataclass
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
    connection = http.client.HTTPConnection(target.host, target.port)
    try:
        with connecting.shut_after(left, connected):
            connection.sock = _secured(connected, target)
            connection.request("GET", target.target, headers={"Host": target.name, **_HEADERS})
            yield connection.getresponse()
    finally:
        connection.close()
        connected.close()


def _connected(target: Target, patience: float) -> socket.socket:
    try:
        return connecting.connected(target.host, target.port, patience, private=target.internal)
    except connecting.PrivateAddressError as error:
        raise RefusedError(str(error)) from error


def _secured(connected: socket.socket, target: Target) -> socket.socket:
    if target.scheme != "https":
        return connected
    return ssl.create_default_context().wrap_socket(connected, server_hostname=target.host)


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
