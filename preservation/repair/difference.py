"""The difference map: where damaged bytes differ from the intact ones.

Two files are compared a block at a time, in C: a block that differs is folded into one number,
and what is not zero in it is a range. Ranges that are nearer to each other than ``NEAR`` octets
are told as one, so that a garbled stretch is one line and not a thousand.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from preservation.errors import SamarkandError
from preservation.files.held import Held, HeldFolder, HeldPart, HeldParts, HeldTar
from preservation.files.tar import order, read_tar
from preservation.files.tar_index import Place, places
from preservation.files.walk import open_below
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.names import display
from preservation.model.replica import VersionKey

BLOCK = 1 << 20
RANGES = 100  # listed for one file; a file that differs everywhere has one long range
SAMPLE = 16  # octets shown of each side of a range
NEAR = 64  # equal octets between two ranges that are told as one
_DIFFERS = re.compile(rb"[^\0](?:\0{0,%d}[^\0])*" % (NEAR - 1), re.DOTALL)
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EINVAL}

Places = Mapping[bytes, Place]


class Reads(Protocol):
    """What is compared: anything that gives so many octets, fewer only at its end."""

    def read(self, octets: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to compare; ``expected`` is what the seal says of the intact one, if it is known."""

    path: bytes
    expected: Digest | None = None


def difference_map(
    damaged: Held | HeldParts, intact: Held, paths: Sequence[bytes], key: VersionKey
) -> dict[str, Any]:
    """Where quarantined bytes differ from those that took their place.

    What cannot be read is told as unreadable: a map never stands in the way of a repair.

    Args:
        paths: the files that the check named; used where one of the two is a folder. Two tars
            are compared as streams, so that damage between their files shows too; parts of one
            each by itself.
    """
    if isinstance(damaged, HeldParts):
        files = [_of_part(part, intact) for part in damaged.parts]
    elif isinstance(damaged, HeldTar) and isinstance(intact, HeldTar):
        with ExitStack() as stack:
            bad = _entered(stack, damaged.open, damaged.octets)
            good = _entered(stack, intact.open, intact.octets)
            files = [_of_sides(Wanted(f"v{key.version}.tar".encode()), bad, good)]
    else:
        good_at = placed(intact, key.top, paths)
        files = [*file_differences(damaged, intact, [*map(Wanted, paths)], {}, good_at)]
    return {
        "schema": "samarkand.difference/1",
        "aip": key.aip,
        "version": key.version,
        "files": files,
    }


def _of_part(part: HeldPart, intact: Held) -> dict[str, Any]:
    """A part of a tar, compared with the octets that took its place."""
    with ExitStack() as stack:
        bad = _entered(stack, part.held.open, part.held.octets)
        good = _Side()
        if isinstance(intact, HeldTar):
            good = _looked_up(stack, intact, (part.offset, part.octets))
        return _of_sides(Wanted(part.name.encode()), bad, good)


def file_differences(
    damaged: Held, intact: Held, wanted: Sequence[Wanted], bad_at: Places, good_at: Places
) -> Iterator[dict[str, Any]]:
    """Compare some files of two bags, each a folder or a tar, in one pass over either. Of a tar no
    more is read than the files whose places are known.

    Args:
        bad_at, good_at: where files stand in either, if it is a tar; what is said of the intact
            one is compared with the digests that are expected.

    Yields:
        As :func:`difference`. A file whose intact side is not what the seal says has no ranges,
        and ``unreadable`` says so.
    """
    if isinstance(damaged, HeldFolder) and isinstance(intact, HeldFolder):
        for one in wanted:
            yield difference(damaged.path, intact.path, one.path, one.expected)
        return
    by_place = sorted(wanted, key=lambda one: order(one.path))
    with ExitStack() as stack:
        bad = stack.enter_context(closing(_Files(damaged, by_place, bad_at)))
        good = stack.enter_context(closing(_Files(intact, by_place, good_at)))
        for one in by_place:
            yield _of_sides(one, bad.find(one.path), good.find(one.path))


