"""The bytes of one replica, wherever they are: a folder, or a stream in ``samarkand-tar-1``.

The value that tiers hand out and that bags are verified and copied from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from preservation.model.deferred import dataclass


@dataclass(frozen=True, slots=True)
class HeldFolder:
    """A bag as a folder.

    Attributes:
        path: the bag's base directory.
        cache_bypassed: whether a read after ``posix_fadvise(DONTNEED)`` comes from the medium;
            False on tmpfs and on network mounts, and then the check's event says so.
        server_cache: whether the cache of a file server, or of a program (FUSE), may answer: nobody
            here can bypass it.
    """

    path: Path
    cache_bypassed: bool
    server_cache: bool = False


@dataclass(frozen=True, slots=True)
class HeldTar:
    """A bag as one ``samarkand-tar-1`` stream.

    Attributes:
        open: opens the stream at its start, past the page cache where that can be had.
        octets: the stream's size as the store reports it.
        cache_bypassed, server_cache: as for a folder.
        recalled: whether the octets were brought back from cold storage to be read.
        at: opens it at an offset, to read so many octets; None where it can't be.
        index: opens the index beside it; gives None if there is none.
        hands: threads of the store's own that bring the octets while they are read.
        mark: what these very octets look like from outside; another one once they were replaced
            or written to. Empty where nothing is known.
    """

    open: Callable[[], BinaryIO]
    octets: int
    cache_bypassed: bool
    server_cache: bool = False
    recalled: bool = False
    at: Callable[[int, int], BinaryIO] | None = None
    index: Callable[[], BinaryIO | None] | None = None
    strangers: tuple[str, ...] = ()
    hands: int = 0
    mark: str = ""


Held = HeldFolder | HeldTar


@dataclass(frozen=True, slots=True)
class HeldPart:
    """A part of a tar by itself.

    Attributes:
        offset, octets: which octets of the tar it should be.
    """

    name: str
    offset: int
    octets: int
    held: HeldTar


@dataclass(frozen=True, slots=True)
class HeldParts:
    """Some parts of a tar, which are no tar by themselves."""

    parts: tuple[HeldPart, ...]
