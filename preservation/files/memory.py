"""Memory that is freed and wanted again a moment later.

The C library gives a freed piece of half a mebibyte back to the system, and the next one comes page
by page, each one zeroed: for streams that hold some such pieces at a time that is a fifth of all
processor time. Told to, it keeps some.

Source: mallopt(3), ``M_TRIM_THRESHOLD``, ``M_MMAP_THRESHOLD``.
"""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM, _MMAP = -1, -3  # glibc's malloc.h
KEPT = 64 << 20  # octets that stay with the process at most
_PIECE = 4 << 20  # octets of a piece; larger ones are the system's as before


@cache
def keep_what_is_freed() -> bool:
    """Have the C library keep up to 64 MiB of what was freed, for all of this process, from now
    on; again is nothing. False where it can't be told: another C library.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_TRIM, KEPT) and mallopt(_MMAP, _PIECE))
