"""Several digests of one stream of bytes, in one read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from preservation.model.digest import Algorithm, Digest

Octets = bytes | bytearray | memoryview


class Hash(Protocol):
    """What every object of hashlib can do."""

    def update(self, data: Octets, /) -> None: ...

    def digest(self) -> bytes: ...


# hashlib's own constructors: `hashlib.new` looks its name up on every call, which costs as much
# as hashing 2 KiB. MD5 and SHA-1 are computed for what depositors bring, not for security: said
# so, they work on machines in FIPS mode too.
_NEW: dict[Algorithm, Callable[..., Hash]] = {
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.SHA512: hashlib.sha512,
    Algorithm.SHA224: hashlib.sha224,
    Algorithm.SHA384: hashlib.sha384,
    Algorithm.SHA1: partial(hashlib.sha1, usedforsecurity=False),
    Algorithm.MD5: partial(hashlib.md5, usedforsecurity=False),
    Algorithm.SHA3_256: hashlib.sha3_256,
    Algorithm.SHA3_512: hashlib.sha3_512,
    Algorithm.BLAKE2B: hashlib.blake2b,
}


def new_hash(algorithm: Algorithm) -> Hash:
    """An empty one."""
    return _NEW[algorithm]()


class MultiHash:
    """Hashes a stream with every algorithm at once.

    Not safe for two threads at the same time. hashlib releases the GIL while it hashes more
    than 2 KiB, so different objects in different threads use different cores.

    Attributes:
        octets: how many were hashed so far.
    """

    __slots__ = ("_hashes", "octets")

    def __init__(self, algorithms: Iterable[Algorithm], data: Octets = b"") -> None:
        self._hashes = [(algorithm, _NEW[algorithm](data)) for algorithm in algorithms]
        self.octets = memoryview(data).nbytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to let go of."""

    def update(self, data: Octets) -> None:
        """Hash some more octets."""
        for _, state in self._hashes:
            state.update(data)
        self.octets += memoryview(data).nbytes

    def digests(self) -> dict[Algorithm, Digest]:
        """The digests of all octets so far; more may follow."""
        return {algorithm: Digest(algorithm, state.digest()) for algorithm, state in self._hashes}


def digest_bytes(data: bytes, algorithm: Algorithm = Algorithm.SHA256) -> Digest:
    """The digest of octets that are in memory."""
    return Digest(algorithm, _NEW[algorithm](data).digest())
