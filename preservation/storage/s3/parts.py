"""A tar as one object, or in parts, ``v<n>.tar.00001`` and on, where one object can't hold it.

Parts are cut anywhere, all of one size but the last, and `cat` joins them. Which of the two it is
follows from what is there.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import BinaryIO

from preservation.errors import NoSpaceError
from preservation.files.held import HeldTar
from preservation.model.units import format_size
from preservation.storage.s3.ahead import CONNECTIONS
from preservation.storage.s3.listing import Object
from preservation.storage.s3.named import Named, part_name
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.reading import open_objects
from preservation.storage.s3.same import Compared
from preservation.storage.s3.upload import OtherOctetsError, Upload
from preservation.storage.tier import WITHOUT_END, LargerError

MOST = 99_999  # parts of a tar: with more, names in order would be parts out of order
_PART = re.compile(r"\.([0-9]{5})")


def number_of(name: str, part: str) -> int:
    """Which part of a tar an object is; 0 if it is none."""
    found = _PART.fullmatch(part.removeprefix(name)) if part.startswith(name) else None
    return int(found[1]) if found else 0


def whole(place: S3Place, tar: Named) -> list[Object]:
    """The objects that a tar is kept in, in order: one, or its parts up to the first that is
    not there. Empty if nothing is there.
    """
    one = place.head(tar.name)
    if one is not None:
        return [one]
    parts = (place.head(tar.part(number)) for number in itertools.count(1))
    # Each is asked for: a listing may be late, and what it leaves out would count as gone.
    return [part for part in itertools.takewhile(lambda part: part is not None, parts) if part]


def held_objects(place: S3Place, objects: list[Object], index: str) -> HeldTar:
    """Their octets as one stream. No page cache of ours lies between.

    Args:
        index: the name of the index beside them.
    """

    def open_index() -> BinaryIO | None:
        found = place.head(index)
        return None if found is None else open_objects(place, [found])

    return HeldTar(
        partial(open_objects, place, objects),
        sum(one.octets for one in objects),
        cache_bypassed=True,
        at=partial(open_objects, place, objects),
        index=open_index,
        hands=CONNECTIONS,
        mark=" ".join(f"{one.name}:{one.octets}:{one.etag}" for one in objects),
    )


class Sending:
    """One tar on its way into one object, or into parts.

    Args:
        name: of the tar; :func:`free_name` gave it.
        octets: about how many will come, as announced.
        former: by number, parts of the tar that this one replaces, where they are of this size
            and may be sound: those that are what comes are kept, and not sent again.

    Attributes:
        sent: the objects that it is in now, in order.
        kept: the numbers of those that were not sent.

    Raises:
        NoSpaceError: that would be more parts than there are numbers (``TIER-TOO-LARGE``).
    """

    def __init__(
        self, place: S3Place, name: str, octets: int, former: Mapping[int, Object] | None = None
    ) -> None:
        self._place = place
        self._name = name
        self._octets = octets
        self._limit = place.address.object_limit
        self._upload: Upload | None = None
        self._former = former or {}
        self.sent: list[Object] = []
        self.kept: set[int] = set()
        if octets != WITHOUT_END and octets > MOST * self._limit:
            raise _too_many(place)

    @property
    def part_octets(self) -> int:
        """How large each part is but the last; 0 where it is one object."""
        return self._limit if self._octets > self._limit else 0

    def write(self, chunks: Iterable[bytes]) -> None:
        """Send the stream. Parts that a killed writer has sent are taken to be what they should
        be: all is read back before it counts.

        Raises:
            LargerError: see there.
            OtherOctetsError: a part that is there is none of this tar's.
            TierUnavailableError, NoSpaceError: the service is in the way.
        """
        cut = _Cut(chunks)
        if not self.part_octets:
            self._send(self._name, cut.piece(self._limit), self._octets)
            if cut.goes_on():
                raise LargerError(
                    f"tier {self._place.id}: {self._name} is larger than one object can be",
                    hint="it is written again, in parts",
                )
            return
        for number in itertools.count(1):
            self._piece(number, cut.piece(self._limit))
            if not cut.goes_on():
                return
            if number == MOST:
                raise _too_many(self._place)

    @property
    def new(self) -> dict[int, Object]:
        """By number, the objects that were sent, or that a killed writer of this tar had sent."""
        return {n: one for n, one in enumerate(self.sent, 1) if n not in self.kept}

    def _piece(self, number: int, piece: Iterator[bytes]) -> None:
        """One part: kept, or sent, or sent already by a killed writer."""
        former, name = self._former.get(number), part_name(self._name, number)
        compared = None if former is None else Compared(self._place, former, piece)
        if former is not None and compared is not None and compared.is_same():
            self.kept.add(number)
            self.sent.append(former)
            return
        there = self._place.head(name)
        if there is not None and there.octets == self._limit:
            for _ in piece:
                pass
            self.sent.append(there)
        else:
            self._shorter(name, compared.again() if compared else piece, there)

    def _shorter(self, name: str, chunks: Iterable[bytes], there: Object | None) -> None:
        """Send a part where none is, or a shorter one: this tar's last, or cut otherwise."""
        try:
            self._send(name, chunks, self._limit)
        except OtherOctetsError:
            if there is not None:
                self.sent.append(there)  # nothing of any use: it goes with the others
            raise

    def abort(self) -> None:
        """Remove the parts of an upload that was not completed."""
        if self._upload is not None:
            self._upload.abort()

    def _send(self, name: str, chunks: Iterable[bytes], octets: int) -> None:
        self._upload = Upload(self._place, name, octets)
        self.sent.append(self._upload.write(chunks))
        self._upload = None


def _too_many(place: S3Place) -> NoSpaceError:
    return NoSpaceError(
        f"tier {place.id}: more than {MOST:,} parts of {format_size(place.address.object_limit)}",
        hint="write a larger object_limit for this tier in tiers.yaml",
        code="TIER-TOO-LARGE",
    )


class _Cut:
    """A stream that is taken in pieces."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def piece(self, octets: int) -> Iterator[bytes]:
        """The next so many octets; fewer at the end."""
        while octets and self.goes_on():
            taken = self._rest[:octets]
            self._rest = self._rest[len(taken) :]
            octets -= len(taken)
            yield taken  # type: ignore[misc]  # a view is as good, and saves a copy

    def goes_on(self) -> bool:
        """Whether there is any more."""
        while not self._rest:
            following = next(self._chunks, None)
            if following is None:
                return False
            self._rest = memoryview(following)
        return True


def free_name(
    place: S3Place, prefix: str, names: Iterable[str], kept: Collection[str], octets: int
) -> str:
    """The first of some names that nothing has, or of which a killed writer left parts.

    Args:
        prefix: what all of them begin with.
        kept: names that a sidecar speaks of.
        octets: as announced.
    """
    limit = place.address.object_limit
    there = {one.name: one.octets for one in place.list(prefix)}
    for name in names:
        parts = {one: octets for one, octets in there.items() if number_of(name, one)}
        if name in there or name in kept:
            continue
        if not parts or (octets > limit and _can_go_on(name, parts, limit)):
            return name
    raise AssertionError("the names have no end")


def _can_go_on(name: str, parts: dict[str, int], limit: int) -> bool:
    """Whether parts are of today's size; only the last may be shorter."""
    last = max(parts, key=lambda one: number_of(name, one), default="")
    return all(octets == limit or (one == last and octets < limit) for one, octets in parts.items())
