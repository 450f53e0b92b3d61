"""XML by its root element, JSON by its members, RDF by its prefixes."""

from __future__ import annotations

import json
import re

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import (
    LocalFormat,
    Test,
    both,
    of_text,
    row,
    says,
    words,
)

XML = "fmt/101"
JSON = "fmt/817"


def _rooted(name: str, says_so: str = "") -> Test:
    """A root element of this name, whose attributes hold the words."""

    def test(sample: Sample) -> bool:
        found, attributes = sample.root
        return found == name and says_so in attributes

    return of_text(test)


@of_text
def _is_xml(sample: Sample) -> bool:
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


def _xml(
    name: str,
    title: str,
    extensions: str,
    root: str,
    source: str,
    mime: str = "",
    within: str = "",
    puid: str = "",
    parents: str = XML,
) -> LocalFormat:
    return row(
        name,
        title,
        extensions + " xml txt",
        _rooted(root, within),
        source,
        mime=mime or "application/xml",
        parents=parents,
        puid=puid,
    )


@of_text
def _looks_like_json(sample: Sample) -> bool:
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


def _json(
    name: str,
    title: str,
    extensions: str,
    pattern: str,
    source: str,
    mime: str = "application/json",
    puid: str = "",
    *,
    settles: bool = False,
) -> LocalFormat:
    """A JSON text in whose head, or tail, the pattern occurs."""
    wanted = re.compile(pattern)

    def test(sample: Sample) -> bool:
        return sample.start[:1] == "{" and (
            wanted.search(sample.start) is not None
            or wanted.search(sample.tail.decode("utf-8", "replace")) is not None
        )

    return row(
        name,
        title,
        extensions + " json txt",
        of_text(test),
        source,
        mime=mime,
        parents=JSON,
        puid=puid,
        settles=settles,
    )


@of_text
def _is_json_lines(sample: Sample) -> bool:
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
def _is_nquads(sample: Sample) -> bool:
    return any(map(_GRAPH.search, _statements(sample))) or (
        sample.extension in ("nq", "nquads") and bool(_statements(sample))
    )


@of_text
def _is_ntriples(sample: Sample) -> bool:
    return bool(_statements(sample))


_PREFIX = r"^\s*@?(prefix|base)\s+([\w\-.]*:)?\s*<"
_SUBJECT = r"^\s*(<[^<>\s]*>|[\w\-]*:[\w\-.]*|\[|\()\s"
_RDF = re.compile(f"{_PREFIX}|{_SUBJECT}", re.MULTILINE | re.IGNORECASE)


@of_text
def _is_turtle(sample: Sample) -> bool:
    return (
        re.search(_PREFIX, sample.prose, re.MULTILINE | re.IGNORECASE) is not None
        and not _is_sparql(sample)
    ) or (sample.extension in ("ttl", "turtle", "n3") and _RDF.search(sample.prose) is not None)


@of_text
def _is_trig(sample: Sample) -> bool:
    return sample.extension == "trig" and (
        _RDF.search(sample.prose) is not None or "{" in sample.start
    )


@of_text
def _is_sparql(sample: Sample) -> bool:
    return (
        re.search(
            r"^\s*(SELECT|ASK|CONSTRUCT|DESCRIBE|INSERT|DELETE|LOAD|CLEAR|DROP|CREATE|ADD|MOVE|COPY|WITH)\b",
            sample.prose,
            re.MULTILINE | re.IGNORECASE,
        )
        is not None
    )


