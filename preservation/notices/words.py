"""What a message says: plain text for people, and the same as a document for machines.

Names from deposits are one harmless line each, and no line of ours is made of them alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from preservation.catalogue.promises import BROKEN_WORDS, Broken
from preservation.catalogue.protocol import FindingRow
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.finding import Severity
from preservation.model.names import display
from preservation.model.units import counted, format_size
from preservation.notices.due import UNDELIVERED, Changes, Due, Now
from preservation.notices.message import seen

LISTED = 20  # findings in full, of one community in one message; the counts are always whole
_NAMED = 3  # names of each kind of broken promise
_LONGEST = 400  # characters of one line made from what others wrote
_PART = 20_000  # characters about one community
_TEXT = 400_000  # characters of a whole message
_RULE = "=" * 64


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of a finding that was told to be open."""

    id: str
    words: str


@dataclass(frozen=True, slots=True)
class Section:
    """One community's part of a message.

    Attributes:
        opened: the first of what is new, in full.
        happened: counts by word, from ``first`` to ``last``; None where no summary is due.
        failing: recipients that are not reached, with the reason.
    """

    now: Now
    due: Due
    changes: Changes
    opened: Sequence[FindingRow]
    closed: Sequence[Closed]
    happened: Counter[str] | None
    first: date
    last: date
    failing: Sequence[str]

    @property
    def title(self) -> str:
        """The community's name."""
        return _line(self.now.policy.title["en"])

    @property
    def tells(self) -> bool:
        """Whether what changed is told: those who want no findings have the state alone."""
        return bool(self.changes) and (self.due.findings or self.due.digest or self.due.alive)


def subject(sections: Sequence[Section]) -> str:
    """One line that can be read alone in a list of mails."""
    critical = sum(_critical(section) for section in sections)
    unwell = [section for section in sections if not section.now.standing.kept]
    names = sections[0].title if len(sections) == 1 else f"{len(sections)} communities"
    if critical:
        what = f"CRITICAL: {critical} without an intact replica or as grave"
    elif any(section.due.findings for section in sections):
        opened = sum(len(section.changes.new) for section in sections)
        what = counted(opened, "new finding") if opened else _state(unwell)
        if not opened and any(section.failing for section in sections):
            what = f"not everybody is reached; {what}"
    else:
        kind = "summary" if any(section.due.digest for section in sections) else "still alive"
        what = f"{kind}: {_state(unwell)}"
    return f"[Samarkand] {names}: {what}"


def _state(unwell: Sequence[Section]) -> str:
    return "not all promises are kept" if unwell else "all promises are kept"


def _critical(section: Section) -> int:
    return sum(row.severity == Severity.CRITICAL.value for row in section.changes.new)


def text(sections: Sequence[Section], agent: str, at: datetime) -> str:
    """The whole message."""
    parts, room = [], _TEXT
    for number, section in enumerate(sections):
        part = "\n".join(_section(section))
        if len(part) > min(_PART, room):
            cut = part[: min(_PART, room)].rpartition("\n")[0]
            part = f"{cut}\n… cut here: `preserve finding list` shows all"
        parts.append(part)
        room -= len(part)
        if room <= 0:
            parts.append(f"… and {len(sections) - number - 1} more communities")
            break
    names = ", ".join(section.now.policy.community for section in sections[:10])
    foot = (
        f"-- \nSent {stamp(at)[:16]}Z by {_line(agent)}.\n"
        f"The policy of {names} names you; `notify` in it says how often you are told.\n"
    )
    return "\n\n".join(parts) + "\n\n" + foot


def _section(section: Section) -> Iterator[str]:
    now = section.now
    yield section.title
    yield _RULE
    yield headline(now)
    if section.tells:
        yield from _opened(section)
        yield from _settled(section)
    yield from _broken(now)
    if section.failing:
        yield "\nNot reached by messages:"
        yield from (f"- {_line(one)}" for one in section.failing)
    if section.due.digest or section.due.alive:
        yield from _summary(section)
    yield f"\nQuestions: {_line(now.policy.contact)}"


def headline(now: Now) -> str:
    """How the community stands, in a sentence."""
    standing = now.standing
    if standing.kept:
        held = standing.holdings.versions
        if not held:
            return "Nothing is held yet, so nothing is promised."
        return f"Every promise is kept for {counted(held, 'AIP version')}."
    found = len(now.findings)
    counts = [counted(found, "open finding")] if found else []
    counts += [f"{number:,} {BROKEN_WORDS.get(code, code)}" for code, number in _totals(now)]
    return f"Not all promises are kept: {', '.join(counts)}."


def _totals(now: Now) -> Iterable[tuple[str, int]]:
    return now.standing.totals.items()


