"""What a file is: the value that identification gives and the inventory keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Basis(Enum):
    """What the answer rests on, strongest first. An extension alone is a guess."""

    CONTAINER = "container"
    SIGNATURE = "signature"
    TEXT = "text"
    EXTENSION = "extension"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Whose answer it was: kept with each identification, so that it can be asked again."""

    siegfried: str
    signatures: str
    libmagic: str

    def __str__(self) -> str:
        return (
            f"siegfried {self.siegfried}; {self.signatures}; libmagic {self.libmagic or 'absent'}"
        )


@dataclass(frozen=True, slots=True)
class Identification:
    """One file's format: PRONOM's word as the authority, libmagic's as the second opinion.

    Attributes:
        puid: PRONOM identifier, empty when unknown.
        mime: what we report: PRONOM's MIME type, else one that we know to be registered, else
            libmagic's, else empty; a bare guess by extension yields to libmagic's contradiction.
        mime_magic: libmagic's own word; empty where it is absent or was not asked.
        flags: sorted words: ``unidentified tentative extension_mismatch conflict
            suspect_damage empty timeout crashed unreadable second_opinion_absent``.
    """

    puid: str = ""
    name: str = ""
    version: str = ""
    mime: str = ""
    mime_magic: str = ""
    basis: Basis = Basis.NONE
    candidates: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
