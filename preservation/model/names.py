"""Names: paths inside packages are bytes, and only their *display* is text.

A path inside a bag or deposit is held as ``bytes`` with ``/`` between its parts, exactly as
the depositor's file system had it. Text is for people: :func:`display` escapes whatever could
mislead a reader (controls, bidirectional overrides, bytes that are not UTF-8).
"""

from __future__ import annotations

import unicodedata

_MISLEADING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def display(path: bytes) -> str:
    """Spell a path for terminals, reports and logs; one line, reversible by eye."""
    text = path.decode("utf-8", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) for char in text)


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


def parts(path: bytes) -> list[bytes]:
    """The components of a path."""
    return path.split(b"/")


def is_safe(path: bytes) -> bool:
    """True for a relative path that stays inside: no empty, ``.`` or ``..`` part, no NUL."""
    # Asked of every path of every manifest: searching the octets costs a tenth of splitting them.
    whole = b"/%b/" % path
    return not (b"//" in whole or b"/./" in whole or b"/../" in whole or b"\0" in whole)
