"""Path patterns of a profile, over octets.

``*`` stands for any characters, the slash among them: the specification calls ``['*']`` "all tag
files", and its reference validator reads patterns so. ``?`` is one character, ``[…]`` one of a set.

Source: BagIt Profiles 1.4.0, Tag-Files-Allowed and Payload-Files-Allowed; glob(7).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable

LONGEST = 1000  # characters of one pattern
MOST = 1000  # patterns with wildcards in one list: each path is held against all of them
_WILD = re.compile(r"[*?\[]")


def is_wild(text: str) -> bool:
    """Whether it is a pattern rather than a path."""
    return _WILD.search(text) is not None


def matcher(patterns: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a path matches any of the patterns. The price of one path is linear."""
    plain: set[str] = set()
    wild: list[str] = []
    for pattern in patterns:
        if is_wild(pattern):
            wild.append(fnmatch.translate(pattern))  # atomic groups: no backtracking
        else:
            plain.add(pattern)
    any_of = re.compile("|".join(wild)) if wild else None

    def matches(path: bytes) -> bool:
        text = path.decode("utf-8", "surrogateescape")
        return text in plain or (any_of is not None and any_of.match(text) is not None)

    return matches
