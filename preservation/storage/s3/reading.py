"""Reads objects to their end, or a range of them, over as many connections as it takes.

Several objects are one stream: the parts of a tar that one object could not hold.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import BinaryIO, cast

from preservation.storage.s3.ahead import SEGMENT, Ahead
from preservation.storage.s3.listing import Object
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.stream import ObjectStream

_BUFFER = 64 << 10  # octets; what is longer goes by it, without being copied


def open_objects(
    place: S3Place, whole: Sequence[Object], offset: int = 0, octets: int | None = None
) -> BinaryIO:
    """Open the very octets that were seen, as one stream.

    A connection that is cut is opened again where it broke off; an object that was replaced
    meanwhile is not read on. What is long comes in segments, over several connections, where the
    service reads from the middle of an object.

    Args:
        whole: the objects, in order.
        offset: of the first octet in all of them together.
        octets: how many are asked for; all that are left, if None.

    Raises (while it is read):
        TierUnavailableError: the service does not answer any more, or an object changed.
    """
    end = sum(one.octets for one in whole) if octets is None else offset + octets
    streams: list[io.RawIOBase] = []
    for one in whole:
        if offset < one.octets and end > 0:
            streams.append(_opened(place, one, offset, min(end, one.octets)))
        offset, end = max(0, offset - one.octets), end - one.octets
    raw: io.RawIOBase = streams[0] if len(streams) == 1 else _Joined(streams)
    return cast(BinaryIO, io.BufferedReader(raw, _BUFFER))


def _opened(place: S3Place, what: Object, start: int, stop: int) -> io.RawIOBase:
    if stop - start > SEGMENT and place.reads_ranges(what):
        return Ahead(partial(ObjectStream, place, what), start, stop)
    return ObjectStream(place, what, start, stop)


class _Joined(io.RawIOBase):
    """Streams one after the other."""

    def __init__(self, streams: Sequence[io.RawIOBase]) -> None:
        self._streams = deque(streams)

    def readable(self) -> bool:
        return True

    def readinto(self, room: bytearray | memoryview) -> int:  # type: ignore[override]
        while self._streams and len(room):
            if come := self._streams[0].readinto(room):
                return come
            self._streams.popleft().close()
        return 0

    def close(self) -> None:
        """Let all of them go."""
        while self._streams:
            self._streams.popleft().close()
        super().close()
