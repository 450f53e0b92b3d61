"""SHA-256 and SHA-512 of several messages at once, each in a lane of the processor's registers.

Two to three times as fast as OpenSSL, one message after the other. The lanes are a small extension
in C (``native/``, by FIPS 180-4), there where a compiler was and the processor has AVX-512; where
not, OpenSSL does the same work. What the lanes say is trusted where it agrees with a digest that is
known; before anything is called altered, OpenSSL is asked
(docs/decisions/0205-several-files-are-hashed-at-once.md).

Attributes:
    LANES: how many messages of an algorithm are hashed at once; empty where none are.
    PAYS: how many of them are hashed faster so than by OpenSSL, one after the other.
    PATH: the file of the extension; empty where it is not used.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

Octets = bytes | bytearray | memoryview

try:
    from preservation.fixity import _sha2
except ImportError:
    _extension: ModuleType | None = None
else:
    _extension = _sha2


class Stream(Protocol):
    """A stream of octets that :func:`update` hashes."""

    def digest(self) -> bytes:
        """The digest of all octets so far; more may follow."""
        ...


def stream(name: str) -> Stream:
    """A new one; ``name`` is ``hashlib``'s."""
    return _of(name).State(name)  # type: ignore[no-any-return]


def update(streams: Sequence[Stream], buffers: Sequence[Octets]) -> None:
    """Each stream, all of one algorithm, takes in its buffer; the GIL is not held meanwhile.

    Lanes are used best where the buffers are about as long as each other.

    Raises:
        ValueError: a stream is there twice, or another thread hashes it; there are not as many
            buffers as streams.
    """
    if streams and isinstance(streams[0], _OneByOne.State):
        _OneByOne.update(streams, buffers)
    elif streams and _extension is not None:
        _extension.update(streams, buffers)


def digests(name: str, buffers: Sequence[Octets]) -> bytes:
    """The digests of whole buffers, of any lengths, joined; the GIL is not held meanwhile."""
    return _of(name).digests(name, buffers)  # type: ignore[no-any-return]


class _OneByOne:
    """What the extension does, by OpenSSL."""

    class State:
        __slots__ = ("hash",)

        def __init__(self, name: str) -> None:
            self.hash = hashlib.new(name)

        def digest(self) -> bytes:
            return self.hash.digest()

    @staticmethod
    def update(streams: Sequence[Any], buffers: Sequence[Octets]) -> None:
        for each, buffer in zip(streams, buffers, strict=True):
            each.hash.update(buffer)

    @staticmethod
    def digests(name: str, buffers: Sequence[Octets]) -> bytes:
        return b"".join(hashlib.new(name, buffer).digest() for buffer in buffers)


def _of(name: str) -> Any:
    return _extension if name in LANES else _OneByOne


def _agrees(extension: ModuleType) -> bool:
    """Whether lanes and OpenSSL say the same, over all ways in which a message may end, of whole
    buffers and of streams.
    """
    buffers = [bytes(range(size % 256)) * (size // 64 + 1) for size in range(0, 300, 7)]
    for name in extension.LANES:
        known = _OneByOne.digests(name, buffers)
        if extension.digests(name, buffers) != known:
            return False
        streams = [extension.State(name) for _ in buffers]
        for piece in (slice(100), slice(100, None)):
            extension.update(streams, [buffer[piece] for buffer in buffers])
        if b"".join([each.digest() for each in streams]) != known:
            return False
    return True


LANES: dict[str, int] = {}
PAYS: dict[str, int] = {}
PATH = ""
if _extension is not None:
    if _agrees(_extension):
        LANES, PAYS = dict(_extension.LANES), dict(_extension.PAYS)
        PATH = str(_extension.__file__)
    else:
        warnings.warn(
            f"{_extension.__file__} hashes wrongly on this machine and is not used: OpenSSL hashes"
            " instead. Make it anew: make clean, then what you made last",
            RuntimeWarning,
            stacklevel=1,
        )
