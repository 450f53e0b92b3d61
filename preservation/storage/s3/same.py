"""Parts of a tar that are what they should be already, and need not be sent again.

A part is held against the very stream that would take its place, octet by octet: nothing that a
service says about it counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from preservation.errors import TierUnavailableError
from preservation.storage.s3.listing import Object
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.reading import open_objects

_READ = 1 << 20


class Compared:
    """A piece of a stream, which is read once, beside an object of its size."""

    def __init__(self, place: S3Place, there: Object, piece: Iterator[bytes]) -> None:
        self._place, self._there, self._piece = place, there, piece
        self._same = 0
        self._rest: bytes = b""

    def is_same(self) -> bool:
        """Read both, up to where they differ, or where the object can't be read any more."""
        with open_objects(self._place, [self._there]) as stream:
            for chunk in self._piece:
                if _read(stream, len(chunk)) != chunk:
                    self._rest = chunk
                    return False
                self._same += len(chunk)
        return self._same == self._there.octets

    def again(self) -> Iterator[bytes]:
        """The piece from its beginning: of the object, what was found the same; then the rest.

        Raises:
            TierUnavailableError: what was read a moment ago can't be read again.
        """
        if self._same:
            with open_objects(self._place, [self._there], 0, self._same) as stream:
                yield from iter(partial(stream.read, _READ), b"")
        yield self._rest
        yield from self._piece


def _read(stream: BinaryIO, octets: int) -> bytes:
    """So many octets; none where the object is in the way: it has to be replaced then."""
    try:
        return stream.read(octets)
    except TierUnavailableError:
        return b""
