"""The lines of a list of digests, whatever program wrote it: UTF-8 or a local code page as bytes,
UTF-16 as Windows programs write it, with a byte-order mark or without, with CR LF or LF.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

LONGEST_LINE = 64 * 1024  # octets; what is longer is given in parts, none of which is a digest
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends, in UTF-8 where the encoding was told; names' bytes otherwise."""
    rest = b""
    for piece in _plain(pieces):
        rest += piece
        start = 0
        while (end := rest.find(b"\n", start) + 1) > 0:
            yield rest[start:end]
            start = end
        rest = rest[start:]
        while len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE]
            rest = rest[LONGEST_LINE:]
    if rest:
        yield rest


def _plain(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The octets without a byte-order mark, and not in UTF-16."""
    rest = iter(pieces)
    first = b""
    for piece in rest:
        first += piece
        if len(first) >= len(codecs.BOM_UTF8):
            break
    encoding = _UTF16.get(first[:2], "")
    if not encoding:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from rest
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first[2:]).encode()
    for piece in rest:
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()
