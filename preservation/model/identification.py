"""What a file is: the value that identification gives and the inventory keeps."""

from __future__ import annotations

from enum import Enum

from preservation.model.deferred import dataclass

# What each flag means is told in docs/explanation/formats.md.
DOUBTS = frozenset(
    {
        "ambiguous",
        "conflict",
        "corrupted",
        "crashed",
        "empty",
        "extension_mismatch",
        "suspect_damage",
        "tentative",
        "timeout",
        "truncated",
        "unidentified",
        "unreadable",
    }
)
REMARKS = frozenset({"encrypted", "second_opinion_absent"})  # flags that are no doubt of the format
UNCHECKED = frozenset({"crashed", "timeout", "unreadable"})  # nobody could look, or not to the end


class Basis(Enum):
    """What the answer rests on, strongest first. An extension alone is a guess."""

    CONTAINER = "container"
    SIGNATURE = "signature"
    LOCAL = "local"
    TEXT = "text"
    EXTENSION = "extension"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Whose answer it was: kept with each identification, so that it can be asked again.

    Attributes:
        local: version of our own table of signatures, rules and tests.
    """

    siegfried: str
    signatures: str
    libmagic: str
    local: str = ""

    def __str__(self) -> str:
        return (
            f"siegfried {self.siegfried}; {self.signatures}; libmagic {self.libmagic or 'absent'}"
            + (f"; samarkand {self.local}" if self.local else "")
        )


@dataclass(frozen=True, slots=True)
class Identification:
    """One file's format: PRONOM's word as the authority, libmagic's as the second opinion.

    Attributes:
        puid: PRONOM identifier, empty when PRONOM has none for it; with a ``local`` id beside
            it, the same format's, or that of the parent which ``local`` refines.
        local: identifier from our own table, ``samarkand/…``; empty where PRONOM says it all.
        mime: what we report: of the local signature, else PRONOM's, else one that we know to be
            registered, else libmagic's, else empty; a bare guess by extension yields to
            libmagic's contradiction.
        mime_magic: libmagic's own word; empty where it is absent or was not asked.
        candidates: PUIDs and local ids that were named and not chosen.
        flags: sorted words, each of :data:`DOUBTS` or :data:`REMARKS`.
        warnings: the tools' own words on what is odd, for people.
    """

    puid: str = ""
    name: str = ""
    version: str = ""
    mime: str = ""
    mime_magic: str = ""
    basis: Basis = Basis.NONE
    candidates: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    local: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The finest identifier there is: the local one, else the PUID, else empty."""
        return self.local or self.puid

    @property
    def doubtful(self) -> bool:
        """Whether anything speaks against the answer, or there is none."""
        return not DOUBTS.isdisjoint(self.flags)

    @property
    def unchecked(self) -> bool:
        """Whether a tool could not look at the file, so that nothing is known of the rest."""
        return not UNCHECKED.isdisjoint(self.flags)