def _opened(section: Section) -> Iterator[str]:
    if not section.changes.new:
        return
    yield "\nNew, or changed, since you were last told:"
    for row in section.opened:
        grave = "CRITICAL " if row.severity == Severity.CRITICAL.value else ""
        yield f"- {grave}{row.code} “{_line(row.subject)}”: {_line(row.message)}"
        if row.hint:
            yield f"  Next: {_line(row.hint)}"
        yield f"  `preserve finding show {row.id}`"
    if rest := section.changes.new[LISTED:]:
        counts = Counter(row.code for row in rest)
        more = ", ".join(f"{number:,} of {code}" for code, number in sorted(counts.items()))
        yield f"- and {len(rest):,} more: {more}. `preserve finding list` shows all."


def _settled(section: Section) -> Iterator[str]:
    kept = [_promise(code) for code in section.changes.kept]
    if not section.closed and not kept:
        return
    yield "\nNo longer wrong:"
    yield from (f"- {_line(one.words)}" for one in section.closed[:LISTED])
    if len(section.changes.closed) > LISTED:
        yield f"- and {len(section.changes.closed) - LISTED:,} more findings"
    yield from (f"- nothing is {words} any more" for words in kept)


def _promise(code: str) -> str:
    if code.startswith(UNDELIVERED):
        return f"kept from {seen(code.removeprefix(UNDELIVERED))}"
    return BROKEN_WORDS.get(code, code)


def _broken(now: Now) -> Iterator[str]:
    if not now.standing.totals:
        return
    yield "\nBroken promises:"
    for code, number in _totals(now):
        of = [one for one in now.standing.broken if one.code == code]
        yield f"- {number:,} {BROKEN_WORDS.get(code, code)}: {_names(of, number)}"
        if of and of[0].next_step:
            yield f"  Next: {of[0].next_step}"


def _names(of: Sequence[Broken], number: int) -> str:
    names = [f"“{_line(one.subject)}” since {stamp(one.since)[:10]}" for one in of[:_NAMED]]
    more = f" and {number - len(names):,} more" if number > len(names) else ""
    return "; ".join(names) + more


def _summary(section: Section) -> Iterator[str]:
    standing = section.now.standing
    held = standing.holdings
    yield (
        f"\nHeld: {counted(held.aips, 'AIP')} in {counted(held.versions, 'version')}, "
        f"{counted(held.files, 'file')}, {format_size(held.octets)}."
    )
    for tier in standing.tiers:
        oldest = stamp(tier.oldest_check)[:10] if tier.oldest_check else "none"
        yield (
            f"- {tier.tier}: {tier.verified:,} of {tier.replicas:,} replicas verified, "
            f"{tier.overdue:,} checks overdue, oldest evidence: {oldest}"
        )
    yield f"If one thing fails: {_line(standing.independence)}."
    if section.happened is not None:
        span = f"{section.first.isoformat()} to {section.last.isoformat()}"
        yield f"\nFrom {span} (UTC): {happened(section.happened)}."
    if standing.deadline is not None:
        next_ = standing.deadline
        yield f"Next by itself: {next_.what} “{_line(next_.subject)}” by {stamp(next_.at)[:10]}."


def happened(counts: Counter[str]) -> str:
    """``300 checks (300 intact), 5 deposits accepted``; what did not happen is said, too."""
    checks = counts["checks"]
    outcomes = ", ".join(
        f"{counts[f'checks {word}']:,} {word}"
        for word in ("intact", "altered", "missing", "unreadable")
        if counts[f"checks {word}"]
    )
    read = format_size(counts["bytes read"])
    told = [f"{checks:,} checks ({outcomes}; {read} read)" if checks else "nothing was checked"]
    told += [
        f"{counts[word]:,} {word}"
        for word in (
            *("deposits accepted", "deposits rejected", "replicas written", "replicas repaired"),
            *("findings opened", "findings closed"),
        )
        if counts[word]
    ]
    return ", ".join(told)


def document(sections: Sequence[Section], agent: str, at: datetime) -> dict[str, Any]:
    """The same for machines; see ``docs/reference/notices.md``."""
    return {
        "at": stamp(at),
        "agent": _line(agent),
        "communities": [_community(section) for section in sections],
    }


def _community(section: Section) -> dict[str, Any]:
    now = section.now
    shown = section.changes if section.tells else Changes((), (), (), ())
    return {
        "community": now.policy.community,
        "title": section.title,
        "kept": now.standing.kept,
        "headline": headline(now),
        "why": [word for word in ("findings", "digest", "alive") if getattr(section.due, word)],
        "open": len(now.findings),
        "new": [_finding(row) for row in section.opened] if section.tells else [],
        "new_count": len(shown.new),
        "closed": list(shown.closed[:LISTED]),
        "closed_count": len(shown.closed),
        "broken": dict(now.standing.totals),
        "overdue": now.standing.overdue,
    }


def _finding(row: FindingRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.code,
        "severity": row.severity,
        "subject": _line(row.subject),
        "message": _line(row.message),
        "hint": _line(row.hint),
        "tier": row.tier,
        "aip": row.aip,
        "version": row.version,
        "opened_at": stamp(row.opened_at),
    }


def _line(words: str) -> str:
    """One harmless line, however long and strange it was."""
    shown = display(words.encode("utf-8", "backslashreplace"))
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
