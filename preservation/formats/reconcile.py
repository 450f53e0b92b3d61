"""Reconcile: evidence in, one answer out. Pure, and told by tables.

PRONOM is the authority, libmagic the second opinion, our own table decides where PRONOM is
known to be blind or coarse, and an extension alone is a guess until the content or libmagic
bears it out. What is doubtful says so in its flags.

Source: ``docs/explanation/formats.md``, ``docs/decisions/0030-two-opinions.md``,
``docs/decisions/0095-a-table-of-our-own.md``.
"""

from __future__ import annotations

from collections.abc import Callable

from preservation.formats.evidence import Content, Evidence, Status
from preservation.formats.extensions import IN_USE, NEUTRAL, TEXTUAL, VAGUE
from preservation.formats.mime import Relation, canonical, is_specific, is_text, registered, relate
from preservation.formats.signatures.local_format import LocalFormat
from preservation.formats.signatures.table import CHILDREN, FORMATS, TEXT_PUIDS
from preservation.model.deferred import dataclass
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
_SURE = frozenset({Basis.CONTAINER, Basis.SIGNATURE})
_PLAIN_TEXT = ("x-fmt/111", "Plain Text File", "text/plain")


@dataclass(frozen=True, slots=True)
class _Case:
    """The evidence, with what every rule asks about it.

    Attributes:
        basis: what PRONOM's match rests on.
        row: of our own table, where it decides.
    """

    evidence: Evidence
    basis: Basis
    relation: Relation
    row: LocalFormat | None

    @property
    def magic(self) -> str:
        """What libmagic said; empty where it is absent."""
        return self.evidence.magic or ""

    @property
    def plain(self) -> bool:
        """Text that PRONOM and the table know nothing more of."""
        guess = self.basis is Basis.EXTENSION and self.evidence.content is Content.REFUTED
        return self.row is None and self.evidence.text and (not self.evidence.puid or guess)


def reconcile(evidence: Evidence) -> Identification:
    """Weigh what was said about one file. Always gives an answer."""
    if evidence.status is not Status.READ:
        return Identification(
            mime_magic=evidence.magic or "",
            candidates=evidence.candidates,
            flags=_sorted({evidence.status.value}, evidence),
        )
    basis = basis_of(evidence)
    row = _deciding(evidence, basis)
    case = _Case(evidence, basis, relate(evidence.mime, evidence.magic or ""), row)
    flags = {flag for flag, holds in _FLAGS if holds(case)}
    flags |= {flag for flag, _ in evidence.troubles}
    flags |= {evidence.without.value} if evidence.without else set()
    puid, name, version, mime, rests = _answer(case)
    others = [*evidence.candidates, evidence.puid, evidence.local]
    chosen = {puid, row.id if row else ""}
    return Identification(
        puid=puid,
        name=name,
        version=version,
        mime=mime,
        mime_magic=evidence.magic or "",
        basis=rests,
        candidates=tuple(dict.fromkeys(one for one in others if one and one not in chosen)),
        flags=_sorted(flags, evidence),
        local=row.id if row and not (row.puid and row.puid == evidence.puid) else "",
        warnings=_warnings(evidence, flags),
    )


def basis_of(evidence: Evidence) -> Basis:
    """The strongest thing that PRONOM's match rests on."""
    if not evidence.puid:
        return Basis.NONE
    return next((basis for words, basis in _BASES if words in evidence.basis), Basis.EXTENSION)


def _deciding(evidence: Evidence, basis: Basis) -> LocalFormat | None:
    """Our own row, where PRONOM has no surer word or only its parent's."""
    row = FORMATS.get(evidence.local)
    if row is None:
        return None
    over = row.parents | row.wrong | {row.puid}
    return row if basis not in _SURE or evidence.puid in over else None


def _answer(case: _Case) -> tuple[str, str, str, str, Basis]:
    """PUID, name, version, MIME type and basis."""
    evidence, row = case.evidence, case.row
    if case.plain:
        return *_PLAIN_TEXT[:2], "", _PLAIN_TEXT[2], Basis.TEXT
    if row is None:
        return evidence.puid, evidence.name, evidence.version, _reported_mime(case), case.basis
    if evidence.puid == row.puid and row.puid:
        rests = case.basis if case.basis in _SURE else Basis.LOCAL
        mime = row.mime or _reported_mime(case)
        return row.puid, evidence.name, evidence.version or row.version, mime, rests
    puid = row.puid or (
        evidence.puid if evidence.puid in row.parents and case.basis in _SURE else ""
    )
    return puid, row.name, row.version, row.mime or canonical(case.magic), Basis.LOCAL


