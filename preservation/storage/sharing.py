"""Versions of one AIP that share octets below the file system, inside one tier.

The kernel compares both files and lets the new one point at the old one's blocks where they
are equal; every name keeps a file of its own, and a change of one never shows in the other. It
saves space and makes two files one fate on this tier: what rots in a shared block is damaged in
both. So a tier has to declare it, and a repair writes blocks of its own.

Source: ioctl_fideduperange(2); XFS with reflink, btrfs.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from preservation.files.walk import Kind, open_below, walk

LEAST = 4096  # octets: smaller files have no block to share
_DEDUPE = 0xC018_9436  # FIDEDUPERANGE
_AT_ONCE = 16 << 20  # octets: what btrfs takes in one call
_READ = os.O_RDONLY | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEVER = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.EPERM, errno.ENOSYS}


def share(former: Path, new: Path) -> int:
    """Let files of a new version share the blocks of files of the same names in a former one.

    Returns:
        How many octets are shared now. What differs, or can't be shared, stays as it is.
    """
    try:
        fd = os.open(former, _FOLDER)
    except OSError:
        return 0
    try:
        return sum(_pairs(fd, new))
    except OSError as error:
        if error.errno not in _NEVER:
            raise
        return 0
    finally:
        os.close(fd)


def shares(room: Path) -> bool:
    """Whether the file system can do it, tried with two small files below ``room``."""
    data = os.urandom(LEAST)
    for name in ("one", "two"):
        (room / name).mkdir()
        (room / name / "file").write_bytes(data)
        fd = os.open(room / name / "file", _READ)
        os.fsync(fd)
        os.close(fd)
    return share(room / "one", room / "two") == LEAST


def _pairs(former: int, new: Path) -> Iterator[int]:
    """What each file of the new version shares with its namesake; memory stays flat."""
    for entry in walk(new):
        if entry.kind is not Kind.FILE or entry.octets < LEAST:
            continue
        try:
            source = open_below(former, entry.path, _READ)
        except OSError:
            continue  # the former version has no such file
        try:
            seen = os.fstat(source)
            if stat.S_ISREG(seen.st_mode) and seen.st_size == entry.octets:
                yield _share(source, os.path.join(os.fsencode(new), entry.path), entry.octets)
        finally:
            os.close(source)


def _share(source: int, path: bytes, octets: int) -> int:
    """Share the equal blocks of two files of one size, from their beginning on."""
    # Compared with the medium, not with what memory still has of the former file.
    os.posix_fadvise(source, 0, 0, os.POSIX_FADV_DONTNEED)
    target = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        done = 0
        while done < octets:
            taken = _dedupe(source, target, done, min(_AT_ONCE, octets - done))
            if not taken:
                break
            done += taken
        return done
    finally:
        os.close(target)


def _dedupe(source: int, target: int, offset: int, octets: int) -> int:
    """One call; how many octets were equal and are shared now."""
    request = bytearray(
        struct.pack("=QQHHI", offset, octets, 1, 0, 0)
        + struct.pack("=qQQiI", target, offset, 0, 0, 0)
    )
    fcntl.ioctl(source, _DEDUPE, request)
    _, _, deduped, status, _ = struct.unpack_from("=qQQiI", request, 24)
    if status < 0:
        raise OSError(-status, os.strerror(-status))
    return int(deduped) if status == 0 else 0
