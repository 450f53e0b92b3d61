"""Inboxes: what is waiting, whether it is complete, and one row for each deposit.

A deposit is a folder or a serialised package (a tar, packed or not, or a zip) directly in a
community's inbox. Names that begin with a dot are not deposits. The row is made at arrival,
with a reserved AIP UUID, so that a retry never makes a second AIP and an unchanged deposit is
never read again.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from preservation.errors import NotNowError
from preservation.ingest.beside import is_beside, times
from preservation.ingest.examine import Examined, examine
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding
from preservation.model.names import display
from preservation.policy.policy import Intake, Limits

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK_NS = 20_000_000  # twice the longest tick of Linux (CONFIG_HZ=100)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something in an inbox.

    Attributes:
        name: printable.
        examined: of a folder: what the walk saw; of a container: its size and times only.
    """

    path: Path
    name: str
    examined: Examined


def look(inbox: Path, marker: str) -> Iterator[Path]:
    """Everything in an inbox but names that begin with a dot, completion markers, and digests that
    lie beside what they are about.

    Raises:
        NotNowError: there is no such folder (``DEP-NO-INBOX``): not mounted, perhaps.
    """
    try:
        names = sorted(os.listdir(os.fsencode(inbox)))
    except OSError as error:
        raise NotNowError(
            f"the inbox {inbox} cannot be listed: {error.strerror}",
            hint="make the folder, or mount what holds it",
            code="DEP-NO-INBOX",
        ) from error
    all_names = frozenset(names)
    for name in names:
        is_marker = bool(marker) and name.endswith(os.fsencode(marker))
        if not (name.startswith(b".") or is_marker or is_beside(name, all_names)):
            yield inbox / os.fsdecode(name)


def candidate(path: Path, limits: Limits) -> Candidate:
    """Look at one deposit.

    A folder that may not be listed is a finding; it is told to the depositor like any other.

    Raises:
        NotNowError: it vanished, or cannot be seen at all (``DEP-GONE``).
    """
    path = Path(os.path.abspath(path))  # one deposit, wherever the process stands
    name = display(os.fsencode(path.name))
    try:
        if not is_folder(path):
            return Candidate(path, name, _examine_single(path, name))
        try:
            return Candidate(path, name, examine(path, limits))
        except OSError as error:
            return Candidate(path, name, _denied(path, name, error))
    except OSError as error:
        raise NotNowError(
            f"the deposit {display(os.fsencode(path))} cannot be read: {error.strerror}",
            hint="look at its path and permissions",
            code="DEP-GONE",
        ) from error


def is_complete(found: Candidate, intake: Intake, now: datetime) -> bool:
    """Whether the depositor has finished, by the policy's rule.

    A marker lies in a folder deposit, or beside a container with the marker as its suffix.
    """
    if intake.marker:
        if is_folder(found.path):
            return os.path.lexists(found.path / intake.marker)
        return os.path.lexists(found.path.with_name(found.path.name + intake.marker))
    last = timedelta(microseconds=found.examined.newest_ns // 1000)
    return now - _EPOCH - last >= intake.quiet


def rest(found: Candidate, beside: Path) -> bool:
    """Wait for a moment if the deposit changed just now.

    The kernel's file times advance in ticks: a change made in the tick of the latest one would
    have the same time, and could not be noticed.

    Args:
        beside: a folder of ours; touching it tells the file system's idea of now.

    Returns:
        Whether it waited: then the candidate has to be looked at again.
    """
    os.utime(beside)
    since = beside.stat().st_ctime_ns - found.examined.newest_ns
    if not 0 <= since < _TICK_NS:
        return False
    time.sleep(_TICK_NS / 1_000_000_000)
    return True


def is_folder(path: Path) -> bool:
    """Whether a folder, and no link to one, has the name.

    Raises:
        OSError: nothing has it, or it cannot be looked at.
    """
    return stat.S_ISDIR(path.lstat().st_mode)


def _denied(path: Path, name: str, error: OSError) -> Examined:
    facts = path.lstat()
    signature = f"denied {facts.st_ctime_ns} {facts.st_ino}"
    seen = Examined(newest_ns=facts.st_ctime_ns, signature=signature, openable=False)
    message = f"cannot be listed: {error.strerror}"
    hint = "give the archive's account the right to read it"
    seen.findings.append(Finding("DEP-UNREADABLE", name, message, hint))
    return seen


def _examine_single(path: Path, name: str) -> Examined:
    """A container by its size and times: it is known by its content, when it is opened.

    What is neither a regular file nor a folder is no deposit.
    """
    facts = path.lstat()
    own = f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"
    seen = Examined(
        files=1,
        octets=facts.st_size,
        newest_ns=facts.st_ctime_ns,
        signature="\n".join((f"single {own}", *times(path))),
    )
    if not stat.S_ISREG(facts.st_mode):
        seen.openable = False
        seen.findings.append(
            Finding(
                "DEP-NOT-A-DEPOSIT",
                name,
                "neither a folder nor a file",
                "put what it stands for into a folder of its own",
            )
        )
    return seen
