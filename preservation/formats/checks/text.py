"""Text in blocks, as UTF-8 where it is Unicode; and what its encoding is."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from preservation.formats.checks.subject import Invalid, Subject

BLOCK = 1 << 20
_BOMS = (  # the longer ones first: UTF-32-LE begins like UTF-16-LE
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x0b\x1a\x1b"))
_PROOF = 16  # characters beyond ASCII that make us sure that a text was meant as UTF-8


def mark(head: bytes) -> tuple[bytes, str]:
    """The byte order mark that a file begins with, and what it says; empty if there is none."""
    return next(((bom, name) for bom, name in _BOMS if head.startswith(bom)), (b"", ""))


def blocks(subject: Subject) -> Iterator[bytes]:
    """A text file's content without its byte order mark, UTF-16 and UTF-32 as UTF-8.

    Text that is not Unicode passes as it is: its encoding can't be known, and ASCII's
    delimiters are where they are in every 8-bit encoding.

    Raises:
        Invalid: NULs, or other bytes that no text has; UTF-8 or UTF-16 that breaks.
    """
    bom, name = mark(subject.at(0, 4))
    subject.facts["encoding"] = name or "utf-8"
    if bom:
        subject.facts["byte_order_mark"] = True
    text = _Text(subject, name or "utf-8", sure=bool(bom))
    at = len(bom)
    while at < subject.octets:
        data = subject.at(at, BLOCK)
        if not data:
            raise Invalid("truncated", f"the file ends at byte {at} of {subject.octets}")
        at += len(data)
        yield text.take(data, at - len(data), last=at >= subject.octets)


class _Text:
    """Decodes blocks as they come."""

    def __init__(self, subject: Subject, encoding: str, *, sure: bool) -> None:
        self._subject = subject
        self._decoder: codecs.IncrementalDecoder | None
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._wide = encoding != "utf-8"
        self._sure = sure
        self._beyond = 0  # characters beyond ASCII so far
        self._ascii = True

    def take(self, data: bytes, at: int, *, last: bool) -> bytes:
        """One block."""
        if not self._wide:
            _expect_text(data, at)
        if self._decoder is None:
            return data
        try:
            if self._ascii and not self._wide and data.isascii():
                return data
            self._ascii = False
            text = self._decoder.decode(data, last)
        except UnicodeDecodeError as error:
            self._broken(error, at)
            return data
        if self._wide:
            if "\0" in text:
                raise Invalid("NUL", f"a NUL character near byte {at}")
            return text.encode("utf-8", "surrogatepass")
        if self._beyond < _PROOF:
            self._beyond += sum(not char.isascii() for char in text)
        return data

    def _broken(self, error: UnicodeDecodeError, at: int) -> None:
        # Characters of this very block that came before the break count as proof, too.
        before = error.object[: error.start].decode("utf-8", "replace") if not self._wide else ""
        beyond = self._beyond + sum(not char.isascii() for char in before)
        if self._sure or beyond >= _PROOF:
            place = at + error.start
            raise Invalid("encoding", f"{error.encoding} breaks near byte {place}") from error
        self._subject.facts["encoding"] = "8-bit"
        self._decoder = None


def _expect_text(data: bytes, at: int) -> None:
    if b"\0" in data:
        raise Invalid("NUL", f"a NUL at byte {at + data.index(0)}")
    if len(data.translate(None, _CONTROLS)) != len(data):
        place = next(place for place, code in enumerate(data) if code in _CONTROLS)
        raise Invalid("binary", f"a control character at byte {at + place}: this is no text")
