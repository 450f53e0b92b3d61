"""Reads small files of a sealed folder several at a time, so that lanes take their digests.

What is not small, plain and as the seal says is left to the one who reads files one after the
other: who takes its digest by OpenSSL, and knows what to say.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from preservation.fixity import sha2
from preservation.fixity.batch import pieces
from preservation.fixity.reading import Folders, open_regular
from preservation.model.digest import Algorithm, Digest

_NAME = Algorithm.SHA256.hashlib_name
LARGEST = 1 << 20  # octets of a file
MOST = 8 << 20  # octets of all that are held at once, but for the last


class Small(NamedTuple):
    """One file, read and compared."""

    path: bytes
    data: bytes


class _Read(NamedTuple):
    path: bytes
    expected: tuple[Digest, ...]
    data: bytes | None


def abreast(
    folders: Folders, files: Iterable[tuple[bytes, tuple[Digest, ...]]]
) -> Iterator[Small | tuple[bytes, tuple[Digest, ...]]]:
    """The same files in their order: those that were read here, and were as expected, with
    their octets; the others as they came, to be read by somebody else.
    """
    width = lanes()
    some: list[_Read] = []
    octets, is_first = 0, True
    for path, expected in files:
        # The first is none of them: some look no further.
        data = _small(folders, path) if width and not is_first and _is_plain(expected) else None
        is_first = False
        some.append(_Read(path, expected, data))
        octets += len(data or b"")
        if data is None or len(some) == width or octets >= MOST:
            yield from _compared(some)
            some, octets = [], 0
    yield from _compared(some)


def _is_plain(expected: tuple[Digest, ...]) -> bool:
    return len(expected) == 1 and expected[0].algorithm is Algorithm.SHA256


def _small(folders: Folders, path: bytes) -> bytes | None:
    """A file's octets; None if it is larger, changes, or is in any trouble."""
    try:
        fd = open_regular(folders, path)
        try:
            octets = os.fstat(fd).st_size
            data = os.read(fd, octets + 1) if octets <= LARGEST else b""
        finally:
            os.close(fd)
    except OSError:
        return None
    return data if len(data) == octets else None


def _compared(some: list[_Read]) -> Iterator[Small | tuple[bytes, tuple[Digest, ...]]]:
    observed = digests_of([each.data for each in some if each.data is not None])
    for path, expected, data in some:
        if data is not None and next(observed) == expected[0].value:
            yield Small(path, data)
        else:
            yield path, expected


def lanes() -> int:
    """How many files are hashed together; 0 where none are."""
    return sha2.LANES.get(_NAME, 0)


def digests_of(buffers: list[bytes]) -> Iterator[bytes]:
    """The SHA-256 of each, by lanes where there are enough of them: one that is not as expected is
    to be taken again by OpenSSL.
    """
    if len(buffers) < sha2.PAYS.get(_NAME, 1):
        return (hashlib.sha256(data).digest() for data in buffers)
    return pieces(sha2.digests(_NAME, buffers), Algorithm.SHA256.octets)
