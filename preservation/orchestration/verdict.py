"""How a community stands, in words: for the note of a run, its log and its failure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from heapq import nsmallest

from preservation.catalogue.promises import BROKEN_WORDS, Broken, Standing
from preservation.catalogue.protocol import FindingRow
from preservation.model.deferred import dataclass
from preservation.model.finding import Severity
from preservation.model.units import counted

NOTE = 1000  # characters that the note of a run holds
_LISTED = 100  # findings with a line; the counts above them are always whole
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Green or red, and why.

    Attributes:
        well: no finding is open, no promise broken, no check overdue.
        headline: one line.
        lines: what is wrong, each with its next step, the gravest first.
        more: findings that have no line.
    """

    well: bool
    headline: str
    lines: tuple[str, ...]
    more: int = 0

    def note(self) -> str:
        """As much of it as a run's note holds, in Markdown."""
        text = f"**{self.headline}**"
        for index, line in enumerate(self.lines):
            left = len(self.lines) - index + self.more
            more = f"\n\n… and {left} more: see the log of `look`"
            if len(text) + len(line) + len(more) + 3 > NOTE:
                return text + more
            text += f"\n- {line}"
        return text

    def log(self) -> None:
        """All of it, line by line."""
        level = logging.INFO if self.well else logging.ERROR
        _log.log(level, "%s", self.headline)
        for line in self.lines:
            _log.log(level, "%s", line)
        if self.more:
            _log.log(level, "and %s more findings: `preserve finding list --json`", self.more)


def verdict(standing: Standing, findings: Iterable[FindingRow]) -> Verdict:
    """Put a standing and the open findings into words; of many only the gravest are kept."""
    grave = Tally(row for row in findings if row.severity != Severity.WARNING.value)
    told = nsmallest(_LISTED, grave, key=_gravest_first)
    counts = [counted(grave.count, "open finding")] if told else []
    counts += [f"{count} {BROKEN_WORDS.get(code, code)}" for code, count in standing.totals.items()]
    if standing.kept:
        headline = _well(standing)
    else:
        headline = f"Not all promises are kept: {', '.join(counts)}"
    lines = (*_findings(told), *_broken(standing.broken))
    return Verdict(standing.kept, headline, lines, grave.count - len(told))


class Tally:
    """Rows that are counted while they pass."""

    def __init__(self, rows: Iterable[FindingRow]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[FindingRow]:
        for row in self._rows:
            self.count += 1
            yield row


def _gravest_first(row: FindingRow) -> tuple[bool, datetime]:
    return row.severity != Severity.CRITICAL.value, row.opened_at


def _well(standing: Standing) -> str:
    held = standing.holdings.versions
    if not held:
        return "Nothing is held yet, so nothing is promised"
    return f"Every promise is kept for {counted(held, 'AIP version')}"


def _findings(rows: Iterable[FindingRow]) -> list[str]:
    return [
        _line(f"{row.code} {row.subject}: {row.message}", row.hint, f"`{row.id}`") for row in rows
    ]


def _broken(rows: Iterable[Broken]) -> list[str]:
    return [
        _line(f"{row.subject}: {BROKEN_WORDS.get(row.code, row.code)}", row.next_step)
        for row in rows
    ]


def _line(what: str, next_step: str, mark: str = "") -> str:
    sentence = f"{what.rstrip('.')}."
    if next_step:
        sentence += f" Next: {next_step.rstrip('.')}."
    return f"{sentence} {mark}".rstrip()
