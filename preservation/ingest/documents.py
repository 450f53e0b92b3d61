"""Reading the small documents that describe a data set: JSON, XML, RO-Crate.

They come from strangers: their size, depth and number of parts are bounded, nothing is fetched,
no document type is obeyed. What cannot be read is None or empty: a deposit may hold a file of
such a name that is something else altogether.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

from preservation.model.deferred import dataclass

LARGEST = 4 << 20  # octets of a document that is read
MOST = 1000  # parts of one document that are looked at
_DEEPEST = 100  # elements of XML inside each other

Path = tuple[str, ...]  # of local names, from the root


@dataclass(frozen=True, slots=True)
class Element:
    """An element of XML, with the text directly in it."""

    path: Path
    attributes: Mapping[str, str]
    text: str


def json_of(data: bytes) -> Any:
    """The document, or None."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def datacite_of(data: bytes) -> Mapping[str, Any]:
    """A DataCite record, as its registry gives it or bare; empty if it is none."""
    document = json_of(data)
    inner = document.get("data") if isinstance(document, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("attributes"), dict):
        document = inner["attributes"]
    return document if isinstance(document, dict) else {}


def elements(data: bytes, wanted: frozenset[Path]) -> list[Element]:
    """The wanted elements of a well-formed document, in the order of their ends."""
    return _Reader(wanted).read(data) or []


def is_xml(data: bytes) -> bool:
    """Whether it is a document that is read: well-formed, of bounded depth, without a DTD."""
    return _Reader(frozenset()).read(data) is not None


def crate_dataset(data: bytes) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]:
    """An RO-Crate's root data entity, and all entities by their ids; its own id is ``@id``.

    Source: RO-Crate 1.1, root data entity.
    """
    document = json_of(data)
    graph = document.get("@graph") if isinstance(document, dict) else None
    entities = {
        one["@id"]: one
        for one in (graph if isinstance(graph, list) else ())
        if isinstance(one, dict) and isinstance(one.get("@id"), str)
    }
    about = entities.get("ro-crate-metadata.json", {}).get("about")
    root = about.get("@id", "./") if isinstance(about, dict) else "./"
    name = root if isinstance(root, str) else "./"
    return {"@id": name, **entities.get(name, {})}, entities


class _RefusedError(Exception):
    """It is no such document."""


class _Reader:
    def __init__(self, wanted: frozenset[Path]) -> None:
        self._wanted = wanted
        self._found: list[Element] = []
        self._path: list[str] = []
        self._open: list[tuple[Mapping[str, str], list[str]] | None] = []

    def read(self, data: bytes) -> list[Element] | None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(data, True)
        except (expat.ExpatError, _RefusedError, ValueError):
            return None
        return self._found

    def _refuse(self, *_: object) -> None:
        raise _RefusedError

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._path) >= _DEEPEST:
            raise _RefusedError
        self._path.append(name.rpartition(" ")[2])
        is_wanted = tuple(self._path) in self._wanted and len(self._found) < MOST
        self._open.append((attributes, []) if is_wanted else None)

    def _end(self, _name: str) -> None:
        kept = self._open.pop()
        if kept is not None:
            self._found.append(Element(tuple(self._path), kept[0], "".join(kept[1])))
        self._path.pop()

    def _characters(self, text: str) -> None:
        if self._open and self._open[-1] is not None:
            self._open[-1][1].append(text)
