"""Looks at noted entries of a folder once more, beside whoever noted them.

Run as a script, in isolated mode; imports nothing of ours, so that it is ready within some
milliseconds. It judges nothing: where anything is otherwise, or cannot be looked at, whoever
noted it looks for himself and says what it is.

Arguments of the script: the folder's path, without links on the way; the open file with the notes.
It begins when an octet comes on standard input, and ends with 0 if every entry is as noted.
"""

from __future__ import annotations

import os
import struct
import sys

TYPE_CHECKING = False  # the module typing would take longer to import than all the others
if TYPE_CHECKING:
    from collections.abc import Iterator

# Length of the path, which follows; kind, octets, mtime_ns, ctime_ns, inode, device.
NOTE = struct.Struct("<IBQqqQQ")
_BLOCK = 256 * 1024  # octets of notes that are read at a time
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def noted(notes: int) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Every note in an open file, and its path; read many at a time."""
    left, at, read = b"", 0, 0
    while block := os.pread(notes, _BLOCK, read):
        read += len(block)
        left, at = left[at:] + block, 0
        while len(left) - at >= NOTE.size:
            note = NOTE.unpack_from(left, at)
            after = at + NOTE.size + note[0]
            if after > len(left):
                break
            yield note, left[at + NOTE.size : after]
            at = after


def all_are_as_noted(root: bytes, notes: int) -> bool:
    """Whether ``lstat`` says of every entry what was noted.

    Its kind needs no comparing: no inode changes its kind, and none is used again with the
    change time that another one had.

    Raises:
        OSError: an entry, or a folder on the way to it, cannot be looked at.
    """
    top = os.open(root, _FOLDER)
    at, parent = top, b""
    for (_, _, *wanted), path in noted(notes):
        cut = path.rfind(b"/") + 1
        if path[:cut] != parent:
            at, parent = _entered(top, at, path[:cut]), path[:cut]
        seen = os.stat(path[cut:], dir_fd=at, follow_symlinks=False)
        found = [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_dev]
        if found != wanted:
            return False
    return True


def _entered(top: int, left: int, parent: bytes) -> int:
    """A folder below the top, open, with the one that is left closed; no link is followed."""
    at = top
    for part in parent.split(b"/")[:-1]:
        deeper = os.open(part, _FOLDER, dir_fd=at)
        if at != top:
            os.close(at)
        at = deeper
    if left != top:
        os.close(left)
    return at


def _ended() -> int:
    if not sys.stdin.buffer.read(1):
        return 1  # nobody wants to know any more
    try:
        return 0 if all_are_as_noted(os.fsencode(sys.argv[1]), int(sys.argv[2])) else 1
    except OSError:
        return 1


if __name__ == "__main__":
    os._exit(_ended())  # there is nothing to tidy up
