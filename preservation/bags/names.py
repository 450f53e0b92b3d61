"""Names that are not UTF-8 in bags, whose manifests are: encoded part by part, and mapped back.

An encoded part begins with ``non-utf8=``. What is UTF-8 in it stays, ``=`` becomes ``=3D``, every
other octet ``=XX``. A part that begins so already is encoded too, so no two names ever become
one. One that would be longer than a file system holds becomes ``non-utf8==`` and its SHA-256.
Which path was which stands in the bag: :mod:`preservation.bags.tree`.

Source: ``docs/formats/bag.md``.
"""

from __future__ import annotations

import hashlib

from preservation.model.names import parts

MARK = b"non-utf8="
LONGEST = 255  # octets of one part, on every file system that we know


def kept_path(path: bytes) -> bytes:
    """The path under which a bag keeps a file, if names may be encoded. Mostly the same."""
    if MARK not in path and is_utf8(path):
        return path
    return b"/".join(_kept(part) for part in parts(path))


def is_utf8(path: bytes) -> bool:
    """Whether a manifest can hold the path as it is."""
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _kept(part: bytes) -> bytes:
    if is_utf8(part) and not part.startswith(MARK):
        return part
    text = part.decode("utf-8", "surrogateescape")
    encoded = MARK + "".join(_encoded(char) for char in text).encode()
    if len(encoded) <= LONGEST:
        return encoded
    return MARK + b"=" + hashlib.sha256(part).hexdigest().encode()


def _encoded(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"={code - 0xDC00:02X}"
    return "=3D" if char == "=" else char
