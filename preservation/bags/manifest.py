"""Manifest lines: a checksum, white space, and a path that is kept byte for byte.

From BagIt 1.0 on exactly three characters of a path are percent-encoded: ``%``, CR and LF.
Earlier versions had no encoding at all: what stands there is the name. Most tools do neither;
we do what each version says.

Source: RFC 8493 sections 2.1.3, 2.2.1, 2.4, 5.1; ``docs/formats/bag.md``.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from preservation.bags.findings import Findings
from preservation.errors import MalformedError
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.names import display, is_safe

PAYLOAD: Final = b"data/"
_NAME = re.compile(rb"(tag)?manifest-([^/]+)\.txt", re.IGNORECASE)
_LINE = re.compile(rb"([^ \t]+)[ \t]+(.+)", re.DOTALL)
_ESCAPE = re.compile(rb"%(.{0,2})", re.DOTALL)
_PLAIN = {b"25": b"%", b"0A": b"\n", b"0D": b"\r"}

Entry = tuple[bytes, bytes]  # path relative to the bag, digest in raw octets

# What a lot of lines may not hold anywhere in its paths to be taken as it is.
_ODD = (b"\\", b"\0", b"//", b"/\n", b"/./", b"/../", b"/.\n", b"/..\n")


class Records(NamedTuple):
    """Some lines of a manifest.

    Attributes:
        paths: relative to the bag.
        digests: in raw octets, one after the other; none where the algorithm is unknown.
        unusable: those of the paths whose digest cannot be used, and is zeros here.
    """

    paths: list[bytes]
    digests: bytes
    unusable: list[bytes]


@dataclass(frozen=True, slots=True)
class ManifestName:
    """What a manifest's file name says.

    Attributes:
        algorithm: None if it is not one that we can compute.
        is_tag: a tag manifest.
        normalised: the algorithm is spelled as the RFC wants it.
    """

    name: bytes
    algorithm: Algorithm | None
    is_tag: bool
    normalised: bool

    @classmethod
    def parse(cls, name: bytes) -> ManifestName | None:
        """Read a file name in the bag's base folder; None if it is not a manifest's."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        spelled = match[2].decode("utf-8", "replace")
        algorithm = Algorithm.named(spelled)
        plain = spelled.isascii() and spelled.isalnum() and name == name.lower()
        return cls(name, algorithm, match[1] is not None, plain)


def manifest_name(algorithm: Algorithm, *, tag: bool = False) -> bytes:
    """``manifest-sha256.txt`` or ``tagmanifest-sha256.txt``."""
    return f"{'tag' if tag else ''}manifest-{algorithm.value}.txt".encode()


def encode_path(path: bytes) -> bytes:
    """Spell a path in a manifest of BagIt 1.0."""
    if b"%" in path or b"\n" in path or b"\r" in path:
        return path.replace(b"%", b"%25").replace(b"\n", b"%0A").replace(b"\r", b"%0D")
    return path


def decode_path(text: bytes, *, legacy: bool = False) -> bytes:
    """Read a path of a manifest.

    Args:
        text: as it stands in the manifest.
        legacy: the bag's version is before 1.0, so that nothing is encoded.

    Raises:
        MalformedError: a percent sign that encodes none of the three characters.
    """
    if legacy or b"%" not in text:
        return text

    def plain(match: re.Match[bytes]) -> bytes:
        try:
            return _PLAIN[match[1].upper()]
        except KeyError:
            raise MalformedError(f"{display(text)}: not an escape: {display(match[0])}") from None

    return _ESCAPE.sub(plain, text)


def format_line(digest: bytes, path: bytes) -> bytes:
    """One line of a manifest: lower-case hexadecimal, two spaces, encoded path, LF."""
    return binascii.hexlify(digest) + b"  " + encode_path(path) + b"\n"


def format_lines(digests: bytes, paths: Sequence[bytes]) -> bytes:
    """Many lines of a payload manifest: the digests of all, joined, and paths below ``data/``."""
    whole = b"".join(paths)
    if b"%" in whole or b"\n" in whole or b"\r" in whole:
        paths = [encode_path(path) for path in paths]
    digits = binascii.hexlify(digests)
    width = len(digits) // max(1, len(paths))
    columns = [digits[at : at + width] for at in range(0, len(digits), width or 1)]
    lines = map((b"  " + PAYLOAD).join, zip(columns, paths, strict=True))
    return b"\n".join([*lines, b""])


