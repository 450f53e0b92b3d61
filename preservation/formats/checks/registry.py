"""Which check is for which format. Pure: it loads no library.

A format is named by local id, PUID or MIME type, the finest first. A check of a family (any
ZIP, any XML) yields to one that knows the member: an ODF whose PUID is that of ZIP is checked
as an ODF if libmagic saw what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from preservation.formats.mime import canonical
from preservation.model.deferred import dataclass
from preservation.model.identification import Identification


@dataclass(frozen=True, slots=True)
class Entry:
    """One check.

    Attributes:
        name: also of its module.
        keys: PUIDs, MIME types as ``canonical`` spells them, local ids.
        library: what ``pip`` installs for it; empty where nothing is needed.
        family: it knows less than the checks of the family's members.
    """

    name: str
    keys: frozenset[str]
    library: str = ""
    family: bool = False


def _entry(name: str, keys: str, library: str = "", *, family: bool = False) -> Entry:
    return Entry(name, frozenset(keys.split()), library, family)


ENTRIES = (
    _entry("csv", "x-fmt/18 text/csv"),
    _entry("tsv", "x-fmt/13 text/tab-separated-values"),
    _entry(
        "json",
        "fmt/817 fmt/880 fmt/1119 fmt/1367 application/json application/geo+json",
        "ijson",
    ),
    _entry("json_lines", "fmt/2054 application/jsonl application/x-ndjson"),
    _entry(
        "xml",
        # The last ones are XML to everybody but their MIME types.
        "fmt/101 fmt/1776 text/xml fmt/205 fmt/243 fmt/1134 fmt/2106 samarkand/gpx samarkand/trix",
        family=True,
    ),
    _entry("netcdf", "fmt/282 fmt/283 application/netcdf"),
    _entry("hdf5", "fmt/286 fmt/287 fmt/807 application/x-hdf5", "h5py"),
    _entry("fits", "x-fmt/383 application/fits", "astropy"),
    _entry("tiff", "fmt/353 fmt/1917 image/tiff image/x-adobe-dng", "tifffile"),
    _entry("parquet", "fmt/2023 application/vnd.apache.parquet", "pyarrow"),
    _entry("pdf", "application/pdf", "pypdf"),
    _entry(
        "image",
        "image/png image/apng image/jpeg image/jp2 image/jpx image/gif image/webp image/avif "
        "image/bmp image/x-portable-anymap image/x-portable-pixmap image/x-portable-graymap "
        "image/x-portable-bitmap",
        "pillow",
    ),
    _entry("office", "fmt/494 application/epub+zip"),
    _entry(
        "zip",
        "x-fmt/263 application/zip application/java-archive application/vnd.google-earth.kmz",
        family=True,
    ),
    _entry("gzip", "x-fmt/266 application/gzip", family=True),
)
_PREFIXES = (
    ("application/vnd.openxmlformats-officedocument.", "office"),
    ("application/vnd.oasis.opendocument.", "office"),
    ("application/vnd.ms-word.", "office"),
    ("application/vnd.ms-excel.", "office"),
    ("application/vnd.ms-powerpoint.", "office"),
)
# Tables whose columns are parted by spaces, whatever type libmagic or their own makers give them.
_LIKE_NONE = frozenset({"samarkand/ecsv", "samarkand/ipac-table", "samarkand/cds-table"})
_SUFFIXES = (("+xml", "xml"), ("+json", "json"), ("+zip", "zip"))

BY_NAME: Mapping[str, Entry] = {entry.name: entry for entry in ENTRIES}
_BY_KEY: Mapping[str, Entry] = {key: entry for entry in ENTRIES for key in entry.keys}


def check_for(found: Identification) -> Entry | None:
    """The check of a file's format; None if there is none.

    A doubtful answer is no hindrance: whether the file bears out the claim is the question. So
    where a file is unknown, but its name claims a format, that claim is what is checked: a file
    that was cut is often no more than that.
    """
    if found.local in _LIKE_NONE:
        return None
    named = [found.local, found.puid]
    named += [canonical(one) for one in (*found.mime.split(","), found.mime_magic)]
    entries = [entry for name in named if (entry := _of(name))]
    if not entries and not found.puid:
        entries = [entry for name in found.candidates if (entry := _of(name))]
    return min(entries, key=lambda entry: entry.family, default=None)


@lru_cache(4096)
def _of(name: str) -> Entry | None:
    if name in _BY_KEY:
        return _BY_KEY[name]
    for prefix, check in _PREFIXES:
        if name.startswith(prefix):
            return BY_NAME[check]
    return next((BY_NAME[check] for suffix, check in _SUFFIXES if name.endswith(suffix)), None)
