"""How two MIME types relate: dialects of one name, parent and child, or a real conflict.

Raw MIME strings of PRONOM and libmagic differ on more than a quarter of comparable files, and
almost always in dialect only. Without these tables a conflict flag would be noise.

Source: IANA media types; PRONOM V125 and libmagic 5.44 on 1,621 research files.
"""

from __future__ import annotations

from enum import Enum


class Relation(Enum):
    """What the second opinion makes of the first."""

    SAME = "same"
    COARSER = "coarser"  # libmagic names a true parent: zip for an office document
    FINER = "finer"  # libmagic names a child
    CONFLICT = "conflict"
    SILENT = "silent"  # one of the two says nothing


_CANONICAL = {
    "application/cdfv2": "application/x-ole-storage",
    "application/ecmascript": "text/javascript",
    "application/javascript": "text/javascript",
    "application/mp4": "video/mp4",
    "application/vnd.ms-opentype": "font/otf",
    "application/vnd.sqlite3": "application/x-sqlite3",
    "application/x-bzip": "application/x-bzip2",
    "application/x-font-otf": "font/otf",
    "application/x-font-ttf": "font/ttf",
    "application/x-gzip": "application/gzip",
    "application/x-hdf": "application/x-hdf5",
    "application/x-javascript": "text/javascript",
    "application/x-netcdf": "application/netcdf",
    "application/x-parquet": "application/vnd.apache.parquet",
    "application/x-pdf": "application/pdf",
    "application/x-rar": "application/vnd.rar",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-shapefile": "application/vnd.shp",
    "application/x-zip": "application/zip",
    "application/x-zip-compressed": "application/zip",
    "application/xml": "text/xml",
    "application/vnd.ms-asf": "video/x-ms-asf",
    "audio/mp4": "video/mp4",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-aiff": "audio/aiff",
    "audio/x-flac": "audio/flac",
    "audio/x-wav": "audio/wav",
    "application/x-eps": "application/postscript",
    "image/fits": "application/fits",
    "image/x-eps": "application/postscript",
    "image/vnd.zbrush.pcx": "image/x-pcx",
    "image/x-jp2-codestream": "image/jp2",
    "image/vnd.microsoft.icon": "image/x-icon",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
    "image/x-photoshop": "image/vnd.adobe.photoshop",
    "text/json": "application/json",
    "text/rtf": "application/rtf",
    "text/x-markdown": "text/markdown",
    "text/x-tex": "application/x-tex",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "video/vnd.avi": "video/x-msvideo",
}

# Files that libmagic tells from their plainer siblings at most by name.
_OFFICE = "application/vnd.openxmlformats-officedocument."
_SHEET = _OFFICE + "spreadsheetml.sheet"
_SLIDES = _OFFICE + "presentationml.presentation"
_WORDS = _OFFICE + "wordprocessingml.document"