class Parser:
    """Reads the lines of one manifest; whatever they hold becomes entries and findings.

    Args:
        name: whose lines these are.
        legacy: the bag's version is before 1.0.
        findings: where to tell what is wrong.
    """

    def __init__(self, name: ManifestName, *, legacy: bool, findings: Findings) -> None:
        self._name = name
        self._width = 0 if name.algorithm is None else 2 * name.algorithm.octets
        self._legacy = legacy
        self._findings = findings
        self._number = 0

    @property
    def digest_width(self) -> int:
        """Octets of a digest; 0 for an unknown algorithm."""
        return self._width // 2

    def records(self, lots: Iterable[list[bytes]]) -> Iterator[Records]:
        """Read lines in order, as many at a time as come."""
        for lot in lots:
            plain = self._plain(lot)
            if plain is not None:
                self._number += len(lot)
                yield plain
                continue
            entries = list(self.entries(lot))
            digests = [digest.ljust(self.digest_width, b"\0") for _, digest in entries]
            unusable = [path for path, digest in entries if not digest] if self._width else []
            yield Records([path for path, _ in entries], b"".join(digests), unusable)

    def entries(self, lines: Iterable[bytes]) -> Iterator[Entry]:
        """Read lines in order. A digest is empty if it cannot be used, or is of an unknown
        algorithm: its path still counts as listed.
        """
        for line in lines:
            self._number += 1
            match = _LINE.fullmatch(line)
            if match is None:
                self._add("BAG-MANIFEST-LINE", f"Found: {display(line[:200])!r}.")
                continue
            path = self._path(match[2])
            if path is not None:
                yield path, self._digest(match[1])

    def _plain(self, lot: list[bytes]) -> Records | None:
        """Lines of a payload manifest as nearly all are, at a fifth of the price; else None."""
        width = self._width
        between = b"".join([line[width : width + 7] for line in lot])
        if not width or self._name.is_tag or between != b"  data/" * len(lot):
            return None
        paths = [line[width + 2 :] for line in lot]
        text = b"\n".join(paths) + b"\n"
        if any(odd in text for odd in _ODD) or (b"%" in text and not self._legacy):
            return None
        try:
            return Records(paths, binascii.unhexlify(b"".join([line[:width] for line in lot])), [])
        except ValueError:
            return None

    def _digest(self, checksum: bytes) -> bytes:
        try:
            digest = binascii.unhexlify(checksum)
        except ValueError:
            digest = b""
        if not digest or (self._width and len(checksum) != self._width):
            self._add("BAG-MANIFEST-DIGEST", f"Found: {display(checksum[:200])!r}.")
            return b""
        return digest if self._width else b""

    def _path(self, text: bytes) -> bytes | None:
        """The path, or None if it leads nowhere that we would look."""
        path, codes = text, []
        if path.startswith(b"*") and (self._legacy or path.startswith(b"*data/")):
            codes.append("BAG-MANIFEST-ASTERISK")
            path = path[1:]
        if path.startswith(b"./"):
            codes.append("BAG-PATH-DOT-SLASH")
            path = path[2:]
        try:
            path = decode_path(path, legacy=self._legacy)
        except MalformedError:
            codes.append("BAG-PATH-ESCAPE")
        if b"\\" in path:
            codes.append("BAG-PATH-BACKSLASH")
        misplaced = self._misplaced(path)
        for code in (*codes, misplaced) if misplaced else codes:
            self._add(code, f"Found: {display(text[:4096])!r}.")
        return path if misplaced in ("", "BAG-TAGMANIFEST-SELF") else None

    def _misplaced(self, path: bytes) -> str:
        if not is_safe(path):
            return "BAG-PATH-UNSAFE"
        if not self._name.is_tag:
            return "" if path.startswith(PAYLOAD) else "BAG-PATH-OUTSIDE"
        if path.startswith(PAYLOAD):
            return "BAG-TAGMANIFEST-PAYLOAD"
        listed = ManifestName.parse(path)
        return "BAG-TAGMANIFEST-SELF" if listed is not None and listed.is_tag else ""

    def _add(self, code: str, detail: str) -> None:
        self._findings.add(code, f"{display(self._name.name)}:{self._number}", detail)