ROWS = (
    row(
        "owl-xml",
        "OWL ontology (RDF/XML)",
        "owl rdf xml",
        both(_rooted("RDF"), says(r"<owl:Ontology\b")),
        "OWL 2, mapping to RDF graphs",
        mime="application/rdf+xml",
        parents=XML + " fmt/875",
    ),
    row(
        "rdf-xml",
        "RDF/XML",
        "rdf owl xml rdfs xmp",
        _rooted("RDF"),
        "RDF 1.1 XML syntax, 2",
        mime="application/rdf+xml",
        puid="fmt/875",
        parents=XML,
    ),
    _xml(
        "votable",
        "VOTable",
        "vot votable",
        "VOTABLE",
        "IVOA VOTable 1.4",
        "application/x-votable+xml",
    ),
    _xml("gifti", "GIFTI", "gii", "GIFTI", "GIFTI 1.0", "application/x-gifti"),
    _xml("mzml", "mzML (mass spectrometry)", "mzml", "mzML", "HUPO-PSI mzML 1.1", puid="fmt/1900"),
    _xml(
        "mzml-indexed",
        "mzML (mass spectrometry), indexed",
        "mzml",
        "indexedmzML",
        "HUPO-PSI mzML 1.1",
        puid="fmt/1900",
    ),
    _xml("mzxml", "mzXML (mass spectrometry)", "mzxml", "mzXML", "mzXML 3.2"),
    _xml("mzidentml", "mzIdentML", "mzid", "MzIdentML", "HUPO-PSI mzIdentML 1.2"),
    _xml("pepxml", "pepXML", "pepxml", "msms_pipeline_analysis", "TPP pepXML"),
    _xml("quakeml", "QuakeML", "quakeml qml", "quakeml", "QuakeML 1.2"),
    _xml("stationxml", "FDSN StationXML", "stationxml", "FDSNStationXML", "FDSN StationXML 1.1"),
    _xml("seiscomp-xml", "SeisComP XML (SC3ML)", "sc3ml scml", "seiscomp", "SeisComP schema 0.12"),
    _xml("xml-seed", "XML-SEED", "xseed", "xseed", "XML-SEED 1.1"),
    _xml("arclink-xml", "ArcLink XML", "xml", "arclink", "ArcLink protocol"),
    _xml("phyloxml", "phyloXML", "phyloxml", "phyloxml", "phyloXML 1.20"),
    _xml("nexml", "NeXML", "nexml", "nexml", "NeXML 0.9"),
    _xml("seqxml", "SeqXML", "seqxml", "seqXML", "SeqXML 0.4"),
    _xml("sbml", "SBML (Systems Biology Markup Language)", "sbml", "sbml", "SBML Level 3"),
    _xml("cellml", "CellML", "cellml", "model", "CellML 2.0", within="cellml"),
    _xml("cml", "CML (Chemical Markup Language)", "cml", "cml", "CML schema 3", "chemical/x-cml"),
    _xml(
        "cml-molecule",
        "CML (Chemical Markup Language), molecule",
        "cml",
        "molecule",
        "CML schema 3",
        "chemical/x-cml",
        within="xml-cml.org",
    ),
    _xml("blast-xml", "BLAST XML", "blast", "BlastOutput", "NCBI BlastOutput.dtd"),
    _xml("blast-xml-2", "BLAST XML2", "blast", "BlastXML2", "NCBI BlastXML2"),
    _xml("pdbml", "PDBML", "pdbml", "datablock", "PDBML schema"),
    _xml("ome-xml", "OME-XML", "ome", "OME", "OME data model 2016-06", within="openmicroscopy.org"),
    _xml("xdmf", "XDMF", "xdmf xmf", "Xdmf", "XDMF 3"),
    _xml(
        "vrt",
        "GDAL virtual raster (VRT)",
        "vrt",
        "VRTDataset",
        "GDAL VRT",
        "application/x-gdal-vrt+xml",
    ),
    _xml(
        "kml",
        "KML",
        "kml",
        "kml",
        "OGC 12-007r2",
        "application/vnd.google-earth.kml+xml",
        puid="fmt/244",
    ),
    _xml("gpx", "GPX", "gpx", "gpx", "GPX 1.1", "application/gpx+xml"),
    _xml(
        "gml",
        "GML (Geography Markup Language)",
        "gml",
        "FeatureCollection",
        "OGC 07-036",
        "application/gml+xml",
        within="opengis.net",
    ),
    _xml("citygml", "CityGML", "gml citygml", "CityModel", "OGC 20-010", "application/gml+xml"),
    _xml("osm-xml", "OpenStreetMap XML", "osm", "osm", "OSM XML 0.6"),
    _xml("qgis", "QGIS project", "qgs", "qgis", "QGIS project file"),
    _xml(
        "datacite",
        "DataCite metadata",
        "datacite",
        "resource",
        "DataCite Metadata Schema 4",
        within="datacite.org",
    ),
    _xml("ddi", "DDI codebook", "ddi", "codeBook", "DDI Codebook 2.5"),
    _xml("eml", "EML (Ecological Metadata Language)", "eml", "eml", "EML 2.2"),
    _xml("iso-19139", "ISO 19139 metadata", "xml", "MD_Metadata", "ISO/TS 19139"),
    _xml("mets", "METS", "mets", "mets", "METS 1.12"),
    _xml("premis", "PREMIS", "premis", "premis", "PREMIS 3.0"),
    _xml("tei", "TEI", "tei odd", "TEI", "TEI P5", "application/tei+xml"),
    _xml("jats", "JATS article", "nxml jats", "article", "NISO Z39.96", within="dtd-version"),
    _xml(
        "musicxml",
        "MusicXML",
        "musicxml",
        "score-partwise",
        "MusicXML 4.0",
        "application/vnd.recordare.musicxml+xml",
    ),
    _xml("docbook", "DocBook", "dbk docbook", "book", "DocBook 5", within="docbook.org"),
    _xml(
        "xml-schema",
        "XML Schema (XSD)",
        "xsd",
        "schema",
        "XML Schema 1.1, part 1",
        within="XMLSchema",
        parents=XML + " x-fmt/280",
    ),
    _xml(
        "xslt",
        "XSLT",
        "xsl xslt",
        "stylesheet",
        "XSLT 3.0",
        "application/xslt+xml",
        within="Transform",
        parents=XML + " x-fmt/281",
    ),
    _xml(
        "wadl",
        "WADL",
        "wadl",
        "application",
        "WADL 2009",
        "application/vnd.sun.wadl+xml",
        within="wadl",
        parents=XML + " fmt/2034",
    ),
    _xml("trix", "TriX (RDF)", "trix", "TriX", "TriX: RDF triples in XML", "application/trix"),
    _xml(
        "trix-graph",
        "TriX (RDF)",
        "trix",
        "graph",
        "TriX: RDF triples in XML",
        "application/trix",
        within="trix",
    ),
    _xml(
        "sparql-results-xml",
        "SPARQL results, XML",
        "srx",
        "sparql",
        "SPARQL Query Results XML Format",
        "application/sparql-results+xml",
    ),
    _xml(
        "svg",
        "SVG (Scalable Vector Graphics)",
        "svg",
        "svg",
        "SVG 1.1 and 2",
        "image/svg+xml",
        puid="fmt/92",
    ),
    _xml("xmp", "XMP", "xmp", "xmpmeta", "ISO 16684-1", "application/rdf+xml"),
    _xml("plist", "Apple property list, XML", "plist", "plist", "plist(5)", "application/x-plist"),
    row(
        "xml",
        "Extensible Markup Language (XML)",
        "xml xsd xsl xslt dtd rdf svg kml gml rng sch wadl txt conf config plist ui",
        _is_xml,
        "XML 1.0, 2.8",
        mime="application/xml",
        puid=XML,
    ),
    row(
        "html",
        "HTML",
        "html htm xhtml shtml aspx php txt tmpl j2",
        says(
            r"\A\s*(<!--(?:(?!-->).)*-->\s*|<\?xml[^>]*>\s*)*(<!doctype\s+html|<html\b|<head\b)",
            re.IGNORECASE | re.DOTALL,
        ),
        "WHATWG HTML, 13",
        mime="text/html",
        puid="fmt/96",
    ),
    row(
        "html-fragment",
        "HTML, a fragment or template",
        "html htm xhtml shtml",
        says(
            r"<(div|p|a|table|span|script|style|ul|li|h[1-6]|form|br|img|body|title|meta|link|pre|b)\b|\{[%{]",
            re.IGNORECASE,
        ),
        "WHATWG HTML, 13.4",
        mime="text/html",
        named=True,
    ),
    row(
        "dtd",
        "XML DTD",
        "dtd mod ent",
        says(r"<!(ELEMENT|ENTITY|ATTLIST|NOTATION)\b"),
        "XML 1.0, 2.8",
        mime="application/xml-dtd",
        puid="x-fmt/315",
        named=True,
    ),
    _json(
        "jupyter",
        "Jupyter Notebook",
        "ipynb",
        r'"nbformat"\s*:\s*\d',
        "nbformat 4.5",
        "application/x-ipynb+json",
        "fmt/1119",
        settles=True,
    ),
    _json(
        "ro-crate",
        "RO-Crate metadata (JSON-LD)",
        "jsonld",
        r"w3id\.org/ro/crate",
        "RO-Crate 1.2",
        "application/ld+json",
    ),
    _json(
        "geojson",
        "GeoJSON",
        "geojson",
        r'"type"\s*:\s*"(FeatureCollection|Feature|GeometryCollection|(Multi)?(Point|LineString|Polygon))"',
        "RFC 7946, 1.4 and 3",
        "application/geo+json",
        "fmt/1367",
    ),
    _json("topojson", "TopoJSON", "topojson", r'"type"\s*:\s*"Topology"', "TopoJSON 1.0"),
    _json("stac", "STAC", "json", r'"stac_version"\s*:', "STAC 1.0"),
    _json(
        "gltf",
        "glTF",
        "gltf",
        r'"asset"\s*:\s*\{[^}]*"version"\s*:\s*"2',
        "glTF 2.0",
        "model/gltf+json",
    ),
    _json(
        "json-schema",
        "JSON Schema",
        "schema",
        r'"\$schema"\s*:\s*"https?://json-schema\.org',
        "JSON Schema 2020-12",
        "application/schema+json",
    ),
    _json(
        "json-ld",
        "JSON-LD",
        "jsonld",
        r'"@(context|graph|id)"\s*:',
        "JSON-LD 1.1",
        "application/ld+json",
        "fmt/880",
    ),
    _json(
        "sparql-results-json",
        "SPARQL results, JSON",
        "srj",
        r'"head"\s*:\s*\{',
        "SPARQL 1.1 Query Results JSON Format",
        "application/sparql-results+json",
    ),
    row(
        "avro-schema",
        "Apache Avro schema (JSON)",
        "avsc avpr",
        _looks_like_json,
        "Avro specification, schema declaration",
        mime="application/json",
        named=True,
        parents=JSON,
    ),
    row(
        "json-lines",
        "JSON Lines",
        "jsonl ndjson hext geojsonl geojsons jsonlines json txt log",
        _is_json_lines,
        "JSON Lines; ndjson 1.0",
        mime="application/jsonl",
        puid="fmt/2054",
        parents=JSON,
    ),
    row(
        "json",
        "JSON Data Interchange Format",
        "json jsonld geojson topojson map webmanifest ipynb avsc srj lock har txt",
        _looks_like_json,
        "RFC 8259, 2",
        mime="application/json",
        puid=JSON,
    ),
    row(
        "n-quads",
        "N-Quads (RDF)",
        "nq nquads",
        _is_nquads,
        "RDF 1.1 N-Quads, 2",
        mime="application/n-quads",
        settles=True,
    ),
    row(
        "n-triples",
        "N-Triples (RDF)",
        "nt ntriples ttl n3 nq txt",
        _is_ntriples,
        "RDF 1.1 N-Triples, 2",
        mime="application/n-triples",
        settles=True,
    ),
    row(
        "trig",
        "TriG (RDF)",
        "trig",
        _is_trig,
        "RDF 1.1 TriG, 2",
        mime="application/trig",
        settles=True,
    ),
    row(
        "sparql",
        "SPARQL",
        "rq ru sparql",
        _is_sparql,
        "SPARQL 1.1 Query Language",
        mime="application/sparql-query",
        named=True,
        settles=True,
    ),
    row(
        "turtle",
        "Turtle (RDF)",
        "ttl turtle n3 owl trig rdf",
        _is_turtle,
        "RDF 1.1 Turtle, 2",
        mime="text/turtle",
        puid="fmt/874",
        parents="fmt/873",
        settles=True,
    ),
    row(
        "notation3",
        "Notation3 (RDF)",
        "n3",
        words("{"),
        "Notation3 1.0",
        mime="text/n3",
        puid="fmt/873",
        named=True,
    ),
)

XML_ROWS = frozenset(one.id for one in ROWS if XML in one.parents or one.puid == XML)
