"""A stream cut into the parts of an upload: small ones in memory, large ones on disk.

A service counts at most 10,000 parts, so the parts of an object of terabytes are hundreds of
MiB each, and a part has to be there whole: it may have to be sent again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from preservation.files.spool import Spool
from preservation.storage.s3.line import Octets

IN_MEMORY = 8 << 20  # octets of a part; larger ones lie in a temporary file
_READ = 1 << 20
_SMALL = 32 << 10  # octets; fewer are copied rather than kept as they are


class Block:
    """One part's octets."""

    def __init__(self, size: int) -> None:
        self.octets = 0
        self._size = size
        self._kept: list[Octets] | Spool = [] if size <= IN_MEMORY else Spool()

    def take(self, data: memoryview) -> memoryview:
        """Add what there is room for; returns the rest.

        Raises:
            NotNowError: the temporary file cannot be written.
        """
        taken = data[: self._size - self.octets]
        if isinstance(self._kept, Spool):
            self._kept.append(taken)
        else:
            _keep(self._kept, taken)
        self.octets += len(taken)
        return data[len(taken) :]

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits."""
        return self.octets == self._size

    def body(self) -> bytes | io.RawIOBase:
        """The octets as a request of boto3's takes them."""
        return Body(self._kept) if isinstance(self._kept, Spool) else b"".join(self._kept)

    @property
    def pieces(self) -> Sequence[Octets] | None:
        """The octets as they came, one after the other; None where they lie on disk."""
        return None if isinstance(self._kept, Spool) else self._kept

    def sha256(self) -> str:
        """As the service writes it."""
        return base64.b64encode(self._digest("sha256")).decode()

    def md5(self) -> str:
        """As ETags of parts are written, where a service has no other digest."""
        return self._digest("md5").hex()

    def _digest(self, algorithm: str) -> bytes:
        hashed = hashlib.new(algorithm, usedforsecurity=False)
        if isinstance(self._kept, Spool):
            for at in range(0, self.octets, _READ):
                hashed.update(self._kept.read(at, _READ))
        else:
            for piece in self._kept:
                hashed.update(piece)
        return hashed.digest()


def _keep(pieces: list[Octets], data: memoryview) -> None:
    """Add some octets without copying them; small ones are joined, to be sent in fewer buffers."""
    if len(data) >= _SMALL and data.readonly:
        pieces.append(data)
    elif pieces and isinstance(pieces[-1], bytearray):
        pieces[-1] += data
    else:
        pieces.append(bytearray(data))


class Readable(Protocol):
    """What a :class:`Body` reads: a spool, an index."""

    @property
    def octets(self) -> int: ...

    def read(self, at: int, octets: int) -> bytes: ...


class Body(io.RawIOBase):
    """What one request sends from a file, from the beginning again where it is retried."""

    def __init__(self, spool: Readable) -> None:
        self._spool = spool
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._spool.octets}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._spool.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def blocks(chunks: Iterable[bytes], size: int) -> Iterator[Block]:
    """The same octets in pieces of one size; the last is shorter, the first may be empty."""
    block = Block(size)
    begun = False
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            view = block.take(view)
            if block.is_full:
                yield block
                begun, block = True, Block(size)
    if block.octets or not begun:
        yield block
