"""How long the files of one deposit may keep the format tools busy beyond what they are worth.

Each file has a deadline, so that none takes long. Thousands of such files would, together: a
deposit of a few megabytes could hold up an archive for days.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from preservation.files.workers import Item
from preservation.formats.request import Request

SECONDS = 900.0  # that one deposit may lose
_EACH = 2.0  # seconds that any file may take before it counts as lost time
_OCTETS_PER_SECOND = 5_000_000  # and beyond that for its size; sound files are far faster


class DepositPatience:
    """Adds up the time that files took beyond measure. Safe to use from several threads.

    Args:
        seconds: after so many, the rest of the deposit's files are not asked about.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._left = seconds
        self._lock = threading.Lock()

    @property
    def spent(self) -> bool:
        """Whether the deposit has lost all the time it may."""
        return self._left <= 0

    def took(self, items: Sequence[Item], seconds: float) -> None:
        """Note what a question about some files cost."""
        beyond = seconds - _EACH * len(items)
        if beyond > 0:  # seldom, so that sizes are seldom asked for
            requests = filter(None, map(Request.from_json, items))
            beyond -= sum(map(octets_of, requests)) / _OCTETS_PER_SECOND
        if beyond > 0:
            with self._lock:
                self._left -= beyond


def octets_of(request: Request) -> int:
    """A file's size, 0 where it cannot be seen."""
    try:
        return os.lstat(os.path.join(request.root, request.path)).st_size
    except (OSError, ValueError):
        return 0
