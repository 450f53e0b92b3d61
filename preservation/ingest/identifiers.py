"""The identifiers that a deposit says it has: read from its own small documents.

``bag-info.txt``, DataCite (JSON and XML) and RO-Crate. Only what the data set itself is called
counts, not what it relates to. What cannot be read says nothing: a deposit may hold a file of
such a name that is something else altogether.

Sources: RFC 8493 section 2.2.2; DataCite Metadata Schema 4.6, properties 1 and 11; RO-Crate 1.1,
root data entity.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.parsers import expat

from preservation.model.identifier import SCHEMES, Identifier, find_all

LARGEST = 4 << 20  # octets of a document that is read
_DEEPEST = 100  # elements of XML inside each other
_MOST = 1000  # identifiers that are looked at
_LABELS = ("external-identifier", "internal-sender-identifier")


def from_bag_info(bag_info: Iterable[tuple[str, str]]) -> list[Identifier]:
    """Those of ``bag-info.txt``."""
    return find_all(value for label, value in bag_info if label.lower() in _LABELS)


def from_documents(documents: Mapping[bytes, bytes]) -> list[Identifier]:
    """Those of metadata documents, by the name of each (``DOCUMENTS``)."""
    found: list[str] = []
    for name, data in documents.items():
        reader = DOCUMENTS.get(name.rpartition(b"/")[2])
        if reader is not None and len(data) <= LARGEST:
            for text in reader(data):
                found.append(text)
                if len(found) >= _MOST:
                    break
    return find_all(found)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _datacite_json(data: bytes) -> Iterator[str]:
    document = _json(data)
    inner = document.get("data") if isinstance(document, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("attributes"), dict):
        document = inner["attributes"]
    if not isinstance(document, dict):
        return
    if isinstance(document.get("doi"), str):
        yield f"doi:{document['doi']}"
    for field in ("identifiers", "alternateIdentifiers"):
        items = document.get(field)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                value = item.get("identifier") or item.get("alternateIdentifier")
                kind = item.get("identifierType") or item.get("alternateIdentifierType")
                yield from _typed(kind, value)


def _datacite_xml(data: bytes) -> Iterator[str]:
    reader = _DataCiteXml()
    reader.read(data)
    for kind, value in reader.found:
        yield from _typed(kind, value)


class _DataCiteXml:
    """Reads two kinds of elements. No document type, so no entities; nothing is fetched."""

    _WANTED = ("identifier", "alternateIdentifier")

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._path: list[str] = []
        self._kind = ""
        self._text: list[str] = []

    def read(self, data: bytes) -> None:
        """Read as much as is well-formed; what is refused ends it."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(data, True)
        except (expat.ExpatError, _RefusedError, ValueError):
            self.found = []

    def _refuse(self, *_: object) -> None:
        raise _RefusedError

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._path) >= _DEEPEST:
            raise _RefusedError
        local = name.rpartition(" ")[2]
        self._path.append(local)
        if self._is_wanted():
            self._kind, self._text = attributes.get(f"{local}Type", ""), []

    def _end(self, _name: str) -> None:
        if self._is_wanted() and len(self.found) < _MOST:
            self.found.append((self._kind, "".join(self._text).strip()))
        self._path.pop()

    def _characters(self, text: str) -> None:
        if self._path and self._path[-1] in self._WANTED:
            self._text.append(text)

    def _is_wanted(self) -> bool:
        of_resource = self._path == ["resource", "identifier"]
        return of_resource or self._path == ["resource", "alternateIdentifiers", self._WANTED[1]]


class _RefusedError(Exception):
    """It is no such document."""


def _ro_crate(data: bytes) -> Iterator[str]:
    document = _json(data)
    graph = document.get("@graph") if isinstance(document, dict) else None
    entities = {
        one["@id"]: one
        for one in (graph if isinstance(graph, list) else ())
        if isinstance(one, dict) and isinstance(one.get("@id"), str)
    }
    about = entities.get("ro-crate-metadata.json", {}).get("about")
    root = about.get("@id", "./") if isinstance(about, dict) else "./"
    dataset = entities.get(root if isinstance(root, str) else "./", {})
    named = dataset.get("identifier")
    for one in named if isinstance(named, list) else [named]:
        yield from _of_crate(one, entities)
    if isinstance(root, str) and root != "./":
        yield root


def _of_crate(one: Any, entities: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A text, a reference to an entity, or such an entity itself (schema.org PropertyValue)."""
    if isinstance(one, str):
        yield one
    elif isinstance(one, dict):
        name = one.get("@id")
        entity = entities.get(name, one) if isinstance(name, str) else one
        yield from _typed(entity.get("propertyID"), entity.get("value"))
        if isinstance(name, str):
            yield name


def _typed(kind: Any, value: Any) -> Iterator[str]:
    """A value under its scheme, where the document names one that we know."""
    if not isinstance(value, str):
        return
    scheme = kind.strip().lower() if isinstance(kind, str) else ""
    scheme = scheme.rpartition("/")[2]  # https://registry.identifiers.org/registry/doi
    yield f"{scheme}:{value}" if scheme in SCHEMES and scheme != "local" else value


DOCUMENTS = {
    b"datacite.json": _datacite_json,
    b"datacite.xml": _datacite_xml,
    b"ro-crate-metadata.json": _ro_crate,
}
