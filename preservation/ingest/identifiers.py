"""The identifiers that a deposit says it has: read from its own small documents.

``bag-info.txt``, DataCite (JSON and XML) and RO-Crate. Only what the data set itself is called
counts, not what it relates to. What cannot be read says nothing, since a deposit may hold a file
of such a name that is something else altogether; but a warning says so.

Sources: RFC 8493 section 2.2.2; DataCite Metadata Schema 4.6, properties 1 and 11; RO-Crate 1.1,
root data entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from preservation.ingest.documents import (
    LARGEST,
    MOST,
    crate_dataset,
    datacite_of,
    elements,
    is_xml,
    json_of,
)
from preservation.model.finding import Finding, Severity
from preservation.model.identifier import SCHEMES, Identifier, find_all, parse
from preservation.model.names import display

_WARNINGS = 20
_SHOWN = 80  # characters of what is no identifier
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
                if len(found) >= MOST:
                    break
    return find_all(found)


def unread(documents: Mapping[bytes, bytes]) -> Iterator[Finding]:
    """What was meant to be an identifier, and is not read as one: warnings, a bounded number."""
    return islice(_unread(documents), _WARNINGS)


def _unread(documents: Mapping[bytes, bytes]) -> Iterator[Finding]:
    for name, data in documents.items():
        reader = DOCUMENTS.get(name.rpartition(b"/")[2])
        if reader is None or not data:
            continue
        is_json = name.endswith(b".json")
        if json_of(data) is None if is_json else not is_xml(data):
            kind = "JSON" if is_json else "XML"
            message = f"it is no {kind} that can be read: nothing in it counts"
            hint = "mend it, or give it another name if it is something else"
            yield Finding("DEP-IDENTIFIER-UNREAD", display(name), message, hint, Severity.WARNING)
            continue
        for text in islice(reader(data), MOST):
            scheme, _, value = text.partition(":")
            # DataCite's own words for "none yet" begin with a colon (`:tba`).
            given = scheme in SCHEMES and value.strip() and not value.startswith(":")
            if given and parse(text) is None:
                message = f"{display(value[:_SHOWN].encode('utf-8', 'replace'))} is no {scheme}"
                hint = "write it as its registry does, or leave it out"
                shown = display(name)
                yield Finding("DEP-IDENTIFIER-UNREAD", shown, message, hint, Severity.WARNING)


def _datacite_json(data: bytes) -> Iterator[str]:
    document = datacite_of(data)
    if isinstance(document.get("doi"), str):
        yield f"doi:{document['doi']}"
    for field in ("identifiers", "alternateIdentifiers"):
        items = document.get(field)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                value = item.get("identifier") or item.get("alternateIdentifier")
                kind = item.get("identifierType") or item.get("alternateIdentifierType")
                yield from _typed(kind, value)


_ELEMENTS = frozenset(
    {("resource", "identifier"), ("resource", "alternateIdentifiers", "alternateIdentifier")}
)


def _datacite_xml(data: bytes) -> Iterator[str]:
    for one in elements(data, _ELEMENTS):
        kind = one.attributes.get(f"{one.path[-1]}Type", "")
        yield from _typed(kind, one.text.strip())


def _ro_crate(data: bytes) -> Iterator[str]:
    dataset, entities = crate_dataset(data)
    named = dataset.get("identifier")
    for one in named if isinstance(named, list) else [named]:
        yield from _of_crate(one, entities)
    if dataset["@id"] != "./":
        yield dataset["@id"]


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
