"""Names: paths inside packages are bytes, and only their *display* is text.

A path inside a bag or deposit is held as ``bytes`` with ``/`` between its parts, exactly as
the depositor's file system had it. Text is for people: :func:`display` escapes whatever could
mislead a reader (controls, bidirectional overrides, bytes that are not UTF-8).
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPED = re.compile(rb"%([0-9A-F]{2})")
_PLAIN = frozenset(range(0x20, 0x7F)) - {0x25}
_MISLEADING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def display(path: bytes) -> str:
    """Spell a path for terminals, reports and logs; one line, reversible by eye."""
    text = path.decode("utf-8", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) for char in text)


def cut(text: str, most: int) -> str:
    """A long path for a line that people read: without its middle, ``most`` characters at most."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _escape(char: str) -> str:
    if unicodedata.category(char) not in _MISLEADING:
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def escaped(path: bytes) -> str:
    """Spell a path in a document so that :func:`unescaped` gives its very bytes back.

    UTF-8 stays as it is; ``%``, controls and bytes that are not UTF-8 become ``%XX``.
    """
    text = path.decode("utf-8", "surrogateescape")
    if text.isascii() and text.isprintable() and "%" not in text:
        return text
    return "".join(_as_octets(char) for char in text)


def unescaped(text: str) -> bytes:
    """The path that :func:`escaped` spelled."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("utf-8"))


def _as_octets(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"%{code - 0xDC00:02X}"
    return f"%{code:02X}" if code < 0x80 and code not in _PLAIN else char


def parts(path: bytes) -> list[bytes]:
    """The components of a path."""
    return path.split(b"/")


def is_safe(path: bytes) -> bool:
    """True for a relative path that stays inside: no empty, ``.`` or ``..`` part, no NUL."""
    # Asked of every path of every manifest: searching the octets costs a tenth of splitting them.
    whole = b"/%b/" % path
    return not (b"//" in whole or b"/./" in whole or b"/../" in whole or b"\0" in whole)
