"""Which URLs of a ``fetch.txt`` the policy lets us fetch, and from which addresses. No I/O.

A depositor writes the URLs. So nothing is asked of a host that the policy does not name, and
no address that means this machine or its own network, unless the policy names the host as an
internal one: else a deposit could read what only we can reach.

Source: RFC 8493 sections 2.2.3 and 5.2.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from preservation.model.deferred import dataclass
from preservation.policy.policy import FetchRules

_PORTS = {"http": 80, "https": 443}


class RefusedError(Exception):
    """The policy does not allow a URL, for this reason."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for.

    Attributes:
        host: lower case, without port.
        target: path and query, as a request has them.
        internal: the policy says that its addresses may be private.
    """

    url: str
    scheme: str
    host: str
    port: int
    target: str
    internal: bool

    @property
    def name(self) -> str:
        """The host as a request names it."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


def target_of(url: str, rules: FetchRules) -> Target:
    """What a URL leads to.

    Raises:
        RefusedError: the policy does not allow it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedError("not a URL that we understand") from error
    scheme = parts.scheme.lower()
    if scheme not in rules.schemes:
        raise RefusedError(f"the policy does not allow the scheme {scheme!r}")
    if parts.username is not None or parts.password is not None:
        raise RefusedError("a URL with a user's name or password")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise RefusedError("a URL with characters that must be percent-encoded")
    host = (parts.hostname or "").rstrip(".")
    request = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(url, scheme, host, port or _PORTS[scheme], request, internal=False)
    # A host on a port of its own is another host: the policy names it with its port.
    if target.name in rules.internal:
        return replace(target, internal=True)
    if target.name not in rules.hosts:
        raise RefusedError(f"the policy does not name the host {target.name!r}")
    return target


def redirected(target: Target, location: str, rules: FetchRules) -> Target:
    """Where a redirect leads: judged like the first URL, and never from https to http.

    Raises:
        RefusedError: the policy does not allow it.
    """
    try:
        following = target_of(urljoin(target.url, location), rules)
    except ValueError as error:
        raise RefusedError("a redirect to what is no URL") from error
    if target.scheme == "https" and following.scheme != "https":
        raise RefusedError("a redirect from https to http")
    return following
