"""A sample of one file, read once and shared by all tests: its head, its tail, and looks between.

A small file is read whole. Of a larger one only head and tail are read; a test that wants to
look between pays from a budget, so that no file, however it is built, makes us read without end.
"""

from __future__ import annotations

import bz2
import codecs
import lzma
import os
import re
import zlib
from functools import cached_property
from itertools import islice

from preservation.model.deferred import dataclass

HEAD = 64 * 1024
TAIL = 64 * 1024
WHOLE = 1024 * 1024  # a file up to this size is read whole
LOOKS = 512  # between head and tail
LOOK = 1024 * 1024  # octets of one look
BUDGET = 16 * 1024 * 1024  # octets of all looks together
LINE = 400  # characters of a line that patterns see
MOST_LINES = 300
PROSE = 8 * 1024
TOLD = 60  # lines that tests of tables see
INNER = 4 * 1024  # octets that are unpacked to see what a compressed file holds

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GLANCE = 512
# Escape, form feed and the end mark of DOS occur in honest text.
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x1a\x0b\x08\x1c\x1d\x1e\x1f")) + b"\x7f"


_BEFORE_ROOT = re.compile(r"\s*(<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(\[.*?\]\s*)?>)", re.DOTALL)
_ROOT = re.compile(r"\s*<(?:[A-Za-z_][\w.\-]*:)?([A-Za-z_][\w.\-]*)([^>]*)")


class OverBudgetError(Exception):
    """A test wants to read more of a file than identification may."""


@dataclass
class Sample:
    """The octets of one file, as far as they are needed.

    Attributes:
        fd: open for reading; -1 where ``head`` is all there is.
        octets: the file's size.
        extension: of the name, lower case, without the dot.
    """

    fd: int
    octets: int
    extension: str
    head: bytes
    tail: bytes
    whole: bytes | None = None
    _looks: int = LOOKS
    _budget: int = BUDGET

    @classmethod
    def of(cls, fd: int, octets: int, extension: str) -> Sample:
        """Read what every test shares.

        Raises:
            OSError: the medium failed.
        """
        if octets <= WHOLE:
            data = _read(fd, octets, 0)
            return cls(fd, len(data), extension, data[:HEAD], data[-TAIL:], data)
        head, tail = _read(fd, HEAD, 0), _read(fd, TAIL, octets - TAIL)
        return cls(fd, octets, extension, head, tail)

    def at(self, offset: int, octets: int) -> bytes:
        """Octets at an offset; fewer at the end, none beyond it.

        Raises:
            OverBudgetError: this file was looked into too often already.
            OSError: the medium failed.
        """
        if offset < 0 or octets <= 0 or offset >= self.octets:
            return b""
        if self.whole is not None:
            return self.whole[offset : offset + octets]
        if offset + octets <= len(self.head):
            return self.head[offset : offset + octets]
        start = self.octets - len(self.tail)
        if offset >= start:
            return self.tail[offset - start : offset - start + octets]
        if self.fd < 0:
            return self.head[offset : offset + octets]
        if octets > LOOK or self._looks == 0 or octets > self._budget:
            raise OverBudgetError
        self._looks -= 1
        self._budget -= octets
        return _read(self.fd, octets, offset)

    def ends(self, head: int, tail: int) -> bytes:
        """So many octets of the beginning and of the end, joined; they are not to overlap.

        Raises:
            OSError: the medium failed.
        """
        start = self.head if head <= len(self.head) else self.whole
        end = self.tail if tail <= len(self.tail) else self.whole
        if start is None or end is None:
            return _read(self.fd, head, 0) + _read(self.fd, tail, self.octets - tail)
        return start[:head] + end[len(end) - tail :]

    @cached_property
    def text(self) -> str | None:
        """The head as text; None if it is none."""
        return decode(self.head, self.octets <= len(self.head))

    @cached_property
    def lines(self) -> list[str]:
        """Lines of the head; the last one only if the file ends there too."""
        if self.text is None:
            return []
        lines = self.text.splitlines()
        return lines if self.octets <= len(self.head) else lines[:-1]

    @cached_property
    def ending(self) -> str:
        """The tail as text, whatever it is."""
        return self.tail.decode("utf-8", "replace")

    @cached_property
    def told(self) -> list[str]:
        """The first lines that are neither blank nor comments."""
        lines = (line for line in self.lines if not line.startswith("#") and line.strip())
        return list(islice(lines, TOLD))

    @cached_property
    def cells(self) -> list[list[str]]:
        """These lines, split at tabs."""
        return [line.split("\t") for line in self.told]

    @cached_property
    def prose(self) -> str:
        """The head as lines that are neither blank nor long: what patterns may search safely."""
        lines = [line[:LINE] for line in self.lines[:MOST_LINES] if line and not line.isspace()]
        return "\n".join(lines)[:PROSE]

    @cached_property
    def start(self) -> str:
        """The head as text without white space before it; empty if it is no text."""
        return "" if self.text is None else self.text.lstrip()

    @cached_property
    def root(self) -> tuple[str, str]:
        """The name of an XML document's root element and the text of its attributes; else empty.

        Source: XML 1.0, 2.8 prolog; Namespaces in XML 1.0, 4.
        """
        text, at = self.start, 0
        if not text.startswith("<"):
            return "", ""
        while found := _BEFORE_ROOT.match(text, at):
            at = found.end()
        root = _ROOT.match(text, at)
        return (root[1], root[2]) if root else ("", "")

    @cached_property
    def inner(self) -> bytes:
        """What the head unpacks to, if the file is compressed by gzip, bzip2 or xz."""
        return _unpacked(self.head)


