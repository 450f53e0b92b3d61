"""Reads one object from its beginning to its end, over as many connections as it takes."""

from __future__ import annotations

import io
import time
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from preservation.errors import TierUnavailableError
from preservation.storage.s3.failures import ABSENT, TAKEN, code_of, etag_of, is_cut
from preservation.storage.s3.place import Object, S3Place

_BUFFER = 1 << 20
_TRIES = 5  # connections in a row that bring nothing
_PAUSE = 0.2  # seconds before the second try; doubled each time


def open_object(place: S3Place, what: Object) -> BinaryIO:
    """Open the very octets that were seen, as one stream.

    A connection that is cut is opened again where it broke off; an object that was replaced
    meanwhile is not read on.

    Raises (while it is read):
        TierUnavailableError: the service does not answer any more, or the object changed.
    """
    return cast(BinaryIO, io.BufferedReader(_ObjectStream(place, what), _BUFFER))


class _ObjectStream(io.RawIOBase):
    def __init__(self, place: S3Place, what: Object) -> None:
        self._place = place
        self._what = what
        self._at = 0
        self._body: Any = None
        self._failed = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        view = memoryview(buffer)
        while self._at < self._what.octets:
            try:
                data = self._open().read(min(len(view), self._what.octets - self._at))
            except Exception as error:
                if not is_cut(error):
                    raise
                data = b""
            if data:
                view[: len(data)] = data
                self._at += len(data)
                self._failed = 0
                return len(data)
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
            with place.errors():
                try:
                    said = place.client.get_object(
                        **place.about(what.name),
                        IfMatch=what.etag,
                        **({"Range": f"bytes={self._at}-"} if self._at else {}),
                    )
                except ClientError as error:
                    if code_of(error) in TAKEN | ABSENT:
                        raise self._changed() from None
                    raise
                etag = etag_of(said)
            if etag != what.etag or int(said["ContentLength"]) != self._left:
                raise self._changed()
            self._body = said["Body"]
        return self._body

    @property
    def _left(self) -> int:
        return self._what.octets - self._at

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
