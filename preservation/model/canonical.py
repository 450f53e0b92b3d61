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

_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
)
_PLAIN = frozenset({str, bool, type(None)})  # nothing to look at
_ARRAYS = (list, tuple)
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
        if isinstance(one, int):
            if not -_LARGEST <= one <= _LARGEST:
                raise MalformedError(f"canonical JSON: integer out of range: {one}")
        elif isinstance(one, dict):
            _refuse_keys(one)
            waiting += [inner for inner in one.values() if type(inner) not in _PLAIN]
        elif isinstance(one, _ARRAYS):
            waiting += [inner for inner in one if type(inner) not in _PLAIN]
        elif not (one is None or isinstance(one, str)):
            raise MalformedError(f"canonical JSON: no place for {type(one).__name__}")


def _refuse_keys(value: dict[Any, Any]) -> None:
    try:
        good = "".join(value).isascii()  # all at once
    except TypeError:
        good = False
    if not good:
        bad = next(key for key in value if not (isinstance(key, str) and key.isascii()))
        raise MalformedError(f"canonical JSON: key is not ASCII text: {bad!r}")
