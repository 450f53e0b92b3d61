"""XML: well-formed. No entity is expanded, nothing is fetched, no DTD or schema is obeyed.

Source: XML 1.0 (fifth edition) section 2.1; expat's documentation on the default handler,
which keeps internal entities as they are, and on its limit of amplification.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Any
from xml.parsers import expat

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.formats.checks.text import BLOCK, mark
from preservation.model.format_check import Fact, Unchecked

LIBRARY = ""
_DECLARED = re.compile(rb"\A\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")
_KNOWN = frozenset({"utf-8", "utf-16", "us-ascii", "iso-8859-1", "ascii", "latin-1"})
_NO_MEMORY, _AMPLIFIED = 1, 43
_ENDED = frozenset({3, 5, 6, 20})  # no element, unclosed token, partial character, open CDATA


def check(subject: Subject) -> None:
    """Well-formedness, to the last byte."""
    parse(_pieces(subject), subject.facts, _encoding(subject))


def parse(pieces: Iterable[bytes], facts: dict[str, Fact], encoding: str = "") -> None:
    """Parse a document.

    Args:
        facts: gets the root element and what the document declares.
        encoding: of the pieces, where it isn't the one that they declare.

    Raises:
        Invalid: it is not well-formed.
        NotChecked: what its entities expand to is beyond any measure.
    """
    parser = expat.ParserCreate(encoding or None)
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    watch = _Watch(parser, facts)
    parser.StartElementHandler = watch.root
    parser.XmlDeclHandler = watch.declaration
    parser.StartDoctypeDeclHandler = watch.doctype
    parser.EntityDeclHandler = watch.entity
    # With a default handler, expat hands a reference to an internal entity over as it stands.
    parser.DefaultHandler = _ignore
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _wrong(error, facts) from error
    except (ValueError, LookupError) as error:  # an encoding that Python doesn't know
        raise NotChecked(Unchecked.CODEC_ABSENT, str(error)) from error


class _Watch:
    """Notes what a document says about itself, then leaves expat to run by itself."""

    def __init__(self, parser: expat.XMLParserType, facts: dict[str, Fact]) -> None:
        self._parser = parser
        self._facts = facts
        self._entities = 0

    def root(self, name: str, attributes: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        self._facts["root"] = local
        space = attributes.get(f"xmlns:{prefix}" if prefix else "xmlns")
        if space:
            self._facts["namespace"] = space
        self._parser.StartElementHandler = None
        if not self._entities:
            self._parser.DefaultHandler = None  # expat alone is four times as fast

    def declaration(self, version: str, encoding: str | None, _: int) -> None:
        self._facts["xml"] = version or "1.0"
        if encoding:
            self._facts["encoding"] = encoding

    def doctype(self, name: str, system: str | None, public: str | None, _: int) -> None:
        self._facts["doctype"] = public or system or name

    def entity(self, *_: Any) -> None:
        self._entities += 1
        self._facts["entities"] = self._entities


def _ignore(_: str) -> None:
    return


def _wrong(error: expat.ExpatError, facts: dict[str, Fact]) -> Exception:
    place = f"line {error.lineno}, column {error.offset + 1}"
    if error.code == _NO_MEMORY:
        return MemoryError()
    if facts.get("xml", "1.0") != "1.0":  # expat reads it by the rules of 1.0, which forbid more
        return NotChecked(Unchecked.CODEC_ABSENT, f"XML {facts['xml']} is not read here")
    words = expat.ErrorString(error.code)
    if error.code == _AMPLIFIED:
        return NotChecked(Unchecked.TOO_LARGE, f"{words} ({place})")
    reason = "truncated" if error.code in _ENDED else "not well-formed"
    return Invalid(reason, f"{words} ({place})")


def _encoding(subject: Subject) -> str:
    """``utf-8`` where the pieces are recoded, else empty."""
    return "utf-8" if _recode(subject) else ""


def _recode(subject: Subject) -> str:
    """The encoding that expat can't read and Python can: GB18030, Shift JIS, UTF-32; or empty."""
    head = subject.at(0, 512)
    _, name = mark(head)
    if name.startswith("utf-32"):
        return name
    declared = _DECLARED.match(head)
    if name or declared is None:
        return ""
    said = declared[1].decode("ascii").lower()
    if said in _KNOWN:
        return ""
    try:
        return codecs.lookup(said).name
    except LookupError as error:
        message = f"the encoding {said} is not known here"
        raise NotChecked(Unchecked.CODEC_ABSENT, message) from error


def _pieces(subject: Subject) -> Iterable[bytes]:
    name = _recode(subject)
    decoder = codecs.getincrementaldecoder(name)() if name else None
    at = len(mark(subject.at(0, 4))[0]) if name else 0
    while at < subject.octets:
        data = subject.at(at, BLOCK)
        if not data:
            return
        at += len(data)
        if decoder is None:
            yield data
            continue
        try:
            yield decoder.decode(data, at >= subject.octets).encode("utf-8")
        except UnicodeError as error:
            raise Invalid("encoding", f"{name} breaks near byte {at}") from error
