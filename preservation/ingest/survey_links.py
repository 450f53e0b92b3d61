"""Where a symbolic link leads, found out without ever leaving the folder.

Each step of the way is looked at with ``lstat`` below the root, never followed: a link out of
the tree is recognised by its text, and what it points to is not touched.
"""

from __future__ import annotations

import os
import stat
from enum import Enum

_HOPS = 40  # as many as Linux follows


class Leads(Enum):
    """Where following a link would end."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    NOWHERE = "nowhere"
    ROUND = "round"  # back to itself, or to a folder that holds it


def where(root_fd: int, path: bytes, target: bytes) -> Leads:
    """Follow a link on paper.

    Args:
        root_fd: the folder under survey, open.
        path: of the link, relative to the root.
        target: what the link says.
    """
    if target.startswith(b"/"):
        return Leads.OUTSIDE
    here = path.split(b"/")[:-1]
    todo = target.split(b"/")[::-1]
    hops = 1
    while todo:
        part = todo.pop()
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not here:
                return Leads.OUTSIDE
            here.pop()
            continue
        here.append(part)
        try:
            mode = os.stat(b"/".join(here), dir_fd=root_fd, follow_symlinks=False).st_mode
            inner = os.readlink(b"/".join(here), dir_fd=root_fd) if stat.S_ISLNK(mode) else None
        except (OSError, ValueError):
            return Leads.NOWHERE
        if inner is None:
            continue
        hops += 1
        if hops > _HOPS:
            return Leads.ROUND
        if inner.startswith(b"/"):
            return Leads.OUTSIDE
        here.pop()
        todo += inner.split(b"/")[::-1]
    return Leads.ROUND if path.split(b"/")[: len(here)] == here else Leads.INSIDE