def _reported_mime(case: _Case) -> str:
    """PRONOM's first MIME type, else libmagic's; a bare guess yields to a contradiction."""
    if case.basis is Basis.EXTENSION and case.relation is Relation.CONFLICT:
        return canonical(case.magic)
    first = case.evidence.mime.partition(",")[0].strip()
    return first or registered(case.evidence.puid) or canonical(case.magic)


def _unidentified(case: _Case) -> bool:
    return not case.evidence.puid and case.row is None and not case.plain


def _tentative(case: _Case) -> bool:
    """A guess that nothing bears out: by extension, or as text under a name that says more."""
    if case.row is not None:
        return False
    if case.plain or case.basis is Basis.TEXT:
        return _says_more(case)
    return case.basis is Basis.EXTENSION and not _corroborated(case)


def _says_more(case: _Case) -> bool:
    """A name that claims a format which text of no known kind is not."""
    return case.evidence.claims and case.evidence.extension not in NEUTRAL | TEXTUAL | VAGUE


def _corroborated(case: _Case) -> bool:
    if case.evidence.content is not Content.SILENT:
        return case.evidence.content is Content.CONFIRMED
    return case.relation in (Relation.SAME, Relation.COARSER)


def _extension_mismatch(case: _Case) -> bool:
    """The name is known to claim another format than the one that was found."""
    evidence, row = case.evidence, case.row
    extension = evidence.extension
    if case.plain or (case.basis is Basis.TEXT and row is None):
        return False
    if not evidence.claims or extension in NEUTRAL or (evidence.text and extension in TEXTUAL):
        return False
    seen = FORMATS.get(evidence.local)
    if (seen is not None and extension in seen.extensions) or _is_of_a_child(
        extension, evidence, row
    ):
        return False
    if row is not None and not (row.puid and row.puid == evidence.puid):
        return True
    return "extension mismatch" in evidence.warning


def _is_of_a_child(extension: str, evidence: Evidence, row: LocalFormat | None) -> bool:
    """Whether the name claims a finer format, of which the one that was found is a parent."""
    sure = evidence.puid if basis_of(evidence) in _SURE else ""
    found = {sure, row.puid if row else ""} - {""}
    return any(
        extension in IN_USE.get(one, ()) or extension in CHILDREN.get(one, ()) for one in found
    )


def _conflict(case: _Case) -> bool:
    both_specific = is_specific(case.magic) and is_specific(case.evidence.mime)
    return case.row is None and case.relation is Relation.CONFLICT and both_specific


def _suspect_damage(case: _Case) -> bool:
    """The container's reader failed, or PRONOM misses the end of what libmagic sees begin."""
    begins = is_specific(case.magic) and not is_text(case.magic)
    cut = not case.evidence.puid and case.row is None and bool(case.evidence.candidates) and begins
    return bool(case.evidence.error) or cut


def _corrupted(case: _Case) -> bool:
    """It begins like a format that is text, and holds what no text does."""
    evidence = case.evidence
    asked = bool(evidence.mime) and evidence.without is None
    names = [canonical(one) for one in evidence.mime.split(",")]
    told = evidence.puid in TEXT_PUIDS or any(
        name.startswith("text/") or name.endswith("+xml") for name in names
    )
    return asked and case.row is None and case.basis in _SURE and told and not evidence.text


_FLAGS: tuple[tuple[str, Callable[[_Case], bool]], ...] = (
    ("ambiguous", lambda case: case.evidence.several and case.row is None),
    ("unidentified", _unidentified),
    ("tentative", _tentative),
    ("extension_mismatch", _extension_mismatch),
    ("conflict", _conflict),
    ("corrupted", _corrupted),
    ("suspect_damage", _suspect_damage),
)


_TOLD = frozenset(
    {"ambiguous", "extension_mismatch", "suspect_damage", "tentative", "unidentified"}
)


def _warnings(evidence: Evidence, flags: set[str]) -> tuple[str, ...]:
    """What the tools said; a warning of Siegfried's only while it still stands."""
    warning = "" if flags.isdisjoint(_TOLD) else evidence.warning
    said = (warning, evidence.error, *(why for _, why in evidence.troubles))
    return tuple(one for one in said if one)


def _sorted(flags: set[str], evidence: Evidence) -> tuple[str, ...]:
    asked = evidence.status in (Status.READ, Status.EMPTY)
    absent = {"second_opinion_absent"} if asked and evidence.magic is None else set()
    return tuple(sorted(flags | absent))
