"""Some octets of one object as a stream, over as many connections in a row as it takes."""

from __future__ import annotations

import io
import time
from typing import Any

from preservation.errors import TierUnavailableError
from preservation.storage.s3.answer import Answer
from preservation.storage.s3.failures import (
    ABSENT,
    TAKEN,
    NotS3Error,
    code_of,
    etag_of,
    is_cut,
    octets_of,
    refusals,
)
from preservation.storage.s3.listing import Object
from preservation.storage.s3.place import S3Place

_TRIES = 5  # connections in a row that bring nothing
_PAUSE = 0.2  # seconds before the second try; doubled each time


class ObjectStream(io.RawIOBase):
    """Octets ``start`` to ``stop`` of an object."""

    def __init__(self, place: S3Place, what: Object, start: int, stop: int) -> None:
        self._place = place
        self._what = what
        self._at, self._stop = start, stop
        self._body: Any = None
        self._failed = 0

    def readable(self) -> bool:
        return True

    def readinto(self, room: bytearray | memoryview) -> int:  # type: ignore[override]
        """The next octets; none at the end."""
        view = memoryview(room).cast("B")
        while self._at < self._stop and len(view):
            try:
                octets = _taken(self._open(), view[: self.left])
            except Exception as error:
                if not is_cut(error):
                    raise
                octets = 0
            if octets:
                self._at += octets
                self._failed = 0
                return octets
            self._again()
        return 0

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
                    span = {} if is_whole else {"Range": f"bytes={self._at}-{self._stop - 1}"}
                    said = place.opened(what.name, IfMatch=what.etag, **span)
                except refusals() as error:
                    if code_of(error) in TAKEN | ABSENT:
                        raise self._changed() from None
                    raise
                if not said:
                    raise self._changed()
                if etag_of(said) != what.etag:
                    raise self._changed()
                comes = str(said.get("ContentRange") or "")
                if span and not comes.startswith(f"bytes {self._at}-{self._stop - 1}/"):
                    raise NotS3Error("it gives other octets than those that it is asked for")
                if octets_of(said) != self.left:
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


def _taken(body: Any, room: memoryview) -> int:
    """What comes of an answer's octets; of boto3's, too, which are not read into any room."""
    if isinstance(body, Answer):
        return body.readinto(room)
    data = body.read(len(room))
    room[: len(data)] = data
    return len(data)
