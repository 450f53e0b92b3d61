"""Whose certificates are believed."""

from __future__ import annotations

import ssl

from preservation.notices.message import UndeliveredError


def trusted(ca: str, table: str) -> ssl.SSLContext:
    """What a server's certificate is held against: the system's, or a file of the operator's.

    Raises:
        UndeliveredError: the file that ``table`` of the settings names cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:  # ssl.SSLError is one
        raise UndeliveredError(
            f"the certificates that `ca` of {table} names cannot be read",
            hint="name a file of PEM certificates that this account can read",
        ) from error
