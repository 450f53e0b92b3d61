"""Office documents in ZIP: OOXML, OpenDocument, EPUB.

The archive as ZIP is checked, each XML part is well-formed, and the part that the format wants
as the document's own is there. Macros are a fact.

Source: ECMA-376 part 2 (packages); OpenDocument 1.3 part 2; EPUB OCF 3.3; MS-OFFCRYPTO.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

from preservation.formats.checks import xml_check
from preservation.formats.checks.members import Members
from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.format_check import Unchecked

LIBRARY = ""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TYPES, _RELATIONS, _MIMETYPE = "[Content_Types].xml", "_rels/.rels", "mimetype"
_ODF_MANIFEST, _EPUB_CONTAINER = "META-INF/manifest.xml", "META-INF/container.xml"
_SMALL = 1 << 20  # octets of a part that is looked into
_XML = (".xml", ".rels", ".opf", ".xhtml", ".ncx")
_DOCUMENT = re.compile(
    rb"<(?:\w+:)?Relationship\b(?=[^>]*\bType\s*=\s*[\"'][^\"']*/officeDocument[\"'])"
    rb"[^>]*?\bTarget\s*=\s*[\"']([^\"']+)[\"']"
)
_ROOTFILE = re.compile(rb"<(?:\w+:)?rootfile\b[^>]*?\bfull-path\s*=\s*[\"']([^\"']+)[\"']")
_MACROS = re.compile(r"(?:^|/)(?:vbaProject\.bin|vbaData\.xml)$|^(?:Basic|Scripts)/.+", re.ASCII)


def check(subject: Subject) -> None:
    """The archive, its XML parts, its main part."""
    if subject.at(0, 8) == _OLE:
        raise NotChecked(Unchecked.ENCRYPTED, "the whole package lies encrypted in an OLE file")
    with Members(subject) as members:
        kept: dict[str, bytes] = {}
        for one in members.all():
            kept[one.filename] = _part(members, one)
        subject.facts["macros"] = any(_MACROS.search(name) for name in kept)
        members.settle()
        if _ODF_MANIFEST in kept and _EPUB_CONTAINER not in kept:
            _check_odf(subject, kept)
        elif _EPUB_CONTAINER in kept:
            _check_epub(subject, kept)
        else:
            _check_ooxml(subject, kept)


def _part(members: Members, one: zipfile.ZipInfo) -> bytes:
    """Read a part; its content if it is one that is looked into."""
    if not one.filename.lower().endswith(_XML):
        small = one.filename == _MIMETYPE
        pieces = [piece[:_SMALL] if small else b"" for piece in members.read(one)]
        return b"".join(pieces)[:_SMALL]
    wanted = one.filename in (_TYPES, _RELATIONS, _ODF_MANIFEST, _EPUB_CONTAINER)
    kept: list[bytes] = []

    def watched() -> Iterator[bytes]:
        for piece in members.read(one):
            if wanted and sum(map(len, kept)) < _SMALL:
                kept.append(piece)
            yield piece

    if one.file_size and not one.flag_bits & 1:
        try:
            xml_check.parse(watched(), {})
        except Invalid as error:
            raise Invalid(error.reason, f"{one.filename}: {error.message}") from error
    return b"".join(kept)


def _check_ooxml(subject: Subject, parts: dict[str, bytes]) -> None:
    subject.facts["package"] = "OOXML"
    for name in (_TYPES, _RELATIONS):
        if name not in parts:
            raise Invalid("structure", f"it has no {name}")
    found = _DOCUMENT.search(parts[_RELATIONS])
    if found is None:
        raise Invalid("structure", f"{_RELATIONS} names no main part")
    _expect(parts, found[1].decode("utf-8", "replace").lstrip("/"))


def _check_odf(subject: Subject, parts: dict[str, bytes]) -> None:
    subject.facts["package"] = "OpenDocument"
    if b":encryption-data" in parts[_ODF_MANIFEST]:
        raise NotChecked(Unchecked.ENCRYPTED, "its parts are encrypted")
    if _MIMETYPE not in parts:
        raise Invalid("structure", "it has no mimetype")
    subject.facts["mimetype"] = parts[_MIMETYPE][:100].decode("ascii", "replace").strip()
    _expect(parts, "content.xml")


def _check_epub(subject: Subject, parts: dict[str, bytes]) -> None:
    subject.facts["package"] = "EPUB"
    if parts.get(_MIMETYPE, b"").strip() != b"application/epub+zip":
        raise Invalid("structure", "its mimetype is not that of an EPUB")
    found = _ROOTFILE.search(parts[_EPUB_CONTAINER])
    if found is None:
        raise Invalid("structure", f"{_EPUB_CONTAINER} names no package document")
    _expect(parts, found[1].decode("utf-8", "replace"))


def _expect(parts: dict[str, bytes], name: str) -> None:
    if name not in parts:
        raise Invalid("structure", f"the main part {name} is not there")
