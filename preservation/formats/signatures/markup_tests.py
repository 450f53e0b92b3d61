"""What XML, JSON and RDF look like: the tests of the rows in ``markup``."""

from __future__ import annotations

import json
import re

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import Test, beginning, compiled, of_text


def rooted(name: str, says_so: str = "") -> Test:
    """A root element of this name, whose attributes hold the words."""

    def test(sample: Sample) -> bool:
        found, attributes = sample.root
        return found == name and says_so in attributes

    return beginning("<")(test)


@beginning("<")
def is_xml(sample: Sample) -> bool:
    """A declaration; or one root with an end, under a name that says XML."""
    if sample.start.startswith("<?xml"):
        return bool(sample.root[0])
    name = sample.root[0]
    return bool(name) and name.lower() != "html" and (sample.extension in _XML_NAMES)


_XML_NAMES = frozenset(
    [
        "cml",
        "dae",
        "gml",
        "gpx",
        "kml",
        "mei",
        "musicxml",
        "owl",
        "plist",
        "qgs",
        "qml",
        "rdf",
        "rels",
        "rng",
        "sc3ml",
        "sch",
        "scml",
        "srx",
        "svg",
        "tei",
        "trix",
        "ui",
        "vrt",
        "wadl",
        "x3d",
        "xdmf",
        "xhtml",
        "xmf",
        "xml",
        "xmp",
        "xsd",
        "xsl",
        "xslt",
    ]
)


@beginning("{[")
def looks_like_json(sample: Sample) -> bool:
    """The start of an object or an array; without an extension, the whole of one."""
    return re.match(r'\{\s*("|\})|\[\s*([\["{\d\-tfn\]])', sample.start) is not None and (
        sample.extension != "" or (sample.text is not None and _value(sample) is not None)
    )


def _value(sample: Sample) -> object:
    """The whole value, of a file that is small enough to be read whole."""
    if sample.whole is None:
        return None
    try:
        parsed: object = json.loads(sample.whole)
    except (ValueError, RecursionError):
        return None
    return parsed


def with_member(pattern: str) -> Test:
    """A JSON text in whose head, or tail, the pattern occurs."""

    def test(sample: Sample) -> bool:
        found = compiled(pattern, 0).search
        return sample.start[:1] == "{" and (
            found(sample.start) is not None
            or (sample.octets > len(sample.head) and found(sample.ending) is not None)
        )

    return beginning("{")(test)


@beginning("{[")
def is_json_lines(sample: Sample) -> bool:
    """Several lines, each a whole JSON value that is an object or an array."""
    lines = [line for line in sample.lines[:20] if line.strip()]
    if len(lines) < (1 if sample.extension in _LINES else 2) or not all(
        line.lstrip()[:1] in "{[" for line in lines
    ):
        return False
    try:
        return all(isinstance(json.loads(line), dict | list) for line in lines)
    except (ValueError, RecursionError):
        return False


_LINES = ("jsonl", "ndjson", "hext", "geojsonl", "geojsons", "jsonlines")
_TERM = r"(<[^<>\s]*>|_:[\w.\-:]+)"
_NT_LINE = re.compile(
    rf"\s*({_TERM}\s*<[^<>\s]*>\s*({_TERM}|\"(\\.|[^\"\\])*\"(@[\w\-]+|\^\^<[^<>]*>)?)\s*({_TERM})?\s*\.)?\s*(#.*)?"
)
_GRAPH = re.compile(
    rf"\"\S*\s+{_TERM}\s*\.\s*(#.*)?$|^\s*{_TERM}\s*<[^<>]*>\s*{_TERM}\s*{_TERM}\s*\."
)


def _statements(sample: Sample) -> list[str]:
    lines = [
        line for line in sample.lines[:50] if line.strip() and not line.lstrip().startswith("#")
    ]
    return lines if lines and all(_NT_LINE.fullmatch(line) for line in lines) else []


@of_text
def is_nquads(sample: Sample) -> bool:
    """Statements of which one names its graph; under a name that says so, any."""
    return any(map(_GRAPH.search, _statements(sample))) or (
        sample.extension in ("nq", "nquads") and bool(_statements(sample))
    )


@of_text
def is_ntriples(sample: Sample) -> bool:
    """Nothing but whole statements, one to a line."""
    return bool(_statements(sample))


_PREFIX = r"^\s*@?(prefix|base)\s+([\w\-.]*:)?\s*<"
_SUBJECT = r"^\s*(<[^<>\s]*>|[\w\-]*:[\w\-.]*|\[|\()\s"
_RDF = re.compile(f"{_PREFIX}|{_SUBJECT}", re.MULTILINE | re.IGNORECASE)


@of_text
def is_turtle(sample: Sample) -> bool:
    """A prefix or base that is not of a query; under a name that says so, a subject."""
    return (
        re.search(_PREFIX, sample.prose, re.MULTILINE | re.IGNORECASE) is not None
        and not is_sparql(sample)
    ) or (sample.extension in ("ttl", "turtle", "n3") and _RDF.search(sample.prose) is not None)


@of_text
def is_trig(sample: Sample) -> bool:
    """As Turtle, or with a graph in braces; only its name tells it from Turtle."""
    return sample.extension == "trig" and (
        _RDF.search(sample.prose) is not None or "{" in sample.start
    )


@of_text
def is_sparql(sample: Sample) -> bool:
    """A line that begins with a verb of queries or updates."""
    return (
        re.search(
            r"^\s*(SELECT|ASK|CONSTRUCT|DESCRIBE|INSERT|DELETE|LOAD|CLEAR|DROP|CREATE|ADD|MOVE|COPY|WITH)\b",
            sample.prose,
            re.MULTILINE | re.IGNORECASE,
        )
        is not None
    )
