"""How boto3 asks: over HTTP of botocore's own, where nothing goes on without end.

By itself botocore keeps all of an answer, however long it is, and waits as long as an octet comes
now and then. It does not obey Retry-After, and Ctrl-C ends none of its waits in other threads.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSResponse,
)
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import HTTPError

from preservation.files import stopping
from preservation.storage.s3.line import (
    LONG,
    LONGEST,
    SLOWEST,
    TOO_LONG,
    TOO_SLOW,
    EndlessError,
)
from preservation.storage.s3.waiting import Going, asked_for

_MOST = 64 << 20  # octets of an answer that is kept whole: a listing of versions, at most
_STEP = 256 << 10
_BEAT = 2.0  # seconds


class Session(URLLib3Session):  # type: ignore[misc]  # botocore has no types
    """Sends requests for a client of boto3: its handler of ``before-send``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._pool_classes_by_scheme = {"http": _PlainPool, "https": _TLSPool}
        self._manager.pool_classes_by_scheme = self._pool_classes_by_scheme
        self._going = Going()

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        """What is answered, its octets read unless they are wanted as a stream.

        Raises:
            EndlessError: it has no end.
            LaterError, StoppedError: nothing is asked now.
            HTTPClientError: as botocore does.
        """
        self._going.expect()
        is_stream, request.stream_output = request.stream_output, True
        request.headers.pop("Expect", None)  # what announces an answer is waited for without end
        patience = LONGEST if request.method == "POST" else LONG
        _watch.begin()
        try:
            said = self.send(request)
        except Exception as error:
            self._going.expect()
            if (endless := _endless(error)) is not None:
                raise endless from None  # botocore would ask once more for what is taken for a cut
            raise
        answer = AWSResponse(said.url, said.status_code, said.headers, _Body(said.raw, patience))
        if not is_stream:
            _ = answer.content  # botocore keeps it
        fields = {name.lower(): value for name, value in said.headers.items()}
        self._going.pause(asked_for(said.status_code, fields))
        return answer


def _endless(error: BaseException | None) -> EndlessError | None:
    """What was raised here, before libraries made errors of their own of it."""
    while error is not None and not isinstance(error, EndlessError):
        error = error.__context__
    return error


class _Watch:
    """Ends what is waited for too long. Reading is of libraries', so that it is another thread's to
    see that it does not end.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, float] = {}
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Watch, if nobody does: nobody did, or it was another process that this one is a child of.

        Before anything is asked, since a signal may come to whatever thread starts another one at
        that moment, and the first thread, which waits for an answer, does not hear of it.
        """
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="s3-watch", daemon=True)
            self._thread.start()

    @contextmanager
    def over(self, connection: Any, seconds: float) -> Iterator[None]:
        """Wait for a connection, so many seconds at most.

        Raises:
            EndlessError: that was not enough.
        """
        self._waiting[connection] = time.monotonic() + seconds
        try:
            yield
        finally:
            if self._waiting.pop(connection, None) is None:  # what came may even look whole
                raise EndlessError(TOO_SLOW) from None

    def _run(self) -> None:
        while True:
            time.sleep(_BEAT)
            now = time.monotonic()
            for connection, until in [*self._waiting.items()]:
                if now >= until and self._waiting.pop(connection, None) is not None:
                    connection.end()


_watch = _Watch()


class _Stoppable:
    """What both kinds of connections have beyond botocore's."""

    sock: Any

    def __init__(self, *settings: Any, **more: Any) -> None:
        super().__init__(*settings, **more)
        self._is_stopped = False
        stopping.heed(self)

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        if self._is_stopped:
            raise ConnectionAbortedError

    def getresponse(self) -> Any:
        with _watch.over(self, LONG):
            return super().getresponse()  # type: ignore[misc]

    def end(self) -> None:
        """End whatever somebody waits for here, from another thread."""
        if self.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def stop(self) -> None:
        """The same, for good."""
        self._is_stopped = True
        self.end()


class _Plain(_Stoppable, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _TLS(_Stoppable, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Plain


class _TLSPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TLS


class _Body:
    """An answer's octets, as botocore reads them.

    Args:
        raw: urllib3's.
        patience: seconds of waiting, after which they have to come at some rate.
    """

    def __init__(self, raw: Any, patience: float) -> None:
        self._raw, self._patience = raw, patience
        self._connection = raw.connection
        self._waited, self._come = 0.0, 0

    def read(self, octets: int | None = None) -> bytes:
        """So many octets, fewer at the end; or all of it."""
        if octets is None:
            return b"".join(self.stream())
        pieces: list[bytes] = []
        while octets and (data := self._some(octets)):
            octets -= len(data)
            pieces.append(data)
        return b"".join(pieces)

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """All octets.

        Raises:
            EndlessError: there are too many of them.
            HTTPClientError: they were cut off.
        """
        octets = 0
        while True:
            try:
                data = self._some(_STEP)
            except HTTPError as error:
                raise HTTPClientError(error=error) from None
            if not data:
                return
            octets += len(data)
            if octets > _MOST:
                self.close()
                raise EndlessError(TOO_LONG)
            yield data

    def _some(self, octets: int) -> bytes:
        since = time.monotonic()
        data = self._next(octets)
        self._waited += time.monotonic() - since
        self._come += len(data)
        if self._waited > self._patience and self._come < self._waited * SLOWEST:
            self.close()
            raise EndlessError(TOO_SLOW)
        return data

    def _next(self, octets: int) -> bytes:
        if self._connection is None:  # of an answer without any it was given back already
            return self._raw.read1(octets) or b""
        with _watch.over(self._connection, self._patience):
            return self._raw.read1(octets) or b""

    def close(self) -> None:
        """Let the connection go."""
        self._raw.close()
