"""The difference map: where damaged bytes differ from the intact ones."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from preservation.files.held import Held, HeldFolder, HeldTar
from preservation.files.walk import open_below
from preservation.model.names import display
from preservation.model.replica import VersionKey

BLOCK = 1 << 20
RANGES = 100  # listed for one file; a file that differs everywhere has one long range
SAMPLE = 16  # octets shown of each side of a range
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EINVAL}


def difference_map(
    damaged: Held, intact: Held, paths: Sequence[bytes], key: VersionKey
) -> dict[str, Any]:
    """Where quarantined bytes differ from those that took their place.

    What cannot be read is told as unreadable: a map never stands in the way of a repair.

    Args:
        paths: the files that the check named; used where the replica is a folder. A tar is
            compared as one stream.
    """
    if isinstance(damaged, HeldFolder) and isinstance(intact, HeldFolder):
        files = [difference(damaged.path, intact.path, path) for path in paths]
    elif isinstance(damaged, HeldTar) and isinstance(intact, HeldTar):
        files = [_compared(f"v{key.version}.tar".encode(), damaged.open, intact.open)]
    else:
        files = []
    return {
        "schema": "samarkand.difference/1",
        "aip": key.aip,
        "version": key.version,
        "files": files,
    }


def difference(damaged: Path, intact: Path, path: bytes) -> dict[str, Any]:
    """Compare one file of two bags.

    Returns:
        ``{"path", "damaged_bytes", "intact_bytes", "ranges": [{"offset", "bytes", "damaged",
        "intact"}], "truncated", "unreadable"}``; offsets and lengths in octets, samples in
        hexadecimal. A side where there is no such file has null ``…_bytes`` and no ranges are
        given. ``truncated``: there may be more ranges; looking ended at ``RANGES``.
        ``unreadable``: where the medium failed, what it said; else empty.
    """
    return _compared(path, lambda: _open(damaged, path), lambda: _open(intact, path))


def _open(folder: Path, path: bytes) -> BinaryIO:
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return os.fdopen(open_below(root, path, os.O_RDONLY), "rb")
    finally:
        os.close(root)


def _compared(
    path: bytes, damaged: Callable[[], BinaryIO], intact: Callable[[], BinaryIO]
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "path": display(path),
        "damaged_bytes": None,
        "intact_bytes": None,
        "ranges": [],
        "truncated": False,
        "unreadable": "",
    }
    with ExitStack() as stack:
        bad = _entered(stack, damaged, document, "damaged_bytes")
        good = _entered(stack, intact, document, "intact_bytes")
        if bad is None or good is None:
            return document
        try:
            for found in itertools.islice(_ranges(bad, good), RANGES):
                document["ranges"].append(found)
        except OSError as error:
            document["unreadable"] = error.strerror or str(error)
    document["truncated"] = len(document["ranges"]) == RANGES
    return document


def _entered(
    stack: ExitStack, opening: Callable[[], BinaryIO], document: dict[str, Any], size: str
) -> BinaryIO | None:
    """Open one side and note its size; None where there is no regular file, or no reading it."""
    try:
        file = stack.enter_context(opening())
        status = os.fstat(file.fileno())
    except OSError as error:
        if error.errno not in _ABSENT:
            document["unreadable"] = error.strerror or str(error)
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    document[size] = status.st_size
    return file


def _ranges(bad: BinaryIO, good: BinaryIO) -> Iterator[dict[str, Any]]:
    """Runs of differing octets, in order; what one file has beyond the other's end is one."""
    offset = 0
    while True:
        left, right = bad.read(BLOCK), good.read(BLOCK)
        if not left and not right:
            return
        if left != right:
            yield from _within(left, right, offset)
        offset += max(len(left), len(right))


def _within(left: bytes, right: bytes, offset: int) -> Iterator[dict[str, Any]]:
    start = None
    shared = min(len(left), len(right))
    for at in range(shared):
        if left[at] != right[at]:
            start = at if start is None else start
        elif start is not None:
            yield _range(left, right, start, at, offset)
            start = None
    end = max(len(left), len(right))
    if start is None and end > shared:
        start = shared
    if start is not None:
        yield _range(left, right, start, end, offset)


def _range(left: bytes, right: bytes, start: int, end: int, offset: int) -> dict[str, Any]:
    return {
        "offset": offset + start,
        "bytes": end - start,
        "damaged": left[start:end][:SAMPLE].hex(),
        "intact": right[start:end][:SAMPLE].hex(),
    }
