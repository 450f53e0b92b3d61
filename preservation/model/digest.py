"""Digests: a recorded fingerprint of some bytes, held as a value.

A digest is taken once, at a moment the archive trusts, and only compared after that.
Nothing here opens a file or reads a clock; hashing a stream belongs to
``preservation.fixity``.

Source: RFC 8493 section 2.4 (names in manifests), RFC 6234 (SHA-2 output sizes),
FIPS 202 (SHA-3), RFC 7693 (BLAKE2b).
"""

from __future__ import annotations

import re
from enum import Enum

from preservation.errors import MalformedError
from preservation.model.deferred import dataclass


class Algorithm(Enum):
    """An algorithm we can compute; the value is its manifest spelling.

    ``SHA256`` and ``SHA512`` are evidence. The others are computed for what depositors and
    partners bring along or ask for.
    """

    SHA256 = "sha256"
    SHA512 = "sha512"
    SHA1 = "sha1"
    SHA224 = "sha224"
    SHA384 = "sha384"
    MD5 = "md5"
    SHA3_256 = "sha3256"
    SHA3_512 = "sha3512"
    BLAKE2B = "blake2b512"

    # Members are one of a kind. Enum's own hash is Python code, and every digest looks it up.
    __hash__ = object.__hash__

    @property
    def octets(self) -> int:
        """Output length in octets. The hex form has twice as many characters."""
        return _OCTETS[self]

    @property
    def hashlib_name(self) -> str:
        """The name under which Python's ``hashlib.new`` knows it."""
        return _HASHLIB.get(self, self.value)

    @classmethod
    def named(cls, text: str) -> Algorithm | None:
        """Find an algorithm by its manifest spelling, forgiving case and hyphens."""
        return _BY_NAME.get(re.sub(r"[-_]", "", text.lower()))


_OCTETS = {
    Algorithm.SHA256: 32,
    Algorithm.SHA512: 64,
    Algorithm.SHA1: 20,
    Algorithm.SHA224: 28,
    Algorithm.SHA384: 48,
    Algorithm.MD5: 16,
    Algorithm.SHA3_256: 32,
    Algorithm.SHA3_512: 64,
    Algorithm.BLAKE2B: 64,
}
_HASHLIB = {
    Algorithm.SHA3_256: "sha3_256",
    Algorithm.SHA3_512: "sha3_512",
    Algorithm.BLAKE2B: "blake2b",
}
_BY_NAME = {a.value: a for a in Algorithm} | {"blake2b": Algorithm.BLAKE2B}


class Comparison(Enum):
    """What two digests say about each other. Silence is not agreement."""

    SAME = "same"
    DIFFERENT = "different"
    INCOMPARABLE = "incomparable"  # different algorithms: no evidence either way


@dataclass(frozen=True, slots=True)
class Digest:
    """One algorithm's output over one byte stream."""

    algorithm: Algorithm
    value: bytes

    def __post_init__(self) -> None:
        want, got = self.algorithm.octets, len(self.value)
        if got != want:
            raise MalformedError(f"{self.algorithm.value}: {want} octets wanted, {got} found")

    @classmethod
    def parse(cls, algorithm: Algorithm, text: str) -> Digest:
        """Read hex text as written in a manifest, in either letter case.

        Raises:
            MalformedError: a stray character, or the wrong length for the algorithm.
        """
        if not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
            raise MalformedError(f"{algorithm.value}: not hexadecimal: {text!r}")
        return cls(algorithm, bytes.fromhex(text))

    @classmethod
    def parse_tagged(cls, text: str) -> Digest:
        """Read ``sha256:<hex>``, the form that seals and policies are written in."""
        name, _, digits = text.partition(":")
        algorithm = Algorithm.named(name)
        if algorithm is None:
            raise MalformedError(
                f"no such digest algorithm: {text!r}", hint="write it as sha256:<64 digits>"
            )
        return cls.parse(algorithm, digits)

    def compare(self, other: Digest) -> Comparison:
        """Weigh this digest against another. Order does not matter."""
        if self.algorithm is not other.algorithm:
            return Comparison.INCOMPARABLE
        return Comparison.SAME if self.value == other.value else Comparison.DIFFERENT

    @property
    def hex(self) -> str:
        """Lower-case hexadecimal."""
        return self.value.hex()

    def __str__(self) -> str:
        return f"{self.algorithm.value}:{self.value.hex()}"
