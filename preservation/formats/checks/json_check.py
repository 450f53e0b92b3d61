"""JSON: one value, by the letter; GeoJSON's first rules where it says that it is one.

The parser streams; what is kept is the names of the objects that are open.

Source: RFC 8259; RFC 7946 sections 1.4, 3 and 3.1.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from typing import Any

import ijson  # type: ignore[import-untyped]

from preservation.formats.checks.geojson import GeoJson
from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.formats.checks.text import BLOCK, mark
from preservation.model.format_check import Unchecked

LIBRARY = "ijson"
MOST_DEPTH = 100_000
_MOST_DIGITS = 1_000_000  # of one number; reading one takes the square of its digits
_MOST_NAMES = 200_000  # of one object that are remembered to see a double
_OPENING = {"start_map": "object", "start_array": "array"}
_CLOSING = ("end_map", "end_array")

sys.set_int_max_str_digits(_MOST_DIGITS)


def check(subject: Subject) -> None:
    """Syntax to the last byte; a name that stands twice in an object is a fact, no fault."""
    names = _Names()
    geo = GeoJson()
    first = ""
    for event, value in _events(subject):
        first = first or _OPENING.get(event, event)
        names.hear(event, value)
        geo.hear(event, value)
    subject.facts["top"] = first
    subject.facts["depth"] = names.deepest
    if names.doubles:
        subject.facts["duplicate_keys"] = names.doubles
    geo.finish(subject.facts)


def _events(subject: Subject) -> Iterator[tuple[str, Any]]:
    source = _Source(subject)
    try:
        yield from ijson.basic_parse(source, buf_size=1 << 16)
    except ijson.IncompleteJSONError as error:
        raise wrong(error) from error
    except ijson.JSONError as error:
        raise wrong(error) from error
    except UnicodeDecodeError as error:
        raise Invalid("encoding", str(error)) from error
    except ValueError as error:  # Python's own limit; JSON has none
        raise NotChecked(Unchecked.TOO_LARGE, str(error)) from error


def wrong(error: Exception) -> Exception:
    """What a parser's complaint says about the file."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    text = text.partition("\n")[0].strip()
    cut = any(word in text for word in ("premature", "incomplete", "Incomplete"))
    return Invalid("truncated" if cut else "syntax", text)


class _Source:
    """The file as UTF-8 without its byte order mark: what a parser reads from."""

    def __init__(self, subject: Subject) -> None:
        bom, name = mark(subject.at(0, 4))
        name = name or _unmarked(subject.at(0, 4))
        subject.facts["encoding"] = name or "utf-8"
        if bom:
            subject.facts["byte_order_mark"] = True
        self._subject = subject
        self._at = len(bom)
        wide = name.startswith(("utf-16", "utf-32"))
        self._decoder = codecs.getincrementaldecoder(name)() if wide else None

    def read(self, octets: int) -> bytes:
        """Up to so many octets; none at the end. Zero asks what kind of octets they are."""
        if not octets:
            return b""
        data = self._subject.at(self._at, min(octets, BLOCK))
        self._at += len(data)
        if self._decoder is None or not data:
            return data
        return self._decoder.decode(data, self._at >= self._subject.octets).encode("utf-8")


def _unmarked(head: bytes) -> str:
    """UTF-16 without a mark, by where the NULs of ASCII stand (RFC 4627 section 3)."""
    zeros = tuple(code == 0 for code in head)
    known = {(True, False, True, False): "utf-16-be", (False, True, False, True): "utf-16-le"}
    return known.get(zeros, "")  # type: ignore[arg-type]


class _Names:
    """Counts names that stand twice in one object."""

    def __init__(self) -> None:
        self.doubles = 0
        self.deepest = 0
        self._open: list[set[str] | None] = []

    def hear(self, event: str, value: Any) -> None:
        """Take the parser's next event."""
        if event == "map_key":
            names = self._open[-1]
            if names is not None and value in names:
                self.doubles += 1
            elif names is not None and len(names) < _MOST_NAMES:
                names.add(value)
        elif event in _OPENING:
            self._open.append(set() if event == "start_map" else None)
            self.deepest = max(self.deepest, len(self._open))
            if self.deepest > MOST_DEPTH:
                message = f"nested deeper than {MOST_DEPTH} levels"
                raise NotChecked(Unchecked.TOO_LARGE, message)
        elif event in _CLOSING:
            self._open.pop()
