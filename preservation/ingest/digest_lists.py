"""Digests that lie beside the files: which lists there are, and what their lines say.

Known are BagIt manifests, the lists of ``sha256sum`` and its kin in GNU and BSD style, of
Windows' FCIV and ``Get-FileHash``, ``hashdeep``, tables with a header, and a lone digest in
``x.md5`` beside ``x``. Reading a list never fails, and passes nothing over: a line that says
nothing we know, or a digest that we do not compute, is given back as :class:`Odd`.

Source: GNU coreutils manual, "cksum output modes"; hashdeep(1); RFC 8493 section 2.1.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain

from preservation.ingest.digest_tables import Cell, cells, columns_of
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest

_NAMES = rb"md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512|sha3-?256|sha3-?512|blake2b?|b2"
_FOREIGN_NAMES = rb"sfv|crc(?:32)?|xxh(?:32|64|128)?|b3|blake3|tiger|whirlpool|ripemd160|md4|tth"
_MANIFEST = re.compile(rb"(?:tag)?manifest-([a-z0-9]+)\.txt")
_SUMS = re.compile(rb"(?i)(?:.*[-_. ])?(%b)(?:[-_]?sums?)?(?:\.txt|\.asc)" % _NAMES)
_PLAIN_SUMS = re.compile(rb"(?i)(%b)[-_]?sums?" % _NAMES)
_BESIDE = re.compile(rb"(?i)(.+)\.(%b)(?:sum)?(?:\.txt)?" % _NAMES)
_FOREIGN = re.compile(rb"(?i)(?:.+\.)?(?:%b)(?:[-_]?sums?)?(?:\.txt)?" % _FOREIGN_NAMES)
_ABOUT_MANY = re.compile(
    rb"(?i)(all|files?|check[-_]?sums?|hash(es)?|digests?|manifest|(md5|sha\d+)sums?)"
)
_GENERAL = re.compile(rb"(?i)(check|hash)[-_]?(sums?|deep|list|es)?.*\.(txt|csv|hash)|hashdeep.*")
_TABLE = re.compile(
    rb"(?i).*(md5|sha-?\d|check|hash|digest|fixity|manifest|inventory|file|index|contents)"
    rb".*\.(csv|tsv|tab)"
)

_GNU = re.compile(rb"(\\?)([0-9A-Fa-f]{8,128})(?:  | \*)(.+)")
_LOOSE = re.compile(rb"(\\?)([0-9A-Fa-f]{32,128})[ \t]+\*?(.+)")
_BSD = re.compile(rb"(\\?)([A-Za-z0-9/-]+) \((.+)\) ?= ?([0-9A-Fa-f]{8,128})")
_LONE = re.compile(rb"([0-9A-Fa-f]{32,128})")
_ESCAPED = re.compile(rb"\\([\\nr])")
_UNESCAPED = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}
_LONGEST = 16 * 1024  # octets: four times the longest path, and a digest
_COMMENTS = (b"##", b"#", b"//", b";")
_BY_OCTETS = {16: Algorithm.MD5, 20: Algorithm.SHA1, 28: Algorithm.SHA224}
_BY_OCTETS |= {32: Algorithm.SHA256, 48: Algorithm.SHA384, 64: Algorithm.SHA512}


class ListKind(Enum):
    """Whose list it is."""

    BAGIT = "BagIt manifest"
    SUMS = "checksum list"
    HASHDEEP = "hashdeep"
    TABLE = "table"
    BESIDE = "digest beside its file"


class Odd(Enum):
    """What a line is that gives no digest."""

    UNKNOWN = "says nothing that we know"
    FOREIGN = "a digest by an algorithm that we do not compute"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file whose name says that it holds digests.

    Attributes:
        algorithm: as the name says; None where each line has to say.
        subject: the one file that a digest beside a file is about, by name.
        foreign: the name says an algorithm that we do not compute.
    """

    kind: ListKind
    algorithm: Algorithm | None
    subject: bytes = b""
    foreign: bool = False

    @property
    def says_so(self) -> bool:
        """True if nothing but digests can be expected under such a name: ``SHA256SUMS``."""
        return self.kind not in (ListKind.TABLE, ListKind.HASHDEEP) and self.algorithm is not None


@dataclass(frozen=True, slots=True)
class Line:
    """One digest of one file, the name as the list has it.

    Attributes:
        guessed: nobody says by which algorithm: the commonest of this length was taken.
    """

    name: bytes
    digest: Digest
    guessed: bool = False


