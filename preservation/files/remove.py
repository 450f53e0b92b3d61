"""Take away a folder of ours with all that is in it, however deep it goes.

Only for what nobody can see yet: what is visible on a tier is set aside, never removed.
"""

from __future__ import annotations

import errno
import os

from preservation.files.durable import AnyPath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: AnyPath) -> None:
    """Remove a folder, or whatever else has that name; nothing there is no error.

    No link is followed. Folders inside folders are first moved up to the top, so that neither
    depth nor the length of a path matters. Killed half-way, the next call goes on.
    """
    top = os.fsencode(path)
    try:
        fd = os.open(top, _FOLDER)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(top)
        return
    try:
        moved = 0
        while names := os.listdir(fd):
            for name in names:
                moved = _remove(fd, os.fsencode(name), moved)
    finally:
        os.close(fd)
    os.rmdir(top)


def _remove(top_fd: int, name: bytes, moved: int) -> int:
    """Remove one name; the folders in it come to lie beside it. Returns how many ever did."""
    try:
        fd = os.open(name, _FOLDER, dir_fd=top_fd)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        os.unlink(name, dir_fd=top_fd)
        return moved
    try:
        for inner in os.listdir(fd):
            try:
                os.unlink(inner, dir_fd=fd)
            except IsADirectoryError:
                moved = _move_up(fd, os.fsencode(inner), top_fd, moved)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=top_fd)
    return moved


def _move_up(fd: int, name: bytes, top_fd: int, moved: int) -> int:
    while True:
        moved += 1
        try:
            os.rename(name, b".removed-%d" % moved, src_dir_fd=fd, dst_dir_fd=top_fd)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return moved
