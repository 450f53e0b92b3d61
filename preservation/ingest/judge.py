"""Judge: what a community's policy says to the files of a deposit, format by format.

What is refused is told file by file, since each of them has to be mended. What is only flagged
is told once for each format, with its number of files and where the first ones are: thousands
of warnings would hide the one that matters, and each file's own word stands in the inventory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from preservation.formats.groups import better_than
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding, Severity
from preservation.model.format_check import FormatCheck, Validity
from preservation.model.identification import DOUBTS, Identification
from preservation.model.names import display
from preservation.model.units import counted
from preservation.policy.formats import Action, FormatRules, Ruling, Standing

_EXAMPLES = 3  # paths that a warning names


@dataclass(frozen=True, slots=True)
class _Case:
    """One thing that the policy has against a file.

    Attributes:
        kind: what is told once for all files that share it: the format, the doubt.
    """

    code: str
    action: Action
    message: str
    hint: str
    kind: str
    place: str = ""  # what is wrong with this one file, and where


@dataclass(slots=True)
class _Flagged:
    case: _Case
    files: int = 0
    examples: list[str] = field(default_factory=list)


class Judge:
    """Holds the files of one deposit against its community's format rules."""

    def __init__(self, rules: FormatRules) -> None:
        self._rules = rules
        self._flagged: dict[tuple[str, str], _Flagged] = {}

    def file(self, path: bytes, found: Identification, check: FormatCheck) -> Iterator[Finding]:
        """Everything for which one payload file is refused; flags are only noted.

        Args:
            path: below the payload.
        """
        for case in _cases(found, check, self._rules):
            if case.action is Action.REFUSE:
                yield Finding(case.code, display(path), case.message, case.hint)
            elif case.action is Action.FLAG:
                self._note(path, case)

    def flags(self) -> Iterator[Finding]:
        """What was flagged so far: a warning for each format or doubt, with examples."""
        for one in self._flagged.values():
            more = one.files - len(one.examples)
            where = ", ".join(one.examples) + (f" and {more:,} more" if more else "")
            files = counted(one.files, "file")
            place = f", for example: {one.case.place}" if one.case.place else ""
            message = f"{files}: {one.case.message}{place}"
            yield Finding(one.case.code, where, message, one.case.hint, Severity.WARNING)

    def _note(self, path: bytes, case: _Case) -> None:
        flagged = self._flagged.setdefault((case.code, case.kind), _Flagged(case))
        flagged.files += 1
        if len(flagged.examples) < _EXAMPLES:
            flagged.examples.append(display(path))


def ruling_of(found: Identification, rules: FormatRules) -> Ruling:
    """What the lists say to an identification."""
    return rules.ruling(found.local, found.puid, found.mime)


def _cases(found: Identification, check: FormatCheck, rules: FormatRules) -> Iterator[_Case]:
    name = " ".join(filter(None, (found.name, found.version))) or found.mime
    told = f"{name} ({found.id or found.mime})"
    ruling = ruling_of(found, rules)
    if ruling.standing is Standing.REFUSED:
        hint = better_than((found.local, found.puid, found.mime), rules)
        by = "" if ruling.by in (found.id, found.mime) else f" ({ruling.by})"
        message = f"{told} is a format that this community refuses{by}"
        yield _Case("DEP-FORMAT-REFUSED", Action.REFUSE, message, hint, kind=found.id)
    elif ruling.standing is Standing.UNLISTED and found.id:
        hint = better_than((found.local, found.puid, found.mime), rules)
        message = f"{told} is on none of this community's lists of formats"
        yield _Case("DEP-FORMAT-UNLISTED", rules.unlisted, message, hint, kind=found.id)
    if "empty" in found.flags:
        message, hint = "it is empty: there is no format to be known", "deposit its content"
        yield _Case("DEP-FORMAT-DOUBTFUL", rules.doubtful, message, hint, kind="empty")
    elif not found.id:
        yield _unknown(found, rules)
    elif found.doubtful:
        doubts = ", ".join(sorted(DOUBTS.intersection(found.flags))).replace("_", " ")
        message = f"it looks like {told}, but that is doubtful: {doubts}"
        hint = "open it with its own program; deposit it again if it is cut or misnamed"
        yield _Case(
            "DEP-FORMAT-DOUBTFUL", rules.doubtful, message, hint, kind=f"{found.id} {doubts}"
        )
    if check.validity is Validity.INVALID:
        # What is told once for many files says what they share, and shows one of them.
        refuses = rules.invalid is Action.REFUSE
        why = f"{check.reason}: {check.message}" if refuses and check.message else check.reason
        message = f"{told} does not hold what its format promises: {why}"
        hint = "open it with its own program, and write it anew"
        kind = f"{found.id} {check.reason}"
        yield _Case("DEP-FORMAT-INVALID", rules.invalid, message, hint, kind, check.message)


def _unknown(found: Identification, rules: FormatRules) -> _Case:
    seen = f" ({found.mime_magic})" if found.mime_magic else ""
    message = f"the format is not known{seen}"
    why = ", ".join(one for one in found.flags if one != "unidentified")
    hint = "deposit it in a format that PRONOM knows, or say in a text beside it what it is"
    message += f": {why.replace('_', ' ')}" if why else ""
    kind = f"{found.mime_magic} {why}"
    return _Case("DEP-FORMAT-UNKNOWN", rules.unidentified, message, hint, kind=kind)
