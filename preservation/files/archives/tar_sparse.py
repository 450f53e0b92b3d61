"""Files with holes in a tar: where their data lie. Holes are read as zeros.

Source: GNU tar manual, "Storing Sparse Files": the old format, PAX 0.0, 0.1 and 1.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

from preservation.files.archives.errors import ArchiveError
from preservation.files.archives.member import CHUNK
from preservation.files.archives.tar_headers import BLOCK, Header, decimal, number_at

MOST_PARTS = 1 << 20  # of one file
_ZEROS = bytes(CHUNK)

Part = tuple[int, int]  # offset in the file, octets


def old_map(header: Header, block: Callable[[], bytes], at: int) -> tuple[int, list[Part]]:
    """The size and the parts that an ``S`` header and the blocks behind it tell.

    Args:
        block: reads the next block.
    """
    parts = list(_pairs(header.raw, 386, 4, at))
    extended = header.raw[482]
    while extended:
        more = block()
        parts += _pairs(more, 0, 21, at)
        extended = more[504]
        _expect_few(parts, at)
    return number_at(header.raw, 483, 12, at), parts


def _pairs(data: bytes, start: int, count: int, at: int) -> Iterator[Part]:
    for place in range(start, start + 24 * count, 24):
        if data[place : place + 24].strip(b"\0 "):
            yield number_at(data, place, 12, at), number_at(data, place + 12, 12, at)


def pax_map(records: Mapping[bytes, bytes], at: int) -> list[Part]:
    """The parts that ``GNU.sparse.map`` tells (0.0 and 0.1)."""
    numbers = [decimal(text, at) for text in records[b"GNU.sparse.map"].split(b",") if text]
    if len(numbers) % 2:
        raise ArchiveError("a damaged map of a sparse file", at=at)
    parts = list(zip(numbers[::2], numbers[1::2], strict=True))
    _expect_few(parts, at)
    return parts


def map_in_data(block: Callable[[], bytes], at: int) -> tuple[list[Part], int]:
    """The parts that stand before the data (1.0), and the octets that they took."""
    data, used = b"", 0
    numbers: list[int] = []
    wanted = 1
    while len(numbers) < wanted:
        if b"\n" not in data:
            data += block()
            used += BLOCK
        line, newline, data = data.partition(b"\n")
        if not newline:
            raise ArchiveError("a damaged map of a sparse file", at=at)
        numbers.append(decimal(line, at))
        wanted = 1 + 2 * numbers[0]
        if numbers[0] > MOST_PARTS:
            raise ArchiveError("a sparse file of too many parts", at=at)
    return list(zip(numbers[1::2], numbers[2::2], strict=True)), used


def _expect_few(parts: list[Part], at: int) -> None:
    if len(parts) > MOST_PARTS:
        raise ArchiveError("a sparse file of too many parts", at=at)


def expect_sound(parts: Iterable[Part], octets: int, stored: int, at: int) -> list[Part]:
    """The parts, in order, inside of the file, and as many octets as are stored.

    Raises:
        ArchiveError: they are not.
    """
    kept = [part for part in parts if part[1]]
    ends = [0, *(start + length for start, length in kept)]
    starts = [*(start for start, _ in kept), octets]
    in_order = all(end <= start for end, start in zip(ends, starts, strict=True))
    if not in_order or sum(length for _, length in kept) != stored:
        raise ArchiveError("a damaged map of a sparse file", at=at)
    return kept


def filled(
    parts: list[Part], octets: int, read: Callable[[int], Iterator[bytes]]
) -> Iterator[bytes]:
    """The file: its parts, and zeros between them.

    Args:
        read: gives so many octets of the stored data, in pieces.
    """
    for part, following in pairwise([(0, 0), *parts, (octets, 0)]):
        yield from read(part[1])
        hole = following[0] - part[0] - part[1]
        while hole > 0:
            yield _ZEROS[:hole]
            hole -= CHUNK