def recognise(name: bytes) -> Recognised | None:
    """Tell by its name whether a file holds digests; None if it doesn't look like it."""
    if manifest := _MANIFEST.fullmatch(name):
        algorithm = Algorithm.named(manifest[1].decode())
        return Recognised(ListKind.BAGIT, algorithm, foreign=algorithm is None)
    if sums := _PLAIN_SUMS.fullmatch(name):
        return Recognised(ListKind.SUMS, _named(sums[1]))
    if beside := _BESIDE.fullmatch(name):
        algorithm = _named(beside[2])
        if _ABOUT_MANY.fullmatch(beside[1]):
            return Recognised(ListKind.SUMS, algorithm)
        return Recognised(ListKind.BESIDE, algorithm, beside[1])
    if sums := _SUMS.fullmatch(name):
        return Recognised(ListKind.SUMS, _named(sums[1]))
    if _FOREIGN.fullmatch(name):
        return Recognised(ListKind.SUMS, None, foreign=True)
    if _GENERAL.fullmatch(name):
        return Recognised(ListKind.SUMS, None)
    return Recognised(ListKind.TABLE, None) if _TABLE.fullmatch(name) else None


def _named(text: bytes) -> Algorithm | None:
    name = text.decode().lower()
    return Algorithm.BLAKE2B if name in ("b2", "blake2") else Algorithm.named(name)


def read_lines(lines: Iterable[bytes], seen: Recognised) -> Iterator[Line | Odd]:
    """What each line says; one of a table may say several. Blank lines and comments are skipped."""
    rest = iter(lines)
    for raw in rest:
        if not raw.strip():
            continue
        columns = columns_of(raw) if seen.kind in (ListKind.TABLE, ListKind.SUMS) else None
        if columns is not None and _parsed(raw, seen) is Odd.UNKNOWN:
            yield from map(_of_cell, cells(rest, columns))
            return
        rest = chain([raw], rest)
        break
    yield from _plain_lines(rest, seen)


def _plain_lines(lines: Iterable[bytes], seen: Recognised) -> Iterator[Line | Odd]:
    hashdeep: list[Algorithm | None] | None = None
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if not line.strip():
            continue
        if line.startswith(b"%%%%"):
            hashdeep = _hashdeep_columns(line) if b"," in line else hashdeep
        elif line.startswith(_COMMENTS) and not isinstance(_parsed(line, seen), Line):
            continue
        elif hashdeep is not None:
            yield from _hashdeep(line, hashdeep)
        else:
            yield _parsed(line, seen)


def _parsed(line: bytes, seen: Recognised) -> Line | Odd:
    line = line.rstrip(b"\r\n")
    if seen.foreign:
        return Odd.FOREIGN
    if len(line) > _LONGEST:
        return Odd.UNKNOWN
    if bsd := _BSD.fullmatch(line):
        algorithm = Algorithm.named(bsd[2].decode())
        if algorithm is None:
            return Odd.FOREIGN
        return _line(_unescaped(bsd[3], bsd[1]), bsd[4], algorithm)
    if gnu := _GNU.fullmatch(line) or _LOOSE.fullmatch(line):
        name = gnu[3] if seen.kind is ListKind.BAGIT else _unescaped(gnu[3], gnu[1])
        return _line(name, gnu[2], seen.algorithm)
    if seen.subject and (lone := _LONE.fullmatch(line.strip())):
        return _line(seen.subject, lone[1], seen.algorithm)
    return Odd.UNKNOWN


def _line(name: bytes, digits: bytes, algorithm: Algorithm | None) -> Line | Odd:
    """A line's value, unless the digest has another length than its algorithm."""
    if len(digits) % 2:
        return Odd.UNKNOWN
    value = bytes.fromhex(digits.decode())
    guess = algorithm or _BY_OCTETS.get(len(value))
    if guess is None:
        return Odd.FOREIGN
    if guess.octets != len(value):
        return Odd.UNKNOWN
    return Line(name, Digest(guess, value), guessed=algorithm is None)


def _of_cell(cell: Cell | None) -> Line | Odd:
    if cell is None or not cell.path:
        return Odd.UNKNOWN
    if cell.algorithm and cell.known is None:
        return Odd.FOREIGN
    digits = cell.digits.encode("utf-8", "surrogateescape")
    return _line(cell.path, digits, cell.known) if _LONE.fullmatch(digits) else Odd.UNKNOWN


def _unescaped(name: bytes, marked: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: _UNESCAPED[found[1]], name) if marked else name


def _hashdeep_columns(header: bytes) -> list[Algorithm | None]:
    """The algorithms of hashdeep's header ``%%%% size,md5,sha256,filename``."""
    names = header.lstrip(b"% ").split(b",")
    return [Algorithm.named(name.strip().decode("ascii", "replace")) for name in names[1:-1]]


def _hashdeep(line: bytes, columns: list[Algorithm | None]) -> Iterator[Line | Odd]:
    fields = line.split(b",", len(columns) + 1)
    if len(fields) != len(columns) + 2:
        yield Odd.UNKNOWN
        return
    if not any(columns):
        yield Odd.FOREIGN
    for algorithm, digits in zip(columns, fields[1:-1], strict=True):
        if algorithm is not None:
            known = _LONE.fullmatch(digits) is not None
            yield _line(fields[-1], digits, algorithm) if known else Odd.UNKNOWN
