"""Under which account the database runs, and what that account can reach.

PostgreSQL refuses to run as root. As root we give it an account without rights of its own; then
its files, and the way to them, must be reachable for that account. The modes of folders that
are not ours are never changed for that: what cannot be reached is put where it can.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

from preservation.errors import UsageError
from preservation.model.deferred import dataclass

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine. ``other`` is True if it is not the one we run as."""

    name: str
    uid: int
    gid: int
    other: bool

    def drop(self) -> dict[str, Any]:
        """What ``subprocess`` needs to start a process under this account."""
        if not self.other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make a file or folder of ours belong to this account."""
        if self.other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def reaches(self, path: Path) -> bool:
        """Whether it can go into this folder, or run this file, by way of all folders above."""
        if not self.other:
            return os.access(path, os.X_OK)
        test = shutil.which("test")
        if test is None:
            return False
        found = subprocess.run([test, "-x", path], cwd="/", check=False, **self.drop())
        return found.returncode == 0


def ours() -> Account:
    """The account that this process runs as.

    Raises:
        UsageError: it has no entry in the list of users; PostgreSQL wants one.
    """
    return _known(os.geteuid(), other=False)


def for_database(data: Path) -> Account:
    """The account that the database in this folder runs as, there already or to be made.

    Raises:
        UsageError: the database belongs to somebody else, or no fitting account exists.
    """
    me = ours()
    owner = data.stat().st_uid if data.exists() else None
    if me.uid != 0:
        if owner not in (None, me.uid):
            raise UsageError(
                f"the database in {str(data)!r} belongs to another account (number {owner})",
                hint="run the command as that account",
                code="SUP-OWNER",
            )
        return me
    if owner:
        return _known(owner, other=True)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, other=True)
    raise UsageError(
        "there is no account that the database could run as: PostgreSQL refuses to run as root",
        hint="run the command as an ordinary user, or add an account named 'postgres'",
        code="SUP-ACCOUNT",
    )


def _known(uid: int, *, other: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise UsageError(
            f"the account number {uid} has no name on this machine: PostgreSQL wants one",
            hint="run the command as a user that is listed in the machine's accounts",
            code="SUP-ACCOUNT",
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, other=other)
