"""Who a process is: host, number and start time, so that a number used again fools nobody.

Source: proc(5), ``/proc/<pid>/stat`` field 22 (start time in clock ticks since boot) and
``/proc/sys/kernel/random/boot_id``.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from preservation.errors import NotNowError


def identity(pid: int | None = None) -> str:
    """Spell a process, this one by default: ``<host>:<pid>:<boot>-<start>``.

    Raises:
        ProcessLookupError: there is no such process.
        NotNowError: not even this one is to be seen (``FS-NO-PROC``).
    """
    number = os.getpid() if pid is None else pid
    started = _started(number)
    if started is None and pid is None:
        raise NotNowError(
            "no process can be told from another one here: /proc is not mounted",
            hint="mount it (`mount -t proc proc /proc`); leases need it, so that no two processes "
            "are at one thing",
            code="FS-NO-PROC",
        )
    if started is None:
        raise ProcessLookupError(f"no process {number}")
    return f"{socket.gethostname()}:{number}:{started}"


def alive(who: str) -> bool | None:
    """Whether the process of an identity still runs.

    Returns:
        None where that can't be seen from here: it ran on another host, or the text is no
        identity. A process that ended and was not waited for is not alive.
    """
    host, _, rest = who.rpartition(":")[0].rpartition(":")
    number, started = rest, who.rpartition(":")[2]
    if host != socket.gethostname() or not number.isdecimal():
        return None
    return _started(int(number)) == started


def _started(pid: int) -> str | None:
    """``<boot>-<ticks>`` of a process that runs; None if none does."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = line.rpartition(")")[2].split()  # the name before it may hold anything, even ")"
    state, ticks = fields[0], fields[19]
    return None if state in ("Z", "X") else f"{boot[:8]}-{ticks}"
