"""The difference map: where damaged bytes differ from the intact ones."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from preservation.files.held import Held, HeldFolder, HeldTar
from preservation.files.walk import open_below
from preservation.model.names import display
from preservation.model.replica import VersionKey

BLOCK = 1 << 20
RANGES = 100  # listed for one file; a file that differs everywhere has one long range
SAMPLE = 16  # octets shown of each side of a range


def difference_map(
    damaged: Held, intact: Held, paths: Sequence[bytes], key: VersionKey
) -> dict[str, Any]:
    """Where quarantined bytes differ from those that took their place.

    Args:
        paths: the files that the check named; used where the replica is a folder. A tar is
            compared as one stream.
    """
    if isinstance(damaged, HeldFolder) and isinstance(intact, HeldFolder):
        files = [difference(damaged.path, intact.path, path) for path in paths]
    elif isinstance(damaged, HeldTar) and isinstance(intact, HeldTar):
        with damaged.open() as bad, intact.open() as good:
            ranges = list(itertools.islice(_ranges(bad, good), RANGES))
        name = f"v{key.version}.tar".encode()
        files = [_document(name, damaged.octets, intact.octets, ranges)]
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
        "intact"}], "truncated"}``; offsets and lengths in octets, samples in hexadecimal. A
        file that is gone has ``damaged_bytes`` null. ``truncated``: there may be more ranges;
        looking ended at ``RANGES``.
    """
    with _open(intact, path) as good:
        intact_size = os.fstat(good.fileno()).st_size
        try:
            bad = _open(damaged, path)
        except OSError:
            return _document(path, None, intact_size, [])
        with bad:
            ranges = list(itertools.islice(_ranges(bad, good), RANGES))
            return _document(path, os.fstat(bad.fileno()).st_size, intact_size, ranges)


def _open(folder: Path, path: bytes) -> BinaryIO:
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return os.fdopen(open_below(root, path, os.O_RDONLY), "rb")
    finally:
        os.close(root)


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


def _document(
    path: bytes, damaged: int | None, intact: int, ranges: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "path": display(path),
        "damaged_bytes": damaged,
        "intact_bytes": intact,
        "ranges": ranges,
        "truncated": len(ranges) == RANGES,
    }
