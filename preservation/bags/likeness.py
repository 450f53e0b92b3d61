"""Names that are different octets and yet alike: by Unicode form, by case, by percent signs.

Whatever the number of names, they are brought together by sorting, on disk if need be.

Source: RFC 8493 section 6.1.1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from urllib.parse import unquote_to_bytes

from preservation.files.sorting import Sorter, distinct

Key = Callable[[bytes], bytes]


def composed(path: bytes) -> bytes:
    """A name in Unicode form NFC."""
    return path if path.isascii() else _bytes(_nfc(path))


def decoded(path: bytes) -> bytes:
    """A name without any percent-encoding, as URLs have it."""
    return unquote_to_bytes(path)


def folded(path: bytes) -> bytes:
    """A name as systems see it that tell neither case nor Unicode form."""
    # Lower case of ASCII is what casefold gives, at a tenth of its price.
    return path.lower() if path.isascii() else _bytes(_nfc(path).casefold())


def pairs(listed: Iterable[bytes], on_disk: Iterable[bytes], key: Key) -> Iterator[bytes]:
    """Names of two lists that are alike, and like no third one of either list.

    Returns:
        The listed name, a NUL, the name on disk; in no order.
    """
    both = Sorter()
    for tag, paths in ((b"0", listed), (b"1", on_disk)):
        for path in paths:
            both.add(key(path) + b"\0" + tag + path)
    for _, group in groupby(_names(both), lambda record: record.partition(b"\0")[0]):
        first, second, third = (next(group, b"").partition(b"\0")[2] for _ in range(3))
        if first[:1] == b"0" and second[:1] == b"1" and not third:
            yield first[1:] + b"\0" + second[1:]


def collisions(paths: Sorter) -> Iterator[tuple[bytes, bytes]]:
    """Names that differ only in case or Unicode form, each with the first of its kind."""
    if not _has_twins(paths):
        return
    by_key = Sorter()
    for piece in distinct(paths.slices()):
        by_key.extend([folded(path) + b"\0" + path for path in piece.paths])
    for _, group in groupby(_names(by_key), lambda record: record.partition(b"\0")[0]):
        first = b""
        for record in group:
            path = record.partition(b"\0")[2]
            if first:
                yield path, first
            first = first or path


def _has_twins(paths: Sorter) -> bool:
    keys, found = Sorter(), False

    def tell(_path: bytes, _same: bool) -> None:
        nonlocal found
        found = True

    for piece in distinct(paths.slices()):
        keys.extend(_all_folded(piece.paths))
    for _ in distinct(keys.slices(), tell):
        if found:
            break
    return found


def _all_folded(paths: list[bytes]) -> list[bytes]:
    text = b"\0".join(paths)
    if text.isascii():
        return text.lower().split(b"\0")
    return [folded(path) for path in paths]


def _names(sorter: Sorter) -> Iterator[bytes]:
    for piece in sorter.slices():
        yield from piece.paths


def _nfc(path: bytes) -> str:
    return unicodedata.normalize("NFC", path.decode("utf-8", "surrogateescape"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