def difference(
    damaged: Path, intact: Path, path: bytes, expected: Digest | None = None
) -> dict[str, Any]:
    """Compare one file of two bags.

    Returns:
        ``{"path", "path_hex", "damaged_bytes", "intact_bytes", "ranges": [{"offset", "bytes",
        "damaged", "intact"}], "truncated", "unreadable"}``; offsets and lengths in octets,
        samples in hexadecimal. A side where there is no such file has null ``…_bytes`` and no
        ranges are given. ``truncated``: there may be more ranges; looking ended at ``RANGES``.
        ``unreadable``: where the medium failed, what it said, or that a folder lies there; else
        empty.
    """
    with ExitStack() as stack:
        bad = _entered(stack, lambda: _open(damaged, path))
        good = _entered(stack, lambda: _open(intact, path))
        return _of_sides(Wanted(path, expected), bad, good)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of one file: its size and its octets, or why there are none."""

    octets: int | None = None
    reader: Reads | None = None
    unreadable: str = ""


def _of_sides(one: Wanted, bad: _Side, good: _Side) -> dict[str, Any]:
    document: dict[str, Any] = {
        "path": display(one.path),
        "path_hex": one.path.hex(),
        "damaged_bytes": bad.octets,
        "intact_bytes": good.octets,
        "ranges": [],
        "truncated": False,
        "unreadable": bad.unreadable or good.unreadable,
    }
    if bad.reader is None or good.reader is None:
        return document
    checked = _Hashing(good.reader) if one.expected is not None else None
    found = _ranges(bad.reader, checked or good.reader)
    try:
        document["ranges"].extend(itertools.islice(found, RANGES))
        if checked is not None and checked.digest() != one.expected:
            document |= {"ranges": [], "unreadable": "the other side is not what was sealed either"}
    except OSError as error:
        document["unreadable"] = error.strerror or str(error)
    except SamarkandError as error:
        document["unreadable"] = error.message
    document["truncated"] = len(document["ranges"]) == RANGES
    return document


class _Hashing:
    """Hashes what is read through it; ``digest`` takes in the rest first."""

    def __init__(self, source: Reads) -> None:
        self._source = source
        self._hash = hashlib.sha256()

    def read(self, octets: int, /) -> bytes:
        data = self._source.read(octets)
        self._hash.update(data)
        return data

    def digest(self) -> Digest:
        while self.read(BLOCK):
            pass
        return Digest(Algorithm.SHA256, self._hash.digest())


def _open(folder: Path, path: bytes) -> BinaryIO:
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return os.fdopen(open_below(root, path, os.O_RDONLY), "rb")
    finally:
        os.close(root)


def _entered(stack: ExitStack, opening: Callable[[], BinaryIO], octets: int | None = None) -> _Side:
    """Open one side; nothing where there is no regular file, or no reading it.

    Args:
        octets: the size where the store has told it, for streams that are no files.
    """
    try:
        file = stack.enter_context(opening())
        if octets is None:
            status = os.fstat(file.fileno())
            octets = status.st_size if stat.S_ISREG(status.st_mode) else None
    except OSError as error:
        absent = error.errno in _ABSENT
        return _Side(unreadable="" if absent else error.strerror or str(error))
    except SamarkandError as error:
        return _Side(unreadable=error.message)
    return _Side() if octets is None else _Side(octets, file)


class _Files:
    """Some files of one bag, asked for in the order of a tar.

    Args:
        places: where some of them stand in a tar.
    """

    def __init__(self, held: Held, wanted: Sequence[Wanted], places: Places) -> None:
        self._held = held
        self._stack = ExitStack()
        self._wanted = {one.path for one in wanted}
        self._places = places
        self._failed = ""
        self._members = iter(()) if isinstance(held, HeldFolder) else self._of_tar(held)
        self._next: tuple[bytes, int, Iterator[bytes]] | None = None

    def close(self) -> None:
        """Let go of what was opened."""
        self._stack.close()

    def find(self, path: bytes) -> _Side:
        """One side of a file, good until the next is asked for."""
        if isinstance(self._held, HeldFolder):
            folder = self._held.path
            return _entered(self._stack, lambda: _open(folder, path))
        if path in self._places:
            return _looked_up(self._stack, self._held, self._places[path])
        try:
            while self._next is None or order(self._next[0]) < order(path):
                self._next = next(self._members)
        except StopIteration:
            return _Side(unreadable=self._failed)
        if self._next[0] != path:
            return _Side()
        return _Side(self._next[1], _Chunks(self._next[2]))

    def _of_tar(self, held: HeldTar) -> Iterator[tuple[bytes, int, Iterator[bytes]]]:
        try:
            stream = self._stack.enter_context(held.open())
            yield from (one for one in read_tar(stream) if one[0] in self._wanted)
        except SamarkandError as error:
            self._failed = error.message
        except OSError as error:
            self._failed = error.strerror or str(error)


def _looked_up(stack: ExitStack, held: HeldTar, place: Place) -> _Side:
    """So many octets of a tar, where they stand in it."""
    try:
        stream = None if held.at is None else stack.enter_context(held.at(*place))
    except SamarkandError as error:
        return _Side(unreadable=error.message)
    except OSError as error:
        return _Side(unreadable=error.strerror or str(error))
    return _Side() if stream is None else _Side(place[1], _Part(stream, place[1]))


def placed(held: Held, top: str, wanted: Collection[bytes]) -> dict[bytes, Place]:
    """Where the index of a tar says that files stand; nothing where there is none that can be read.

    Args:
        top: the tar's one top folder.
    """
    if not isinstance(held, HeldTar) or held.at is None or held.index is None:
        return {}
    try:
        stream = held.index()
        if stream is None:
            return {}
        with stream:
            found = places(stream, top, wanted)
    except (SamarkandError, OSError):
        return {}
    return {path: place for path, place in found.items() if sum(place) <= held.octets}


class _Part:
    """So many octets of a stream, which goes on after them."""

    def __init__(self, stream: Reads, octets: int) -> None:
        self._stream, self._left = stream, octets

    def read(self, octets: int, /) -> bytes:
        data = self._stream.read(min(octets, self._left))
        self._left -= len(data)
        return data


class _Chunks:
    """Reads from octets that come in pieces."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    def read(self, octets: int, /) -> bytes:
        while len(self._held) < octets:
            more = next(self._chunks, b"")
            if not more:
                break
            self._held += more
        data, self._held = self._held[:octets], self._held[octets:]
        return data