def decode(head: bytes, whole: bool) -> str | None:
    """Read octets as text, in Unicode or else in some 8-bit encoding; None if they are binary."""
    mark, encoding = next((bom for bom in _BOMS if head.startswith(bom[0])), (b"", ""))
    if not mark:
        return None if has_controls(head) else _without_mark(head, whole)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head[len(mark) :], whole)
    except UnicodeDecodeError:
        return None
    return None if any(chr(code) in text for code in CONTROLS) else text


def has_controls(data: bytes) -> bool:
    """Whether there are control characters that text has no use for."""
    start = data[:_GLANCE]  # where most of what is no text shows it
    if len(start.translate(None, CONTROLS)) != len(start):
        return True
    return len(data) > _GLANCE and len(data.translate(None, CONTROLS)) != len(data)


def _without_mark(head: bytes, whole: bool) -> str | None:
    """Text in UTF-8, or else in some national encoding; None if it is neither."""
    try:
        return codecs.utf_8_decode(head, "strict", whole)[0]
    except UnicodeDecodeError:
        return _in_eight_bits(head)


def _in_eight_bits(head: bytes) -> str | None:
    """Text in a national encoding is mostly ASCII, or mostly not: never octets in equal shares."""
    high = sum(head[:4096].translate(_HIGH)) / max(1, len(head[:4096]))
    return head.decode("latin-1") if high < 0.3 or b"\n" in head[:4096] else None


_HIGH = bytes(128) + bytes([1]) * 128


def _read(fd: int, octets: int, offset: int) -> bytes:
    data = os.pread(fd, octets, offset)
    while len(data) < octets and (more := os.pread(fd, octets - len(data), offset + len(data))):
        data += more
    return data


def _unpacked(head: bytes) -> bytes:
    try:
        if head.startswith(b"\x1f\x8b\x08"):
            return zlib.decompressobj(31).decompress(head, INNER)
        if head.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(head, INNER)
        if head.startswith(b"\xfd7zXZ\0"):
            return lzma.LZMADecompressor(memlimit=64 << 20).decompress(head, INNER)
    except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError):
        return b""
    return b""
