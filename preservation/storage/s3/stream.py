"""Some octets of one object as a stream, over as many connections in a row as it takes."""

from __future__ import annotations

import io
import time
from typing import Any

from botocore.exceptions import ClientError

from preservation.errors import TierUnavailableError
from preservation.storage.s3.failures import ABSENT, TAKEN, code_of, etag_of, given, is_cut
from preservation.storage.s3.place import Object, S3Place

_TRIES = 5  # connections in a row that bring nothing
_PAUSE = 0.2  # seconds before the second try; doubled each time


class Blocks(io.RawIOBase):
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


class ObjectStream(Blocks):
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
                    span = {} if is_whole else {"Range": f"bytes={self._at}-{self._stop - 1}"}
                    said = place.opened(what.name, IfMatch=what.etag, **span)
                except ClientError as error:
                    if code_of(error) in TAKEN | ABSENT:
                        raise self._changed() from None
                    raise
                if not said:
                    raise self._changed()
                etag, octets = etag_of(said), int(given(said, "ContentLength"))
            if etag != what.etag or octets != self.left:
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
