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

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_PLAIN = frozenset({str, bool, type(None)})  # nothing to look at
_LARGEST = 2**53 - 1


def canonical(value: Any) -> bytes:
    """Encode a value, UTF-8, no trailing newline.

    Raises:
        MalformedError: a float, a key that is not ASCII, an integer beyond 2**53 - 1,
            a lone surrogate, or a type that JSON does not have.
    """
    _refuse(value)
    text = _ENCODER.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedError(f"canonical JSON: not Unicode text: {error.object!r}") from error


def digest_of(value: Any) -> Digest:
    """SHA-256 over the canonical bytes."""
    return Digest(Algorithm.SHA256, hashlib.sha256(canonical(value)).digest())


def _refuse(value: Any) -> None:
    waiting = [value]
    for one in waiting:  # it grows while it is walked: a call for each would cost more
        if type(one) in _PLAIN:
            continue
        if isinstance(one, dict):
            for key in one:
                if not (isinstance(key, str) and key.isascii()):
                    raise MalformedError(f"canonical JSON: key is not ASCII text: {key!r}")
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, int):
            if not -_LARGEST <= one <= _LARGEST:
                raise MalformedError(f"canonical JSON: integer out of range: {one}")
        elif not isinstance(one, str):
            raise MalformedError(f"canonical JSON: no place for {type(one).__name__}")
