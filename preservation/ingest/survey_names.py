"""What may go wrong with a name: on other systems, in other tools, before other eyes.

Pure: bytes in, codes out. A name is one component of a path.

Source: RFC 8493 section 2.1.3 (percent-encoding), section 5.2 (names across systems);
Unicode Standard Annex 9 (bidirectional controls); Windows naming rules.
"""

from __future__ import annotations

import re
import unicodedata

LONG_NAME = 240  # octets: most file systems stop at 255, and tools add suffixes
LONG_PATH = 260  # characters: where Windows stops unless told otherwise

_PLAIN = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE)
_FORBIDDEN = frozenset('<>:"|?*\\')
_JOINERS = frozenset("\u200c\u200d")  # spelling needs them in Persian, Hindi and others


def hazards_of(name: bytes) -> list[str]:
    """The codes of everything that is risky about one name, usually none."""
    if _PLAIN.fullmatch(name) and not name.endswith(b".") and not _RESERVED.match(name.decode()):
        return []
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        found = ["SUR-NAME-UTF8"]
        text = name.decode("utf-8", "replace")
    else:
        found = []
    found += _of_characters(text)
    if text.rstrip(" .") != text or text.startswith(" "):
        found.append("SUR-NAME-EDGE")
    if _RESERVED.fullmatch(text) or not _FORBIDDEN.isdisjoint(text):
        found.append("SUR-NAME-WINDOWS")
    if len(name) > LONG_NAME:
        found.append("SUR-NAME-LONG")
    if "%" in text:
        found.append("SUR-NAME-PERCENT")
    return found


def _of_characters(text: str) -> list[str]:
    if text.isascii() and text.isprintable():
        return []
    categories = {unicodedata.category(char) for char in text if char not in _JOINERS}
    found = []
    if "Cc" in categories:
        found.append("SUR-NAME-CONTROL")
    if categories & {"Cf", "Zl", "Zp"}:
        found.append("SUR-NAME-INVISIBLE")
    return found


def is_long_path(path: bytes) -> bool:
    """True if the whole path is longer than some systems can hold."""
    return len(path) > LONG_PATH and len(path.decode("utf-8", "replace")) > LONG_PATH


def folded(name: bytes) -> bytes:
    """What a name shares with its twins: the same letters in another case or composition."""
    if name.isascii():
        return name.lower()
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return name
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).encode()


def composed(name: bytes) -> bytes:
    """The name in composed form (NFC); two names that share it look the same."""
    try:
        return unicodedata.normalize("NFC", name.decode("utf-8")).encode()
    except UnicodeDecodeError:
        return name


def extension_of(path: bytes) -> str:
    """The extension to count by: lower case; numbers and long or odd ones are put together."""
    name = path.rpartition(b"/")[2]
    stem, dot, extension = name.rpartition(b".")
    if not dot or not stem or not extension:
        return ""
    if extension.isdigit():
        return "(number)"
    if len(extension) > 12 or not extension.isalnum():
        return "(other)"
    return extension.decode("ascii").lower()