def _ranges(bad: Reads, good: Reads) -> Iterator[dict[str, Any]]:
    """Runs of differing octets, in order; what one file has beyond the other's end is one."""
    offset = 0
    open_range: dict[str, Any] | None = None
    while True:
        left, right = _block(bad), _block(good)
        if not left and not right:
            break
        for found in _within(left, right, offset) if left != right else ():
            last = open_range
            if last is not None and found["offset"] - last["offset"] - last["bytes"] < NEAR:
                last["bytes"] = found["offset"] + found["bytes"] - last["offset"]
                continue
            if last is not None:
                yield last
            open_range = found
        offset += max(len(left), len(right))
    if open_range is not None:
        yield open_range


def _block(file: Reads) -> bytes:
    """A whole block; less only at the end, also of a stream that gives as much as it has."""
    data = file.read(BLOCK)
    while data and len(data) < BLOCK:
        more = file.read(BLOCK - len(data))
        if not more:
            break
        data += more
    return data


def _within(left: bytes, right: bytes, offset: int) -> Iterator[dict[str, Any]]:
    shared, end = min(len(left), len(right)), max(len(left), len(right))
    folded = int.from_bytes(left[:shared], "big") ^ int.from_bytes(right[:shared], "big")
    marked = folded.to_bytes(shared, "big") + b"\1" * (end - shared)
    for found in _DIFFERS.finditer(marked):
        start, stop = found.span()
        yield {
            "offset": offset + start,
            "bytes": stop - start,
            "damaged": left[start:stop][:SAMPLE].hex(),
            "intact": right[start:stop][:SAMPLE].hex(),
        }
