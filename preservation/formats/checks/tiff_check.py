"""TIFF, BigTIFF, GeoTIFF: the chain of directories, strips and tiles inside the file, geo keys.

The chain is walked by ourselves, so that one that leads in a circle ends; tifffile then says
what the pages are, and unpacks what it can unpack.

Source: TIFF 6.0 section 2; the BigTIFF design; OGC GeoTIFF 1.1 section 7.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Literal

import tifffile

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.deferred import dataclass
from preservation.model.format_check import Unchecked

LIBRARY = "tifffile"
MOST_PAGES = 200_000
MOST_PIECES = 4_000_000  # strips or tiles of one page
MOST_PIECE = 256 << 20  # octets of one strip or tile, unpacked
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_PIECES = ((273, 279, "strip"), (324, 325, "tile"))  # tags of places and sizes
_SUB_PAGES = 330
_GEO_KEYS = 34735
_NONE, _PACKBITS, _DEFLATE = 1, 32773, (8, 32946)


def check(subject: Subject) -> None:
    """The chain, the places, the geo keys; then the pieces, where they can be unpacked."""
    chain = _Chain(subject)
    chain.walk()
    subject.facts["pages"] = chain.pages
    subject.facts["bigtiff"] = chain.big
    if chain.geo:
        subject.facts["geotiff"] = True
    with subject.open() as source, tifffile.TiffFile(source) as file:
        page = file.pages.first
        subject.facts["width"], subject.facts["height"] = page.imagewidth, page.imagelength
        unpacked = {_unpacked(subject, one) for one in file.pages}
        subject.facts["unpacked"] = unpacked == {True}


def _unpacked(subject: Subject, page: Any) -> bool:
    """Unpack every piece of a page; whether that could be done.

    Raises:
        Invalid: one of them can't be unpacked.
    """
    known = (_NONE, _PACKBITS, *_DEFLATE)
    page = getattr(page, "aspage", lambda: page)()
    there, wanted = len(page.dataoffsets), math.prod(page.chunked)
    if there < wanted:
        raise Invalid("structure", f"{there} strips or tiles, where the image has {wanted}")
    if int(page.compression) not in known or page.dtype is None:
        return False
    if int(page.compression) == _NONE:
        return True  # nothing in plain bytes could be wrong
    piece = (
        page.tilewidth * page.tilelength if page.is_tiled else page.imagewidth * page.rowsperstrip
    )
    if piece * page.samplesperpixel * page.dtype.itemsize > MOST_PIECE:
        raise NotChecked(Unchecked.TOO_LARGE, "a strip or tile is larger than is unpacked")
    for _ in page.segments(maxworkers=1):
        subject.spend(0)
    return True


@dataclass(frozen=True, slots=True)
class _Form:
    """How a file spells its numbers."""

    order: Literal["little", "big"]
    count: int  # octets of the number of entries
    word: int  # octets of an offset

    @property
    def entry(self) -> int:
        return 4 + 2 * self.word


class _Chain:
    """Walks directories, those inside pages included, each once."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.pages = 0
        self.geo = False
        head = subject.at(0, 16)
        order: Literal["little", "big"] = "big" if head[:2] == b"MM" else "little"
        kind = int.from_bytes(head[2:4], order)
        if head[:2] not in (b"II", b"MM") or kind not in (42, 43):
            raise Invalid("structure", "it does not begin as a TIFF")
        self.big = kind == 43
        self._form = _Form(order, 8, 8) if self.big else _Form(order, 2, 4)
        start = 8 if self.big else 4
        self._first = self._number(head[start : start + self._form.word])

    def walk(self) -> None:
        """All directories.

        Raises:
            Invalid: the chain leads out of the file or in a circle, a piece lies outside.
        """
        seen: dict[int, int] = {}  # of each directory, the chain that led to it first
        todo = deque([(self._first, 0)])
        chains = 1
        if not self._first:
            raise Invalid("structure", "it has no directory")
        while todo:
            at, chain = todo.popleft()
            if seen.get(at) == chain:
                raise Invalid("structure", f"the chain of directories returns to byte {at}")
            if at in seen:
                continue  # a pyramid's levels may be listed, and chained to each other as well
            seen[at] = chain
            if len(seen) > MOST_PAGES:
                raise NotChecked(Unchecked.TOO_LARGE, f"more than {MOST_PAGES} directories")
            self.pages += not chain
            following, inner = self._directory(at)
            for one in filter(None, inner):
                todo.append((one, chains))
                chains += 1
            if following:
                todo.append((following, chain))

    def _directory(self, at: int) -> tuple[int, list[int]]:
        """Where the next one is, and the directories inside this one."""
        form = self._form
        count = self._number(self._exactly(at, form.count, "a directory"))
        body = at + form.count
        if not count or count * form.entry > self._subject.octets - body:
            raise Invalid("truncated", f"the directory at byte {at} does not fit into the file")
        table = self._exactly(body, count * form.entry, "a directory")
        tags: dict[int, tuple[int, int, bytes]] = {}
        for start in range(0, len(table), form.entry):
            entry = table[start : start + form.entry]
            tag, kind = self._number(entry[:2]), self._number(entry[2:4])
            number = self._number(entry[4 : 4 + form.word])
            tags[tag] = (kind, number, entry[4 + form.word :])
            octets = _SIZES.get(kind, 1) * number
            if octets > form.word:
                self._inside(self._number(tags[tag][2]), octets, f"tag {tag}")
        self._pieces(tags)
        self.geo |= _GEO_KEYS in tags and self._expect_geo_keys(tags[_GEO_KEYS])
        end = body + len(table)
        # The last four octets may be cut off without harm in the wild; then nothing follows.
        following = self._number(self._subject.at(end, form.word))
        return following, self._values(tags[_SUB_PAGES]) if _SUB_PAGES in tags else []

    def _pieces(self, tags: dict[int, tuple[int, int, bytes]]) -> None:
        for places, sizes, word in _PIECES:
            if places not in tags or sizes not in tags:
                continue
            offsets, octets = self._values(tags[places]), self._values(tags[sizes])
            if len(offsets) != len(octets):
                raise Invalid("structure", f"{len(offsets)} {word}s and {len(octets)} sizes")
            for number, (offset, size) in enumerate(zip(offsets, octets, strict=True)):
                self._inside(offset, size, f"{word} {number}")
                if not number % 65536:
                    self._subject.spend(0)

    def _expect_geo_keys(self, tag: tuple[int, int, bytes]) -> bool:
        keys = self._values(tag)
        if len(keys) < 4 or keys[0] != 1 or len(keys) < 4 + 4 * keys[3]:
            raise Invalid("geo keys", "the directory of geo keys is broken")
        return True

    def _values(self, tag: tuple[int, int, bytes]) -> list[int]:
        kind, count, inline = tag
        if count > MOST_PIECES:
            raise NotChecked(Unchecked.TOO_LARGE, f"more than {MOST_PIECES} strips or tiles")
        size = _SIZES.get(kind, 1)
        data = inline[: size * count]
        if size * count > self._form.word:
            data = self._exactly(self._number(inline), size * count, "a tag")
        return [self._number(data[at : at + size]) for at in range(0, size * count, size)]

    def _inside(self, offset: int, octets: int, what: str) -> None:
        if offset + octets > self._subject.octets:
            end = offset + octets
            message = f"{what} ends at byte {end}, the file at {self._subject.octets}"
            raise Invalid("truncated", message)

    def _exactly(self, offset: int, octets: int, what: str) -> bytes:
        self._inside(offset, octets, what)
        return self._subject.at(offset, octets)

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, self._form.order)
