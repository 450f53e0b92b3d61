"""Persistent identifiers as values: parsed, in one canonical form, comparable.

Sources: ISO 26324 and the DOI Handbook section 2 (DOI); GB/T 32843-2016 (CSTR): a registrant
prefix of five characters, a two-digit resource type, a suffix that is kept as given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_DOI = re.compile(r"(10\.\d{4,9}(?:\.\d+)*/\S+)")
_CSTR = re.compile(r"([0-9A-Za-z]{5})\.(\d{2})\.(\S+)")
_RESOLVERS = re.compile(
    r"^(?:https?://)?(?:(?:dx\.)?doi\.org|(?:www\.)?cstr\.cn|identifiers\.org)/+", re.IGNORECASE
)
_SCHEME = re.compile(r"^(doi|cstr)[:\s]\s*", re.IGNORECASE)

SCHEMES = ("doi", "cstr")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A DOI or a CSTR.

    Attributes:
        scheme: ``doi`` or ``cstr``.
        value: canonical for comparison: case-folded, without scheme or resolver.
        shown: as people write it: ``doi:10.57760/sciencedb.06290``, ``CSTR:31253.11.…``.
    """

    scheme: str
    value: str
    shown: str

    @property
    def key(self) -> str:
        """What two spellings of one identifier share."""
        return f"{self.scheme}:{self.value}"


def parse(text: str) -> Identifier | None:
    """Read one identifier in any of its usual spellings; None if it is neither DOI nor CSTR.

    Resolver addresses and doubled schemes (``CSTR:CSTR:…``) are stripped. ``CSTRnull`` and
    IPv4 addresses are not identifiers, whatever other parsers say.
    """
    bare, claimed = text.strip(), ""
    while True:
        shorter = _RESOLVERS.sub("", bare)
        match = _SCHEME.match(shorter)
        if match:
            claimed, shorter = claimed or match[1].lower(), shorter[match.end() :]
        if shorter == bare:
            break
        bare = shorter
    if claimed != "cstr" and _DOI.fullmatch(bare):
        return Identifier("doi", bare.casefold(), f"doi:{bare}")
    if claimed != "doi" and _is_cstr(bare, claimed):
        return Identifier("cstr", bare.casefold(), f"CSTR:{bare}")
    return None


def _is_cstr(bare: str, claimed: str) -> bool:
    match = _CSTR.fullmatch(bare)
    if match is None or match[3].casefold() == "null":
        return False
    # Without its scheme only the registrants' usual shape is believed: five digits.
    return claimed == "cstr" or match[1].isdigit()


def find_all(texts: Iterable[str]) -> list[Identifier]:
    """The identifiers among some texts, each once, in order."""
    found: dict[str, Identifier] = {}
    for text in texts:
        identifier = parse(text)
        if identifier is not None:
            found.setdefault(identifier.key, identifier)
    return list(found.values())
