"""Which address the local Airflow is served at.

Between the choice of a port and the moment when Airflow opens it lie many seconds. So that two
homes that start together do not choose the same one, a supervisor holds the port's name as long
as it lives: a Unix socket in the abstract name space, which ends with its process.

Source: unix(7), "Abstract sockets".
"""

from __future__ import annotations

import errno
import socket

from preservation.errors import NotNowError, UsageError
from preservation.model.deferred import dataclass
from preservation.supervise.settings import FIRST_PORT, Settings

_TRIED = 100


@dataclass(frozen=True, slots=True)
class Held:
    """A port that no other supervisor of this machine uses, as long as ``claim`` is open."""

    port: int
    claim: socket.socket


def choose(settings: Settings, last: int) -> Held:
    """The configured port; else the one of last time; else the first free one from 8080.

    ``last`` is the port of this home's last run, 0 if there was none: bookmarks stay good.

    Raises:
        NotNowError: the configured one is taken, or none of a hundred is free (``SUP-PORT``).
        UsageError: no such port or host can be opened at all.
    """
    first = range(FIRST_PORT, FIRST_PORT + _TRIED)
    tried = (settings.port,) if settings.port is not None else (last, *first) if last else first
    for port in tried:
        claim = _claim(port)
        if claim is not None:
            if is_free(settings.host, port):
                return Held(port, claim)
            claim.close()
    if settings.port is None:
        taken, hint = f"no port from {first.start} to {first.stop - 1}", "`preserve up --port N`"
        raise NotNowError(
            f"{taken} on {settings.host} is free", hint=f"choose one: {hint}", code="SUP-PORT"
        )
    raise NotNowError(
        f"port {settings.port} on {settings.host} is taken by another program",
        hint=f"stop that program, or choose another port: `preserve up --port {settings.port + 1}`",
        code="SUP-PORT",
    )


def _claim(port: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0samarkand-port-{port}")
    except OSError:
        claim.close()
        return None
    return claim


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now.

    Raises:
        UsageError: never, whatever else runs: no such host here, or no right to open the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: a connection that was closed a minute ago does not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            return False
        raise UsageError(
            f"{host}:{port} cannot be opened: {error}",
            hint="choose a port from 1024 to 65535 and an address of this machine",
            code="SUP-PORT",
        ) from error
    return True
