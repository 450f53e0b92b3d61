"""Web hooks: one JSON document by POST, to exactly the address that was named.

No redirect is followed: it would carry findings to whoever the server names. Plain HTTP and
addresses of this machine or its own network only where the operator's settings allow the host.
The answer's content means nothing and is not read.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import SplitResult, urlsplit

from preservation.files import connecting
from preservation.model.deferred import dataclass
from preservation.notices.message import Message, UndeliveredError, seen
from preservation.notices.trust import trusted

_PORTS = {"http": 80, "https": 443}
_PATIENCE = 15.0  # seconds of silence
_ALTOGETHER = 60.0  # seconds for one message
_NAMED = "hook:"


@dataclass(frozen=True, slots=True)
class HookSettings:
    """What the operator says about hooks.

    Attributes:
        named: addresses by the name that policies use for them.
        allowed: ``host`` or ``host:port`` that may be reached by HTTP, and at private addresses.
        ca: a file of certificates to trust instead of the system's; may be empty.
    """

    named: Mapping[str, str] = field(default_factory=dict, repr=False)
    allowed: frozenset[str] = frozenset()
    ca: str = ""


class Hooks:
    """Hands messages to web hooks."""

    def __init__(self, settings: HookSettings) -> None:
        self._settings = settings

    def send(self, message: Message) -> None:
        """See ``Post.send``."""
        target = self._target(message.to)
        body = json.dumps(message.to_json(), ensure_ascii=False).encode()
        try:
            status = self._posted(target, body)
        except connecting.PrivateAddressError as error:
            hint = "add it to `allow` of [hooks]"
            raise _undelivered(target, "has an address that is not public", hint) from error
        except ssl.SSLCertVerificationError as error:
            told = "shows a certificate that is not trusted"
            hint = "look at the address of the hook, or name its certificates as `ca` of [hooks]"
            raise _undelivered(target, told, hint) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            told = f"does not answer: {type(error).__name__}"
            raise _undelivered(target, told, "the next run tries again") from error
        if not 200 <= status < 300:
            moved = ": redirects are not followed" if 300 <= status < 400 else ""
            hint = "look at the address of the hook, and at its server"
            raise _undelivered(target, f"answers {status}{moved}", hint)

    def _target(self, to: str) -> SplitResult:
        url = to
        if to.startswith(_NAMED):
            url = self._settings.named.get(to.removeprefix(_NAMED), "")
        try:
            target = urlsplit(url)
            right = target.scheme in _PORTS and bool(target.hostname) and target.port != 0
        except ValueError:
            right = False
        if not right or not url.isascii() or target.username is not None:
            raise UndeliveredError(
                f"{seen(to)} leads to no address", hint="name it in [hooks] of samarkand.toml"
            )
        if target.scheme == "http" and not self._is_allowed(target):
            raise _undelivered(target, "is not encrypted", "use https, or `allow` of [hooks]")
        return target

    def _is_allowed(self, target: SplitResult) -> bool:
        host = target.hostname or ""
        return host in self._settings.allowed or f"{host}:{_port(target)}" in self._settings.allowed

    def _posted(self, target: SplitResult, body: bytes) -> int:
        host, port = target.hostname or "", _port(target)
        private = self._is_allowed(target)
        opened = connecting.connected(host, port, _PATIENCE, private=private)
        connection = http.client.HTTPConnection(host, port)
        try:
            with connecting.shut_after(_ALTOGETHER, opened):
                connection.sock = self._secured(opened, target)
                path = (target.path or "/") + (f"?{target.query}" if target.query else "")
                connection.request("POST", path, body, _headers(target))
                with connection.getresponse() as answer:
                    return answer.status
        finally:
            connection.close()
            opened.close()

    def _secured(self, opened: socket.socket, target: SplitResult) -> socket.socket:
        if target.scheme != "https":
            return opened
        context = trusted(self._settings.ca, "[hooks]")
        return context.wrap_socket(opened, server_hostname=target.hostname)


def _headers(target: SplitResult) -> dict[str, str]:
    host, port = target.hostname or "", _port(target)
    host = f"[{host}]" if ":" in host else host
    return {
        "Host": host if port == _PORTS[target.scheme] else f"{host}:{port}",
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "samarkand (notices)",
        "Connection": "close",
    }


def _port(target: SplitResult) -> int:
    return target.port or _PORTS[target.scheme]


def _undelivered(target: SplitResult, told: str, hint: str) -> UndeliveredError:
    """Names the host alone: what follows it may be a secret."""
    return UndeliveredError(f"the hook at {target.hostname} {told}", hint=hint)
