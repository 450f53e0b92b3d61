"""Reads objects to their end, or a range of them, over as many connections as it takes.

Several objects are one stream: the parts of a tar that one object could not hold.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from preservation.errors import TierUnavailableError
from preservation.storage.s3.failures import ABSENT, TAKEN, code_of, etag_of, is_cut
from preservation.storage.s3.place import Object, S3Place

_BUFFER = 1 << 20
_TRIES = 5  # connections in a row that bring nothing
_PAUSE = 0.2  # seconds before the second try; doubled each time


def open_objects(
    place: S3Place, whole: Sequence[Object], offset: int = 0, octets: int | None = None
) -> BinaryIO:
    """Open the very octets that were seen, as one stream.

    A connection that is cut is opened again where it broke off; an object that was replaced
    meanwhile is not read on.

    Args:
        whole: the objects, in order.
        offset: of the first octet in all of them together.
        octets: how many are asked for; all that are left, if None.

    Raises (while it is read):
        TierUnavailableError: the service does not answer any more, or an object changed.
    """
    end = sum(one.octets for one in whole) if octets is None else offset + octets
    streams: list[_ObjectStream] = []
    for one in whole:
        if offset < one.octets and end > 0:
            streams.append(_ObjectStream(place, one, offset, min(end, one.octets)))
        offset, end = max(0, offset - one.octets), end - one.octets
    raw: _Blocks = streams[0] if len(streams) == 1 else _Joined(streams)
    return cast(BinaryIO, io.BufferedReader(raw, _BUFFER))


class _Blocks(io.RawIOBase):
    """A stream that gives what it has without copying it once more."""

    def readable(self) -> bool:
        return True

    def block(self, octets: int) -> bytes:
        """The next octets, at most so many; nothing at the end."""
        raise NotImplementedError

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self.block(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Joined(_Blocks):
    """Streams one after the other."""

    def __init__(self, streams: Sequence[_Blocks]) -> None:
        self._streams = deque(streams)

    def block(self, octets: int) -> bytes:
        while self._streams:
            data = self._streams[0].block(octets)
            if data:
                return data
            self._streams.popleft().close()
        return b""

    def close(self) -> None:
        """Let all of them go."""
        while self._streams:
            self._streams.popleft().close()
        super().close()


class _ObjectStream(_Blocks):
    """Octets ``start`` to ``stop`` of an object."""

    def __init__(self, place: S3Place, what: Object, start: int, stop: int) -> None:
        self._place = place
        self._what = what
        self._at, self._stop = start, stop
        self._body: Any = None
        self._failed = 0

    def block(self, octets: int) -> bytes:
        while self._at < self._stop:
            try:
                data = bytes(self._open().read(min(octets, self.left)))
            except Exception as error:
                if not is_cut(error):
                    raise
                data = b""
            if data:
                self._at += len(data)
                self._failed = 0
                return data
            self._again()
        return b""

    def close(self) -> None:
        """Let the connection go, read to its end or not."""
        if self._body is not None:
            self._body.close()
            self._body = None
        super().close()

    def _open(self) -> Any:
        if self._body is None:
            place, what = self._place, self._what
            is_whole = self.left == what.octets
            with place.errors():
                try:
                    said = place.client.get_object(
                        **place.about(what.name),
                        IfMatch=what.etag,
                        **({} if is_whole else {"Range": f"bytes={self._at}-{self._stop - 1}"}),
                    )
                except ClientError as error:
                    if code_of(error) in TAKEN | ABSENT:
                        raise self._changed() from None
                    raise
                etag = etag_of(said)
            if etag != what.etag or int(said["ContentLength"]) != self.left:
                raise self._changed()
            self._body = said["Body"]
        return self._body

    @property
    def left(self) -> int:
        """Octets to come."""
        return self._stop - self._at

    def _again(self) -> None:
        """Let a connection go that was cut, and wait a little longer each time."""
        if self._body is not None:
            self._body.close()
            self._body = None
        self._failed += 1
        if self._failed == _TRIES:
            raise TierUnavailableError(
                f"tier {self._place.id}: {self._what.name}: cut off at octet {self._at}, "
                f"{_TRIES} times in a row",
                hint="look at the network and at the service, then try again",
                code="TIER-S3",
            )
        time.sleep(_PAUSE * 2 ** (self._failed - 1))

    def _changed(self) -> TierUnavailableError:
        return TierUnavailableError(
            f"tier {self._place.id}: {self._what.name} was replaced or removed while it was read",
            hint="does something else write there? try again",
            code="TIER-S3",
        )
