"""A tar on a local disk as a stream past the page cache, a little ahead of its reader."""

from __future__ import annotations

import io
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait

from preservation.files.memory import for_medium
from preservation.fixity.direct import Direct

BLOCK = 1 << 20
_NOTHING = memoryview(b"")


class TarStream(io.RawIOBase):
    """The octets of one open file.

    While its reader works on one block the next one is read, as the page cache would do it. Who
    seeks does so because the medium fails somewhere: from then on exactly what is asked for is
    read, through the cache.

    Args:
        file: a regular one, where nothing was read yet; closed with the stream.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._direct = Direct(file.fileno())
        self._views = for_medium(BLOCK, 2)
        self._have = _NOTHING
        self._at = 0
        self._is_plain = False
        self._hand = ThreadPoolExecutor(1, "tar")
        self._coming: Future[int] = self._begin()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """So many octets, all that are left if below zero; fewer only at the end.

        Raises:
            OSError: as the system says.
        """
        data = (self._file.read(size) or b"") if self._is_plain else self._ahead(size)
        self._at += len(data)
        return data

    def _ahead(self, size: int) -> bytes:
        pieces: list[memoryview | bytes] = []
        while size and (self._have or self._turn()):
            taken = self._have if size < 0 else self._have[:size]
            self._have = self._have[len(taken) :]
            size -= len(taken) if size > 0 else 0
            if not size:
                pieces.append(taken)
                break
            pieces.append(bytes(taken))  # its room is about to be used again
        return b"".join(pieces)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_CUR:
            offset, whence = self._at + offset, os.SEEK_SET
        if whence != os.SEEK_SET or offset != self._at:
            if not self._is_plain:
                wait([self._coming])
                self._direct.stop()
                self._is_plain, self._have = True, _NOTHING
            self._at = self._file.seek(offset, whence)
        return self._at

    def close(self) -> None:
        """Wait for what is being read, and let the file go."""
        if not self.closed:
            self._hand.shutdown(wait=True, cancel_futures=True)
            self._file.close()
        super().close()

    def _begin(self) -> Future[int]:
        return self._hand.submit(self._direct.into, self._views[0])

    def _turn(self) -> bool:
        """Take the block that was read, and begin with the next; False at the end."""
        got = self._coming.result()  # one that failed fails again: nothing comes after it
        if got:
            self._have = self._views[0][:got]
            self._views.reverse()
            self._coming = self._begin()
        return bool(got)
