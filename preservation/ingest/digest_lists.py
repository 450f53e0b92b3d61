"""Digests that lie beside the files: which lists there are, and what their lines say.

Known are BagIt manifests, the lists of ``sha256sum`` and its kin in GNU and BSD style,
``hashdeep``, and a lone digest in ``x.md5`` beside ``x``. Reading a list never fails: a line
that is none of these is counted and passed over.

Source: GNU coreutils manual, "cksum output modes"; hashdeep(1); RFC 8493 section 2.1.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from preservation.model.digest import Algorithm, Digest

_MANIFEST = re.compile(rb"(tag)?manifest-([a-z0-9]+)\.txt")
_SUMS = re.compile(rb"(?i)(md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512)[-_]?sums?(\.txt|\.asc)?")
_BESIDE = re.compile(rb"(?i)(.+)\.(md5|sha1|sha224|sha256|sha384|sha512)(sum)?(\.txt)?")
_ABOUT_MANY = re.compile(
    rb"(?i)(all|files?|check[-_]?sums?|hash(es)?|digests?|manifest|(md5|sha\d+)sums?)"
)
_GENERAL = re.compile(rb"(?i)(check|hash)[-_]?(sums?|deep|list|es)?.*\.(txt|csv|hash)|hashdeep.*")

_GNU = re.compile(rb"(\\?)([0-9A-Fa-f]{32,128})[ \t]+\*?(.+)")
_BSD = re.compile(rb"(\\?)([A-Za-z0-9-]+) \((.+)\) ?= ?([0-9A-Fa-f]{32,128})")
_LONE = re.compile(rb"([0-9A-Fa-f]{32,128})")
_ESCAPED = re.compile(rb"\\([\\nr])")
_UNESCAPED = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}
_BY_OCTETS = {16: Algorithm.MD5, 20: Algorithm.SHA1, 28: Algorithm.SHA224}
_BY_OCTETS |= {32: Algorithm.SHA256, 48: Algorithm.SHA384, 64: Algorithm.SHA512}


class ListKind(Enum):
    """Whose list it is."""

    BAGIT = "BagIt manifest"
    SUMS = "checksum list"
    HASHDEEP = "hashdeep"
    BESIDE = "digest beside its file"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file whose name says that it holds digests.

    Attributes:
        algorithm: as the name says; None where each line has to say.
        subject: the one file that a digest beside a file is about, by name.
    """

    kind: ListKind
    algorithm: Algorithm | None
    subject: bytes = b""


@dataclass(frozen=True, slots=True)
class Line:
    """One digest of one file, the name as the list has it."""

    name: bytes
    digest: Digest


def recognise(name: bytes) -> Recognised | None:
    """Tell by its name whether a file holds digests; None if it doesn't look like it."""
    if manifest := _MANIFEST.fullmatch(name):
        algorithm = Algorithm.named(manifest[2].decode())
        return Recognised(ListKind.BAGIT, algorithm) if algorithm else None
    if sums := _SUMS.fullmatch(name):
        return Recognised(ListKind.SUMS, Algorithm.named(sums[1].decode()))
    if beside := _BESIDE.fullmatch(name):
        algorithm = Algorithm.named(beside[2].decode())
        if _ABOUT_MANY.fullmatch(beside[1]):
            return Recognised(ListKind.SUMS, algorithm)
        return Recognised(ListKind.BESIDE, algorithm, beside[1])
    if _GENERAL.fullmatch(name):
        return Recognised(ListKind.SUMS, None)
    return None


def read_lines(lines: Iterable[bytes], seen: Recognised) -> Iterator[Line | None]:
    """What each line says; None for a line that says nothing we know. Blank ones are skipped."""
    columns: list[Algorithm | None] | None = None
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if not line.strip() or line.startswith(b"##"):
            continue
        if line.startswith(b"%%%%"):
            columns = _columns(line) if b"," in line else columns
            continue
        if columns is not None:
            yield from _hashdeep(line, columns)
        else:
            yield _read(line, seen)


def _read(line: bytes, seen: Recognised) -> Line | None:
    if bsd := _BSD.fullmatch(line):
        algorithm = Algorithm.named(bsd[2].decode())
        return _line(_unescaped(bsd[3], bsd[1]), bsd[4], algorithm)
    if gnu := _GNU.fullmatch(line):
        name = gnu[3] if seen.kind is ListKind.BAGIT else _unescaped(gnu[3], gnu[1])
        return _line(name, gnu[2], seen.algorithm)
    if seen.subject and (lone := _LONE.fullmatch(line.strip())):
        return _line(seen.subject, lone[1], seen.algorithm)
    return None


def _line(name: bytes, digits: bytes, algorithm: Algorithm | None) -> Line | None:
    """A line's value, unless the digest has another length than its algorithm."""
    if len(digits) % 2:
        return None
    value = bytes.fromhex(digits.decode())
    algorithm = algorithm or _BY_OCTETS.get(len(value))
    if algorithm is None or algorithm.octets != len(value):
        return None
    return Line(name, Digest(algorithm, value))


def _unescaped(name: bytes, marked: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: _UNESCAPED[found[1]], name) if marked else name


def _columns(header: bytes) -> list[Algorithm | None]:
    """The algorithms of hashdeep's header ``%%%% size,md5,sha256,filename``."""
    names = header.lstrip(b"% ").split(b",")
    return [Algorithm.named(name.strip().decode("ascii", "replace")) for name in names[1:-1]]


def _hashdeep(line: bytes, columns: list[Algorithm | None]) -> Iterator[Line | None]:
    fields = line.split(b",", len(columns) + 1)
    if len(fields) != len(columns) + 2:
        yield None
        return
    for algorithm, digits in zip(columns, fields[1:-1], strict=True):
        if algorithm is not None:
            known = _LONE.fullmatch(digits) is not None
            yield _line(fields[-1], digits, algorithm) if known else None
