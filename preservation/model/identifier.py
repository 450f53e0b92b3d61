"""Persistent identifiers as values: parsed, in one canonical form, comparable.

Two spellings of one identifier are equal by their ``key``; nothing else about them is changed.

| Scheme | Form | Compared |
|---|---|---|
| doi | ``10.<registrant>/<suffix>`` | without regard to ASCII case |
| cstr | five characters, ``.``, a two-digit type, ``.``, a suffix | without regard to case |
| ark | ``ark:<naan>/<name>`` | hyphens mean nothing; the name's case does |
| handle | ``<naming authority>/<local name>`` | the authority without regard to case |
| local | whatever stands behind ``local:`` | as it is (NFC) |

Sources: ISO 26324 and the DOI Handbook section 2; GB/T 32843-2016 (CSTR: the suffix is kept as
given); draft-kunze-ark-38 (ARK); RFC 3651 section 3 (Handle).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable
from enum import Enum
from urllib.parse import unquote

from preservation.model.deferred import dataclass

LONGEST = 500  # characters; what is longer is no identifier

_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/\S+")
_CSTR = re.compile(r"([0-9A-Za-z]{5})\.(\d{2})\.(\S+)")
_ARK = re.compile(r"/?([0-9A-Za-z]{5,16})/(\S+)")
_HANDLE = re.compile(r"([0-9A-Za-z][0-9A-Za-z.\-]{0,62})/(\S+)")
_SCHEME = re.compile(
    r"(?:urn:)?(doi|cstr|ark|hdl|handle|local)[:\s]\s*|info:(doi|hdl)/", re.IGNORECASE
)
_RESOLVER = re.compile(
    r"https?://:?(?:(?P<doi>(?:dx\.|www\.)?doi\.org)|(?P<cstr>(?:www\.)?cstr\.cn)"
    r"|(?P<handle>hdl\.handle\.net)|(?:identifiers\.org)|(?P<any>[a-z0-9.\-]{3,100}(?=/ark:)))/+"
    r"|(?:dx\.|www\.)?doi\.org/+",
    re.IGNORECASE,
)
# Marks of direction and of no width: two identifiers would look alike, or read as another.
_UNSEEN = frozenset(
    "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_SPELT = {"doi": "doi:", "cstr": "CSTR:", "ark": "ark:", "handle": "hdl:", "local": "local:"}

SCHEMES = tuple(_SPELT)


class IdentifierStatus(Enum):
    """What an identifier leads to, as far as its registry knows."""

    RESERVED = "reserved"  # given, and resolves to nothing yet
    LIVE = "live"
    WITHDRAWN = "withdrawn"  # resolves to a notice


@dataclass(frozen=True, slots=True)
class Identifier:
    """A DOI, CSTR, ARK, Handle or local identifier.

    Attributes:
        scheme: one of ``SCHEMES``.
        value: canonical for comparison, without scheme or resolver.
        shown: as people write it: ``doi:10.57760/sciencedb.06290``, ``CSTR:31253.11.…``.
    """

    scheme: str
    value: str
    shown: str

    @property
    def key(self) -> str:
        """What two spellings of one identifier share."""
        return f"{self.scheme}:{self.value}"

    def to_json(self) -> dict[str, str]:
        """As events and receipts carry it."""
        return {"scheme": self.scheme, "value": self.value, "shown": self.shown}


def parse(text: str) -> Identifier | None:
    """Read one identifier in any of its usual spellings; None if it is none that we know.

    Resolver addresses and doubled schemes (``CSTR:CSTR:…``) are stripped. A DOI, and a CSTR of
    a registrant of five digits, are known without their scheme; an ARK, a Handle and a local
    identifier are not. ``CSTRnull`` and IPv4 addresses are no identifiers, whatever other
    parsers say.
    """
    if len(text) > LONGEST:
        return None
    bare, claimed, resolved = _stripped(unicodedata.normalize("NFC", text.strip()))
    if resolved:
        bare = unquote(bare)
    if not bare or any(
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _UNSEEN for char in bare
    ):
        return None
    if claimed in ("", "doi", "handle") and _DOI.fullmatch(bare):
        return _made("doi", bare.translate(_LOWER), bare)
    if claimed in ("", "cstr"):
        return _cstr(bare, claimed)
    if claimed == "ark":
        return _ark(bare)
    if claimed == "handle":
        return _handle(bare)
    return _made("local", bare, bare) if claimed == "local" else None


def find_all(texts: Iterable[str]) -> list[Identifier]:
    """The identifiers among some texts, each once, in order."""
    found: dict[str, Identifier] = {}
    for text in texts:
        identifier = parse(text)
        if identifier is not None:
            found.setdefault(identifier.key, identifier)
    return list(found.values())


def _stripped(text: str) -> tuple[str, str, bool]:
    """What is left without schemes and resolvers; the scheme claimed; whether by a resolver."""
    bare, claimed, resolved = text, "", False
    while claimed != "local":
        if match := _RESOLVER.match(bare):
            resolved = True
            claimed = claimed or next((name for name in _SPELT if match.groupdict().get(name)), "")
        elif match := _SCHEME.match(bare):
            named = (match[1] or match[2]).lower()
            claimed = claimed or {"hdl": "handle"}.get(named, named)
        else:
            break
        bare = bare[match.end() :]
    return bare, claimed, resolved


def _cstr(bare: str, claimed: str) -> Identifier | None:
    match = _CSTR.fullmatch(bare)
    if match is None or match[3].casefold() == "null":
        return None
    # Without its scheme only the registrants' usual shape is believed: five digits.
    if not claimed and not match[1].isdigit():
        return None
    return _made("cstr", bare.casefold(), bare)


def _ark(bare: str) -> Identifier | None:
    match = _ARK.fullmatch(bare)
    if match is None:
        return None
    naan, name = match[1].translate(_LOWER), match[2].rstrip("/.")
    value = re.sub("[-\u2010-\u2015]", "", name)
    return _made("ark", f"{naan}/{value}", f"{naan}/{name}") if value else None


def _handle(bare: str) -> Identifier | None:
    match = _HANDLE.fullmatch(bare)
    return match and _made("handle", f"{match[1].translate(_LOWER)}/{match[2]}", bare)


def _made(scheme: str, value: str, shown: str) -> Identifier:
    return Identifier(scheme, value, _SPELT[scheme] + shown)
