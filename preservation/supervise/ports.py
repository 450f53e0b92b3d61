"""Which address the local Airflow is served at."""

from __future__ import annotations

import errno
import socket

from preservation.errors import NotNowError, UsageError
from preservation.supervise.settings import FIRST_PORT, Settings

_TRIED = 100


def choose(settings: Settings, last: int) -> int:
    """The configured port; else the one of last time; else the first free one from 8080.

    ``last`` is the port of this home's last run, 0 if there was none: bookmarks stay good.

    Raises:
        NotNowError: the configured one is taken, or none of a hundred is free (``SUP-PORT``).
        UsageError: no such port or host can be opened at all.
    """
    if settings.port is not None:
        if not is_free(settings.host, settings.port):
            raise NotNowError(
                f"port {settings.port} on {settings.host} is taken by another program",
                hint="stop that program, or choose another port: `preserve up --port"
                f" {settings.port + 1}`",
                code="SUP-PORT",
            )
        return settings.port
    first = range(FIRST_PORT, FIRST_PORT + _TRIED)
    for port in (last, *first) if last else first:
        if is_free(settings.host, port):
            return port
    raise NotNowError(
        f"no port from {first.start} to {first.stop - 1} on {settings.host} is free",
        hint="choose one yourself: `preserve up --port N`",
        code="SUP-PORT",
    )


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
