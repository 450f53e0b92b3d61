"""Canonical JSON: one byte sequence for one value, so that it can be hashed and signed.

A subset of RFC 8785 (JCS): objects with ASCII keys, strings, integers below 2**53, booleans,
null, arrays. Within it ``json.dumps`` with sorted keys gives exactly the bytes of the RFC.
Floats are refused: two writers would never agree on them for fifty years.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from preservation.errors import MalformedError
from preservation.model.digest import Algorithm, Digest

_LARGEST = 2**53 - 1


def canonical(value: Any) -> bytes:
    """Encode a value, UTF-8, no trailing newline.

    Raises:
        MalformedError: a float, a key that is not ASCII, an integer beyond 2**53 - 1,
            a lone surrogate, or a type that JSON does not have.
    """
    _refuse(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedError(f"canonical JSON: not Unicode text: {error.object!r}") from error


def digest_of(value: Any) -> Digest:
    """SHA-256 over the canonical bytes."""
    return Digest(Algorithm.SHA256, hashlib.sha256(canonical(value)).digest())


def _refuse(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise MalformedError(f"canonical JSON: key is not ASCII text: {key!r}")
            if type(inner) is not str:  # most are, and a call costs more than the look
                _refuse(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse(inner)
    elif isinstance(value, int):
        if abs(value) > _LARGEST:
            raise MalformedError(f"canonical JSON: integer out of range: {value}")
    elif not (value is None or isinstance(value, str)):
        raise MalformedError(f"canonical JSON: no place for {type(value).__name__}")