_PARENTS = {
    "application/vnd.ms-excel.addin.macroenabled.12": _SHEET,
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": _SHEET,
    "application/vnd.ms-excel.sheet.macroenabled.12": _SHEET,
    "application/vnd.ms-excel.template.macroenabled.12": _SHEET,
    _OFFICE + "spreadsheetml.template": _SHEET,
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": _SLIDES,
    "application/vnd.ms-powerpoint.slideshow.macroenabled.12": _SLIDES,
    _OFFICE + "presentationml.slideshow": _SLIDES,
    _OFFICE + "presentationml.template": _SLIDES,
    "application/vnd.ms-word.document.macroenabled.12": _WORDS,
    "application/vnd.ms-word.template.macroenabled.12": _WORDS,
    _OFFICE + "wordprocessingml.template": _WORDS,
    "application/epub+zip": "application/zip",
    "audio/x-ms-wma": "video/x-ms-asf",
    "video/x-ms-wmv": "video/x-ms-asf",
    "image/apng": "image/png",
    "image/vnd.mozilla.apng": "image/png",
    "application/java-archive": "application/zip",
    "application/json": "text/plain",
    "application/msword": "application/x-ole-storage",
    "application/netcdf": "application/x-hdf5",
    "application/postscript": "text/plain",
    "application/rtf": "text/plain",
    "application/sql": "text/plain",
    "application/toml": "text/plain",
    "application/vnd.google-earth.kmz": "application/zip",
    "application/vnd.ms-excel": "application/x-ole-storage",
    "application/vnd.ms-outlook": "application/x-ole-storage",
    "application/vnd.ms-powerpoint": "application/x-ole-storage",
    "application/vnd.visio": "application/x-ole-storage",
    "application/x-ndjson": "text/plain",
    "application/x-tex": "text/plain",
    "application/x-yaml": "text/plain",
    "application/xml-dtd": "text/plain",
    "application/xml-external-parsed-entity": "text/plain",
    "application/yaml": "text/plain",
    "font/otf": "font/sfnt",
    "font/ttf": "font/sfnt",
    "image/x-adobe-dng": "image/tiff",
    "message/rfc822": "text/plain",
}
_PARENT_OF_PREFIX = (
    ("application/vnd.openxmlformats-officedocument.", "application/zip"),
    ("application/vnd.oasis.opendocument.", "application/zip"),
    ("application/vnd.ms-excel.", "application/zip"),
    ("application/vnd.ms-word.", "application/zip"),
    ("application/vnd.ms-powerpoint.", "application/zip"),
    ("text/", "text/plain"),
)
_PARENT_OF_SUFFIX = (
    ("+xml", "text/xml"),
    ("+json", "application/json"),
    ("+zip", "application/zip"),
)
# Types that IANA or the format's makers registered, and PRONOM V125 does not have yet.
_REGISTERED = {
    "fmt/2023": "application/vnd.apache.parquet",
    "fmt/286": "application/x-hdf5",
    "fmt/287": "application/x-hdf5",
    "fmt/807": "application/x-hdf5",
    "fmt/818": "application/yaml",
    "fmt/206": "application/sql",
    "fmt/2054": "application/jsonl",
}
_NOTHING = frozenset({"", "application/octet-stream", "inode/x-empty"})


def canonical(mime: str) -> str:
    """One spelling for each type: lower case, without parameters, dialects folded."""
    bare = mime.partition(";")[0].strip().lower()
    return _CANONICAL.get(bare, bare)


def registered(puid: str) -> str:
    """The type of a format for which PRONOM has none; empty if we know none either."""
    return _REGISTERED.get(puid, "")


def is_specific(mime: str) -> bool:
    """True if the type says more than "bytes" or "text"."""
    name = canonical(mime)
    return name not in _NOTHING and name != "text/plain"


def is_text(mime: str) -> bool:
    """True if the type is plain text or a child of it."""
    name = canonical(mime)
    return name == "text/plain" or "text/plain" in _ancestors(name)


def relate(registry: str, magic: str) -> Relation:
    """Weigh libmagic's type against PRONOM's, which may be a list with commas.

    Two kinds of text do not contradict each other: libmagic tells them by a few words.
    """
    second = canonical(magic)
    firsts = {canonical(one) for one in registry.split(",")} - _NOTHING
    if not firsts or second in _NOTHING:
        return Relation.SILENT
    if second in firsts:
        return Relation.SAME
    if any(second in _ancestors(first) for first in firsts):
        return Relation.COARSER
    if firsts & _ancestors(second):
        return Relation.FINER
    if is_text(second) and any(is_text(first) for first in firsts):
        return Relation.SILENT
    return Relation.CONFLICT


def _ancestors(name: str) -> set[str]:
    found: set[str] = set()
    while (parent := _parent(name)) and parent not in found:
        found.add(parent)
        name = parent
    return found


def _parent(name: str) -> str:
    if name == "text/plain":
        return ""
    for suffix, parent in _PARENT_OF_SUFFIX:
        if name.endswith(suffix):
            return parent
    if name in _PARENTS:
        return _PARENTS[name]
    for prefix, parent in _PARENT_OF_PREFIX:
        if name.startswith(prefix):
            return parent
    return ""
