"""Inboxes: what is waiting, whether it is complete, and one row for each deposit.

A deposit is a folder or a serialised package (``.tar``, ``.tar.gz``, ``.zip``, …) directly in
a community's inbox. Names that begin with a dot are not deposits. The row is made at arrival,
with a reserved AIP UUID, so that a retry never makes a second AIP and an unchanged deposit is
never read again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from preservation.errors import NotNowError
from preservation.ingest.examine import Examined, examine
from preservation.ingest.unpack import is_serialised
from preservation.model.finding import Finding
from preservation.model.names import display
from preservation.policy.policy import Intake, Limits


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
    """Everything in an inbox but names that begin with a dot, and completion markers.

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
    for name in names:
        is_marker = bool(marker) and name.endswith(os.fsencode(marker))
        if not name.startswith(b".") and not is_marker:
            yield inbox / os.fsdecode(name)


def candidate(path: Path, limits: Limits) -> Candidate:
    """Look at one deposit.

    Raises:
        NotNowError: it vanished, or may not be read (``DEP-GONE``).
    """
    name = display(os.fsencode(path.name))
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            return Candidate(path, name, examine(path, limits))
        return Candidate(path, name, _examine_single(path, name))
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
        if found.path.is_dir():
            return (found.path / intake.marker).exists()
        return found.path.with_name(found.path.name + intake.marker).exists()
    seconds, nanoseconds = divmod(found.examined.newest_ns, 1_000_000_000)
    last = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=nanoseconds // 1000)
    return now - last >= intake.quiet


def _examine_single(path: Path, name: str) -> Examined:
    """A container by its size and times; anything else that is not a folder is no deposit."""
    facts = path.lstat()
    times = f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"
    seen = Examined(
        files=1,
        octets=facts.st_size,
        newest_ns=max(facts.st_mtime_ns, facts.st_ctime_ns),
        signature=f"single {times}",
    )
    if not (stat.S_ISREG(facts.st_mode) and is_serialised(path.name)):
        seen.findings.append(
            Finding(
                "DEP-NOT-A-DEPOSIT",
                name,
                "neither a folder nor a container that we can open",
                "put it into a folder of its own; containers are tar, tar.gz, tar.bz2, tar.xz, zip",
            )
        )
    return seen
