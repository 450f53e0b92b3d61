"""PDF: its end and cross-reference, every object, every page and its content; the PDF/A claim.

A claim is what the metadata say; whether the file keeps it is not examined.

Source: ISO 32000-1 sections 7.5 and 7.7; ISO 19005-1 section 6.7.11 (the claim); pypdf.
"""

from __future__ import annotations

import logging
import re
from typing import Any

import pypdf
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError
from pypdf.generic import IndirectObject, StreamObject

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.format_check import Unchecked

LIBRARY = "pypdf"
MOST_OBJECTS = 500_000
MOST_PAGES = 100_000
_TAIL = 2048
_PART = re.compile(rb"pdfaid:part\s*(?:=\s*[\"']|>)\s*(\d)")
_LEVEL = re.compile(rb"pdfaid:conformance\s*(?:=\s*[\"']|>)\s*([A-Za-z])")

logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def check(subject: Subject) -> None:
    """End, objects, pages."""
    _expect_ends(subject)
    with subject.open() as source:
        try:
            reader = pypdf.PdfReader(source, strict=False)
            _open(subject, reader)
            _objects(subject, reader)
            _pages(subject, reader)
            _claim(subject, reader)
        except DependencyError as error:
            raise NotChecked(Unchecked.ENCRYPTED, str(error)) from error
        except LimitReachedError as error:
            raise NotChecked(Unchecked.TOO_LARGE, str(error)) from error
        except PyPdfError as error:
            raise Invalid("structure", str(error)) from error


def _expect_ends(subject: Subject) -> None:
    head = subject.at(0, 1024)
    if b"%PDF-" not in head:
        raise Invalid("structure", "it does not begin as a PDF")
    subject.facts["version"] = head[head.index(b"%PDF-") + 5 :][:3].decode("ascii", "replace")
    tail = subject.at(max(0, subject.octets - _TAIL), _TAIL)
    if b"startxref" not in tail or b"%%EOF" not in tail[tail.rindex(b"startxref") :]:
        raise Invalid("truncated", "it has no end: no startxref before a last %%EOF")
    said = re.match(rb"startxref\s+(\d+)", tail[tail.rindex(b"startxref") :])
    if said is None or int(said[1]) >= subject.octets:
        raise Invalid("structure", "startxref leads out of the file")


def _open(subject: Subject, reader: Any) -> None:
    """Note encryption; one that opens without a password hinders nobody."""
    subject.facts["encrypted"] = bool(reader.is_encrypted)
    if reader.is_encrypted and not reader.decrypt(""):
        raise NotChecked(Unchecked.ENCRYPTED, "it opens with a password only")


def _objects(subject: Subject, reader: Any) -> None:
    """Have every object that the cross-reference names."""
    named = [
        (number, generation)
        for generation, numbers in reader.xref.items()
        for number, offset in numbers.items()
        if offset
    ]
    named += [(number, 0) for number in reader.xref_objStm]
    if len(named) > MOST_OBJECTS:
        raise NotChecked(Unchecked.TOO_LARGE, f"more than {MOST_OBJECTS} objects")
    subject.facts["objects"] = len(named)
    for number, generation in named:
        reader.get_object(IndirectObject(number, generation, reader))
        subject.spend(0)


def _pages(subject: Subject, reader: Any) -> None:
    """Walk the tree of pages without going in circles; unpack each page's content."""
    count = 0
    seen: set[int] = set()
    todo = [reader.trailer["/Root"].get_object()["/Pages"]]
    while todo:
        reference = todo.pop()
        number = getattr(reference, "idnum", 0)
        if number and number in seen:
            raise Invalid("structure", f"the tree of pages returns to object {number}")
        seen.add(number)
        node = reference.get_object()
        if not hasattr(node, "get"):
            raise Invalid("structure", f"object {number} is no page")
        if "/Kids" in node:
            todo.extend(reversed(node["/Kids"]))
            continue
        count += 1
        if count > MOST_PAGES:
            raise NotChecked(Unchecked.TOO_LARGE, f"more than {MOST_PAGES} pages")
        _content(node)
        subject.spend(0)
    if not count:
        raise Invalid("structure", "it has no page")
    subject.facts["pages"] = count


def _content(page: Any) -> None:
    content = page.get("/Contents")
    content = content.get_object() if content is not None else []
    for one in [content] if isinstance(content, StreamObject) else content:
        stream = one.get_object()
        if isinstance(stream, StreamObject):
            stream.get_data()


def _claim(subject: Subject, reader: Any) -> None:
    """The PDF/A part and level that the metadata claim, read as text: their XML may be anything."""
    metadata = reader.trailer["/Root"].get_object().get("/Metadata")
    stream = metadata.get_object() if metadata is not None else None
    if not isinstance(stream, StreamObject):
        return
    data = stream.get_data()
    part, level = _PART.search(data), _LEVEL.search(data)
    if part:
        said = part[1].decode() + (level[1].decode().lower() if level else "")
        subject.facts["pdfa_claim"] = f"PDF/A-{said}"
