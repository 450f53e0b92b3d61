"""Tables of digests: CSV by any common delimiter, with a header that names its columns.

As people keep them, and as DROID, PowerShell (``Get-FileHash | Export-Csv``), Exactly, TeraCopy
and spreadsheets write them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm

_PATHS = [  # as a header's column may be called, the likeliest first
    "filepath",
    "relativepath",
    "relpath",
    "fullpath",
    "fullname",
    "path",
    "filename",
    "file",
    "name",
    "uri",
    "location",
]
_DIGESTS = frozenset(
    ["checksum", "hash", "digest", "hashvalue", "checksumvalue", "filehash", "filechecksum"]
)
_KINDS = frozenset(
    [
        "algorithm",
        "hashalgorithm",
        "checksumalgorithm",
        "hashtype",
        "checksumtype",
        "digestalgorithm",
        "alg",
    ]
)
_FOREIGN = re.compile(
    r"(crc(32c?|64)?|blake[23]s?|xxh(ash)?(32|64|128)?|whirlpool|tiger|ripemd160)"
)
_ENDINGS = re.compile(r"(checksum|hash|sum|digest|hex|value)+$")
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column says what; -1 for none.

    Attributes:
        digests: number and algorithm of each column of digests; None: by an algorithm that we
            don't compute.
        any_digest: a column of digests whose algorithm another column, or the length, tells.
    """

    delimiter: str
    path: int
    digests: tuple[tuple[int, Algorithm | None], ...]
    any_digest: int
    algorithm: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One digest as a table has it.

    Attributes:
        algorithm: as the table calls it; empty if it doesn't say.
        known: None where it doesn't say, or where we don't compute it.
    """

    path: bytes
    digits: str
    algorithm: str
    known: Algorithm | None


def columns_of(header: bytes) -> Columns | None:
    """The columns that a first line names; None if it is no header of such a table."""
    text = header.decode("utf-8", "surrogateescape").rstrip("\r\n")
    delimiter = max(_DELIMITERS, key=text.count)
    if delimiter not in text:
        return None
    try:
        names = [_plain(name) for name in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:
        return None
    path = next((names.index(name) for name in _PATHS if name in names), -1)
    digests = tuple((number, algorithm) for number, algorithm in _digest_columns(names))
    any_digest = next((n for n, name in enumerate(names) if name in _DIGESTS), -1)
    algorithm = next((n for n, name in enumerate(names) if name in _KINDS), -1)
    if path < 0 or not (digests or any_digest >= 0):
        return None
    return Columns(delimiter, path, digests, any_digest, algorithm)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _digest_columns(names: list[str]) -> Iterator[tuple[int, Algorithm | None]]:
    for number, name in enumerate(names):
        bare = _ENDINGS.sub("", name).removeprefix("file")
        known = Algorithm.named(bare)
        if known is not None or _FOREIGN.fullmatch(bare):
            yield number, known


def cells(lines: Iterable[bytes], columns: Columns) -> Iterator[Cell | None]:
    """Every digest of every row; None for a row that has too few columns or breaks off."""
    texts = (line.decode("utf-8", "surrogateescape") for line in lines)
    reader = csv.reader(texts, delimiter=columns.delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None
            continue
        if any(row):
            yield from _row(row, columns)


def _row(row: list[str], columns: Columns) -> Iterator[Cell | None]:
    wanted = [columns.path, columns.any_digest, columns.algorithm]
    if len(row) <= max(*wanted, *(number for number, _ in columns.digests), 0):
        yield None
        return
    path = row[columns.path].encode("utf-8", "surrogateescape")
    for number, algorithm in columns.digests:
        if row[number].strip():
            name = "" if algorithm is None else algorithm.value
            yield Cell(path, row[number].strip(), name or "another", algorithm)
    if columns.any_digest >= 0 and (digits := row[columns.any_digest].strip()):
        told = row[columns.algorithm].strip() if columns.algorithm >= 0 else ""
        prefix, colon, rest = digits.rpartition(":")
        if colon:  # as in md5:d41d8c…
            told, digits = prefix, rest
        yield Cell(path, digits, told, Algorithm.named(told) if told else None)
