"""Only what is ours is ever signalled: processes by identity, and all that they left behind.

A process number says nothing: it is used again. So a process is remembered by number, start time
and boot (``preservation.files.process``), looked at again through a handle that pins it
(``pidfd``), and only then signalled. What a dead component left behind is found by its session
and by a mark in its environment.

Source: pidfd_open(2), pidfd_send_signal(2), proc(5).
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from preservation.files import process
from preservation.model.deferred import dataclass

MARK = "SAMARKAND_SUPERVISED"
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Stat:
    """One line of ``/proc/<pid>/stat``, as far as we need it. ``started`` is in clock ticks."""

    pid: int
    parent: int
    session: int
    started: int


def runs(who: str) -> bool:
    """Whether the process of an identity still runs here.

    The host's name in it is not compared, for a laptop may get another between two commands:
    the boot and the start time in it are no other machine's.
    """
    number, mark = _parts(who)
    return bool(number) and process.alive(f"{socket.gethostname()}:{number}:{mark}") is True


def number_of(who: str) -> int:
    """The process number in an identity; 0 if there is none."""
    return _parts(who)[0]


def _parts(who: str) -> tuple[int, str]:
    head, _, mark = who.rpartition(":")
    number = head.rpartition(":")[2]
    return (int(number) if number.isdecimal() else 0), mark


def born(who: str) -> float:
    """When a process started: seconds since 1970, rounded down. Infinite if it is not known."""
    ticks = _parts(who)[1].rpartition("-")[2]
    for line in Path("/proc/stat").read_text("ascii").splitlines():
        if line.startswith("btime ") and ticks.isdecimal():
            return int(line.split()[1]) + int(ticks) // os.sysconf("SC_CLK_TCK") - 1
    return float("inf")


def send(who: str, what: signal.Signals) -> bool:
    """Signal a process if it is still the one meant.

    Returns:
        False if it is gone; then nothing was signalled.
    """
    try:
        handle = os.pidfd_open(number_of(who))
    except (OSError, ValueError):
        return False
    try:
        # The handle pins whatever has the number now; only then is it asked who it is.
        if not runs(who):
            return False
        signal.pidfd_send_signal(handle, what)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def everyone() -> Iterator[Stat]:
    """All processes that can be seen, in no order."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            found = look(int(name))
            if found is not None:
                yield found


def look(pid: int) -> Stat | None:
    """What the kernel says about a process; None if it ended, waited for or not."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = line.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return None
    return Stat(pid, int(fields[1]), int(fields[3]), int(fields[19]))


def session_of(leader: str) -> list[str]:
    """Identities of all processes in the session that this process leads, or led.

    The kernel gives a session's number to nobody else while one member lives. Once all are gone
    it may: then whoever leads it now has another start time, and nobody there is ours.
    """
    number, mark = _parts(leader)
    started = mark.rpartition("-")[2]
    if not number or not started.isdecimal() or not _same_boot(mark):
        return []
    now = look(number)
    if now is not None and now.started != int(started):
        return []
    return _identities(
        stat.pid
        for stat in everyone()
        if stat.session == number and stat.started >= int(started) and _same_user(stat.pid)
    )


def marked(token: str) -> list[str]:
    """Identities of all processes that were started with our mark and this token."""
    wanted = f"{MARK}={token}".encode()
    return _identities(stat.pid for stat in everyone() if wanted in _environment(stat.pid))


def children() -> list[str]:
    """Identities of this process's own children, those that it adopted included."""
    mine = os.getpid()
    return _identities(stat.pid for stat in everyone() if stat.parent == mine)


def wait_until_gone(whom: Sequence[str] | Callable[[], Iterable[str]], seconds: float) -> bool:
    """Wait until none of them runs, or nothing is found any more, for so long at most."""
    end = time.monotonic() + seconds
    while any(runs(who) for who in (whom() if callable(whom) else whom)):
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_AGAIN_SECONDS)
    return True


def reap() -> dict[int, int]:
    """Take leave of children that ended: their process numbers and exit codes (minus signals).

    For the supervisor alone: in any other process it would take somebody else's children.
    """
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def _identities(pids: Iterable[int]) -> list[str]:
    found = []
    for pid in pids:
        try:
            found.append(process.identity(pid))
        except ProcessLookupError:
            continue
    return found


def _same_boot(mark: str) -> bool:
    return process.identity().rpartition(":")[2].partition("-")[0] == mark.partition("-")[0]


def _same_user(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid == os.geteuid()
    except OSError:
        return False


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
