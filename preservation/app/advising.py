"""What policy files allow, and nobody can want: by the files alone, and by the home at hand."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from preservation.app.answering import PATIENCE, in_time
from preservation.app.apart import entangled
from preservation.app.home import Home, find_home
from preservation.app.notifying import unheard
from preservation.app.planning import nearest
from preservation.catalogue.sql import open_catalogue
from preservation.errors import HomeNotFoundError, SamarkandError
from preservation.policy.advice import advice
from preservation.policy.check import Checked
from preservation.policy.policy import Policy
from preservation.storage.mount import mount_of


def advise(path: Path, checked: Checked) -> list[str]:
    """Advice about policy files, each sentence with its community.

    Args:
        path: of a home; what it holds and where its folders lie is looked at, if it is there.
    """
    try:
        home = find_home(path)
        with closing(open_catalogue(home.catalogue_url)) as catalogue:
            held = catalogue.prospects.octets()
    except HomeNotFoundError:
        return advice(checked.effective)
    except SamarkandError as error:
        unasked = f"what the home holds was not looked at: {error.message}"
        return [*advice(checked.effective), unasked]
    policies = [Policy.from_effective(one) for _, one in sorted(checked.effective.items())]
    told = _where_folders_lie(home, policies)
    return [*told, *advice(checked.effective, held), *unheard(home, policies)]


def _of_folders(home: Home, policies: Iterable[Policy]) -> list[str]:
    known = list(policies)
    told = [f"`policy apply` would refuse: {one}" for one in entangled(home, known)]
    return [*told, *_astray(home, known)]


def _where_folders_lie(home: Home, policies: Iterable[Policy]) -> list[str]:
    try:
        return in_time(partial(_of_folders, home, policies))
    except TimeoutError:
        unseen = f"where tiers and inboxes lie was not looked at: no answer in {PATIENCE:.0f} s"
        return [f"{unseen}; is a file server away?"]


def of_home(home: Home, policies: Iterable[Policy]) -> list[str]:
    """Advice that only a home can give: who would not be reached, what could not be moved."""
    known = list(policies)
    return [*unheard(home, known), *_astray(home, known)]


def _astray(home: Home, policies: Iterable[Policy]) -> Iterator[str]:
    """Deposits are released by a rename, which reaches no other file system."""
    for policy in policies:
        release, inbox = policy.intake.release, home.path / policy.intake.inbox
        folder = home.path / release.to
        if release.mode == "move" and _file_system(inbox) != _file_system(folder):
            yield (
                f"{policy.community}: intake.release.to is {release.to}, on another file system "
                f"than the inbox {policy.intake.inbox}: deposits cannot be moved there, and stay; "
                "choose a folder on the inbox's file system"
            )


def _file_system(path: Path) -> tuple[int, str]:
    """Where a folder lies, or will lie once it is made."""
    there = nearest(path)
    return os.stat(there).st_dev, mount_of(there).point
