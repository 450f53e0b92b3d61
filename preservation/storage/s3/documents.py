"""The few documents in XML that S3 answers with, and the one that it is sent.

Source: Amazon S3 API Reference, ListObjectsV2, ListMultipartUploads, CreateMultipartUpload,
CompleteMultipartUpload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from xml.parsers import expat

Row = dict[str, str]

_DEPTH = 8


class OddDocumentError(ValueError):
    """It is not what such a document of S3 is."""


class Document:
    """A small document: its own fields, and those of the elements below that have some.

    Raises:
        OddDocumentError: it is none, or brings declarations of its own.
    """

    def __init__(self, data: bytes) -> None:
        self.name = ""
        self.fields: Row = {}
        self._rows: list[tuple[str, Row]] = []
        self._open: list[str] = []
        self._text: list[str] = []
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = _refuse
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise OddDocumentError(str(error)) from error

    def rows(self, name: str) -> list[Row]:
        """The elements of a name, each by the text of its own children."""
        return [row for each, row in self._rows if each == name]

    def _begins(self, name: str, _: Mapping[str, str]) -> None:
        if len(self._open) == _DEPTH:
            raise OddDocumentError("too deep")
        if not self._open:
            self.name = name
        elif len(self._open) == 1:
            self._rows.append((name, {}))
        self._open.append(name)
        self._text.clear()

    def _ends(self, name: str) -> None:
        text = "".join(self._text)
        self._text.clear()
        self._open.pop()
        if len(self._open) == 2:
            _say(self._rows[-1][1], name, text)
        elif len(self._open) == 1 and not self._rows[-1][1]:
            _say(self.fields, name, text)


def _say(row: Row, name: str, text: str) -> None:
    if row.setdefault(name, text) != text:
        raise OddDocumentError(f"two of {name}")


def joined(parts: Iterable[Mapping[str, Any]]) -> bytes:
    """What completes an upload: its parts as boto3 names them, in order."""
    rows = (
        "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in part.items())
        for part in parts
    )
    within = "".join(f"<Part>{row}</Part>" for row in rows)
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<CompleteMultipartUpload xmlns="{space}">{within}</CompleteMultipartUpload>'.encode()


def _refuse(*_: object) -> None:
    raise OddDocumentError("a document with a type of its own")
