"""Connections to hosts that somebody else named: addresses judged, and an end in any case.

The name is resolved once; each address is judged, and the connection is made to the very
address that was judged, so that a name that changes its mind (DNS rebinding) gains nothing.
Proxies of the environment are not used: they would resolve the name again.

Source: RFC 6890 (special addresses), RFC 6052 (NAT64).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class PrivateAddressError(Exception):
    """A host that had to be a public one has an address that is not."""


def connected(host: str, port: int, patience: float, *, private: bool) -> socket.socket:
    """A connection to one of the host's addresses.

    Args:
        patience: seconds of silence after which an address is given up.
        private: whether addresses may be of this machine or its own network.

    Raises:
        PrivateAddressError: an address is not public. A public name with a private address is
            an attack or a mistake; neither is guessed.
        OSError: no such host, or none of its addresses answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not addresses or not (private or all(map(is_public, addresses))):
        raise PrivateAddressError(f"{host} has an address that is not public")
    last: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=patience)
        except OSError as error:
            last = error
    raise last or OSError("no address")


@contextmanager
def shut_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection when the time is over: a drip of octets resets every time-out."""
    guard = connection.dup()
    watch = threading.Timer(seconds, _shut, [guard])
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        guard.close()


def _shut(guard: socket.socket) -> None:
    with suppress(OSError):
        guard.shutdown(socket.SHUT_RDWR)


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, whatever it is wrapped in."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed.teredo is not None:
            inner = parsed.teredo[1]
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None and not _plainly_public(inner):
            return False
    return _plainly_public(parsed)


def _plainly_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)
