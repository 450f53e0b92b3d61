"""Reconcile: evidence in, one answer out. Pure, and told by tables.

PRONOM is the authority, libmagic the second opinion, and an extension alone is a guess until
the content or libmagic bears it out. What is doubtful says so in its flags.

Source: ``docs/explanation/formats.md``, ``docs/decisions/0030-two-opinions.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from preservation.formats.evidence import Content, Evidence, Status
from preservation.formats.mime import Relation, canonical, is_specific, is_text, registered, relate
from preservation.model.identification import Basis, Identification

# Siegfried's words for what a match rests on, strongest first.
_BASES = (
    ("container match", Basis.CONTAINER),
    ("byte match", Basis.SIGNATURE),
    ("xml match", Basis.SIGNATURE),
    ("riff match", Basis.SIGNATURE),
    ("text match", Basis.TEXT),
    ("extension match", Basis.EXTENSION),
)
# Extensions that claim nothing, so that no format can contradict them.
_NEUTRAL = frozenset(
    {"", "bak", "bin", "dat", "data", "download", "file", "old", "orig", "part", "raw", "tmp"}
)


@dataclass(frozen=True, slots=True)
class _Case:
    """The evidence, with what every rule asks about it."""

    evidence: Evidence
    basis: Basis
    relation: Relation

    @property
    def magic(self) -> str:
        """What libmagic said; empty where it is absent."""
        return self.evidence.magic or ""


def reconcile(evidence: Evidence) -> Identification:
    """Weigh what the tools said about one file. Always gives an answer."""
    if evidence.status is not Status.READ:
        return Identification(
            mime_magic=evidence.magic or "",
            candidates=evidence.candidates,
            flags=_sorted({evidence.status.value}, evidence),
        )
    case = _Case(evidence, basis_of(evidence), relate(evidence.mime, evidence.magic or ""))
    return Identification(
        puid=evidence.puid,
        name=evidence.name,
        version=evidence.version,
        mime=_reported_mime(case),
        mime_magic=evidence.magic or "",
        basis=case.basis,
        candidates=evidence.candidates,
        flags=_sorted({flag for flag, holds in _FLAGS if holds(case)}, evidence),
    )


def basis_of(evidence: Evidence) -> Basis:
    """The strongest thing that the match rests on."""
    if not evidence.puid:
        return Basis.NONE
    return next((basis for words, basis in _BASES if words in evidence.basis), Basis.EXTENSION)


def _reported_mime(case: _Case) -> str:
    """PRONOM's first MIME type, else libmagic's; a bare guess yields to a contradiction."""
    if case.basis is Basis.EXTENSION and case.relation is Relation.CONFLICT:
        return canonical(case.magic)
    first = case.evidence.mime.partition(",")[0].strip()
    return first or registered(case.evidence.puid) or canonical(case.magic)


def _unidentified(case: _Case) -> bool:
    return not case.evidence.puid


def _tentative(case: _Case) -> bool:
    """A guess that nothing bears out: by extension, or as text under a name that says more."""
    match case.basis:
        case Basis.EXTENSION:
            return not _corroborated(case)
        case Basis.TEXT:
            claims = case.evidence.extension not in _NEUTRAL
            alone = "extension match" not in case.evidence.basis
            return alone and (claims or case.relation is not Relation.SAME)
        case _:
            return False


def _corroborated(case: _Case) -> bool:
    if case.evidence.content is not Content.SILENT:
        return case.evidence.content is Content.CONFIRMED
    return case.relation in (Relation.SAME, Relation.COARSER)


def _extension_mismatch(case: _Case) -> bool:
    """Siegfried's warning, where the name claims something and more than "text" contradicts."""
    return (
        "extension mismatch" in case.evidence.warning
        and case.evidence.extension not in _NEUTRAL
        and case.basis is not Basis.TEXT
    )


def _conflict(case: _Case) -> bool:
    both_specific = is_specific(case.magic) and is_specific(case.evidence.mime)
    return case.relation is Relation.CONFLICT and both_specific


def _suspect_damage(case: _Case) -> bool:
    """The container's reader failed, or PRONOM misses the end of what libmagic sees begin."""
    begins = is_specific(case.magic) and not is_text(case.magic)
    cut = not case.evidence.puid and bool(case.evidence.candidates) and begins
    return bool(case.evidence.error) or cut


_FLAGS: tuple[tuple[str, Callable[[_Case], bool]], ...] = (
    ("unidentified", _unidentified),
    ("tentative", _tentative),
    ("extension_mismatch", _extension_mismatch),
    ("conflict", _conflict),
    ("suspect_damage", _suspect_damage),
)


def _sorted(flags: set[str], evidence: Evidence) -> tuple[str, ...]:
    asked = evidence.status in (Status.READ, Status.EMPTY)
    absent = {"second_opinion_absent"} if asked and evidence.magic is None else set()
    return tuple(sorted(flags | absent))
